"""The sky frame of one filter as PipelineTasks, and its verification."""

from dataclasses import replace
from typing import ClassVar

import numpy as np
from lsst.pipe.base import PipelineTaskConfig, PipelineTaskConnections

from infra.errors import CalprodError
from infra.images import CalibrationImage, CorrectedExposure, MaskPlane
from infra.instruments.layout import DetectorLayout
from tasks.combine.connections import (
    calibration_prerequisite,
    leave_out_unused,
    optional_calibration,
    optional_table,
    raws_input,
    residuals_output,
    statistics_output,
)
from tasks.combine.pipeline_task import corrected
from tasks.combine.priors import Priors
from tasks.combine.raw_inputs import RawInput
from tasks.combine.smooth_sky import flag_sources
from tasks.isr.steps import Purpose
from tasks.sky import verify
from tasks.sky.run.config import SourcesConfig
from tasks.sky.run.grid_tasks import SkyMeasureTask, SkyMergeTask, SkyTask
from tasks.verification.model import ExposureGroup
from tasks.verification.noise import NoiseModel
from tasks.verification.pipeline_task import Room, VerificationConfig, VerificationTask
from tasks.verification.quantum import Candidate, ProductMeasurement
from tasks.verification.statistics import ResidualStatistics

__all__ = ["SkyMeasureTask", "SkyMergeTask", "SkyTask", "VerifySkyTask"]

_DIMENSIONS = ("instrument", "detector", "physical_filter")


class VerifySkyConnections(PipelineTaskConnections, dimensions=_DIMENSIONS):
    """Science exposures, the calibrations and the sky frame under test in, statistics and residuals out."""

    raws = raws_input("Science exposures of one filter: the inputs of the sky frame and others.")
    bias = calibration_prerequisite("bias", "Bias to subtract.")
    dark = calibration_prerequisite("dark", "Dark to subtract.")
    flat = calibration_prerequisite("flat", "Flat to divide by.", per_filter=True)
    sky = calibration_prerequisite("sky", "The sky frame under test.", per_filter=True)
    fringe = optional_calibration("fringe", "Fringe frame to subtract.", per_filter=True)
    crosstalk = optional_table("crosstalk", "Crosstalk to subtract.")
    linearizer = optional_table("linearizer", "Linearizer to straighten the response with.")
    ptc = optional_table("ptc", "Photon transfer curve with gains and read noises.")
    defects = optional_table("defects", "Defects to flag.")
    bfk = optional_table("bfk", "Brighter-fatter kernel to correct with.")
    electroBfDistortionMatrix = optional_table(  # noqa: N815 - as the dataset type
        "electroBfDistortionMatrix", "Distortion matrix to correct the brighter-fatter effect with."
    )
    statistics = statistics_output("verifySkyStatistics", per_filter=True)
    residuals = residuals_output("verifySkyResiduals", per_filter=True)

    def __init__(self, *, config: "VerifySkyConfig") -> None:
        leave_out_unused(self, config.isr)


class VerifySkyConfig(
    PipelineTaskConfig, VerificationConfig, SourcesConfig, pipelineConnections=VerifySkyConnections
):
    """Settings of the verification of a sky frame."""


class VerifySkyTask(VerificationTask):
    """Subtract the sky frame under test from exposures and measure the structure that is left."""

    ConfigClass = VerifySkyConfig
    _DefaultName: ClassVar[str] = "verifySky"
    room: ClassVar[Room] = verify
    candidate: ClassVar[str] = "sky"
    purpose: ClassVar[Purpose] = "verifySky"

    _frame: CalibrationImage
    """The sky frame under test: the corrections do not know how to apply it, so it is not among theirs."""

    def measure_product(self, candidate: Candidate, layout: DetectorLayout) -> ProductMeasurement | None:
        """Measure the sky frame itself, and keep it for the exposures."""
        self._frame = _frame(candidate)
        return verify.product_statistics(self._frame)

    def measure_exposure(
        self, raw: RawInput, priors: Priors, model: NoiseModel, group: ExposureGroup
    ) -> tuple[CorrectedExposure, ResidualStatistics]:
        """Correct one raw, find its sources, subtract level and sky frame, and measure what is left."""
        exposure = corrected(raw, self.steps(raw), priors.calibrations)
        try:
            flag_sources(exposure, self.config.settings())
        except CalprodError as error:
            problem = f"too little of it is sky: {error.message}"
            self.log.warning("exposure %d of detector %d: %s", raw.exposure, raw.detector, problem)
            measured = self._measured(exposure, raw, model, group)
            return exposure, replace(measured, problems=dict.fromkeys(measured.amplifiers, problem))
        values = verify.sky_statistics(exposure, self._frame)
        if values["SKY_SCALE"] > 0:
            level = np.float32(values["SKY_SCALE"])
            np.subtract(exposure.image, level * self._frame.image, out=exposure.image)
            exposure.mask[...] |= self._frame.mask & np.uint16(MaskPlane.BAD)
        measured = self._measured(exposure, raw, model, group)
        return exposure, replace(measured, detector=measured.detector | values)

    def _measured(
        self, exposure: CorrectedExposure, raw: RawInput, model: NoiseModel, group: ExposureGroup
    ) -> ResidualStatistics:
        """Return the statistics that every verification has."""
        return self.room.residual_statistics(
            exposure, raw.raw.layout, model, group=group, dark_time=raw.dark_time
        )


def _frame(candidate: Candidate) -> CalibrationImage:
    if not isinstance(candidate, CalibrationImage):
        raise CalprodError("the sky frame under test is no image", "give a sky frame")
    return candidate
