"""The fringe frame of one filter as a PipelineTask, and its verification."""

from dataclasses import replace
from typing import ClassVar

from lsst.pex.config import Config, RangeField
from lsst.pipe.base import PipelineTaskConfig, PipelineTaskConnections

from infra.errors import CalprodError
from infra.images import CalibrationImage, CorrectedExposure
from infra.instruments.layout import DetectorLayout
from tasks.combine.calibration import CombinedCalibration, CombineOptions
from tasks.combine.connections import (
    calibration_output,
    calibration_prerequisite,
    leave_out_unused,
    optional_table,
    raws_input,
    residuals_output,
    statistics_output,
)
from tasks.combine.pipeline_task import CombineConfig, CombineTask, Exposures, corrected
from tasks.combine.priors import Priors
from tasks.combine.raw_inputs import RawInput
from tasks.combine.smooth_sky import SkySettings, flag_sources
from tasks.combine.surface import SurfaceSettings
from tasks.fringe import verify
from tasks.fringe.algorithm import combine_fringes
from tasks.isr.fringe import subtract_fringe
from tasks.isr.steps import Purpose
from tasks.verification.model import ExposureGroup
from tasks.verification.noise import NoiseModel
from tasks.verification.pipeline_task import Room, VerificationConfig, VerificationTask
from tasks.verification.quantum import Candidate, ProductMeasurement
from tasks.verification.statistics import ResidualStatistics

__all__ = ["FringeTask", "VerifyFringeTask"]

_DIMENSIONS = ("instrument", "detector", "physical_filter")


class FringeConnections(PipelineTaskConnections, dimensions=_DIMENSIONS):
    """Science exposures of one detector and filter, its bias, dark and flat in, one fringe frame out."""

    raws = raws_input("Science exposures, or flats lit by lines, of one filter to combine.")
    bias = calibration_prerequisite("bias", "Bias to subtract.")
    dark = calibration_prerequisite("dark", "Dark to subtract.")
    flat = calibration_prerequisite("flat", "Flat to divide by.", per_filter=True)
    crosstalk = optional_table("crosstalk", "Crosstalk to subtract.")
    linearizer = optional_table("linearizer", "Linearizer to straighten the response with.")
    ptc = optional_table("ptc", "Photon transfer curve with gains and read noises.")
    cti = optional_table("cti", "Charge transfer inefficiency to correct for.")
    bfk = optional_table("bfk", "Brighter-fatter kernel to correct with.")
    electroBfDistortionMatrix = optional_table(  # noqa: N815 - as the dataset type
        "electroBfDistortionMatrix", "Distortion matrix to correct the brighter-fatter effect with."
    )
    output = calibration_output("fringe", "Fringe frame (in units of the sky, about 0).", per_filter=True)

    def __init__(self, *, config: "FringeConfig") -> None:
        leave_out_unused(self, config.isr)


class SkyConfig(Config):
    """How sky and sources are told from fringes."""

    order = RangeField(
        dtype=int, default=6, min=0, max=20, doc="Degree of the smooth surface under the fringes."
    )
    block_side = RangeField(
        dtype=int,
        default=8,
        min=1,
        doc="Side of the blocks that surface and amplitude are fitted to (pixel).",
    )
    source_threshold = RangeField(
        dtype=float,
        default=5.0,
        min=1.0,
        doc="Height of sources (standard deviations of the smoothed image).",
    )
    source_width = RangeField(
        dtype=float, default=1.0, min=0.0, doc="Width of the smoothing before sources are found (pixel)."
    )
    source_growth = RangeField(
        dtype=int, default=2, min=0, doc="Pixels by which the footprints of sources are grown."
    )

    def settings(self) -> SkySettings:
        """Return the settings of the algorithm."""
        return SkySettings(
            SurfaceSettings(order=self.order, side=self.block_side),
            n_sigma=self.source_threshold,
            width=self.source_width,
            grow=self.source_growth,
        )


class FringeConfig(PipelineTaskConfig, CombineConfig, SkyConfig, pipelineConnections=FringeConnections):
    """Settings of the fringe frame."""


class FringeTask(CombineTask):
    """Combine exposures of one detector and filter into its fringe frame."""

    ConfigClass = FringeConfig
    _DefaultName: ClassVar[str] = "fringe"
    calibration: ClassVar[Purpose] = "fringe"

    def combine(self, exposures: Exposures, options: CombineOptions) -> CombinedCalibration:
        """See `tasks.fringe.algorithm.combine_fringes`."""
        return combine_fringes(exposures, options, self.config.settings())


class VerifyFringeConnections(PipelineTaskConnections, dimensions=_DIMENSIONS):
    """Science exposures and the fringe frame under test in, statistics and residuals out."""

    raws = raws_input("Science exposures of one filter: the inputs of the fringe frame and others.")
    bias = calibration_prerequisite("bias", "Bias to subtract.")
    dark = calibration_prerequisite("dark", "Dark to subtract.")
    flat = calibration_prerequisite("flat", "Flat to divide by.", per_filter=True)
    fringe = calibration_prerequisite("fringe", "The fringe frame under test.", per_filter=True)
    crosstalk = optional_table("crosstalk", "Crosstalk to subtract.")
    linearizer = optional_table("linearizer", "Linearizer to straighten the response with.")
    ptc = optional_table("ptc", "Photon transfer curve with gains and read noises.")
    defects = optional_table("defects", "Defects to flag.")
    cti = optional_table("cti", "Charge transfer inefficiency to correct for.")
    bfk = optional_table("bfk", "Brighter-fatter kernel to correct with.")
    electroBfDistortionMatrix = optional_table(  # noqa: N815 - as the dataset type
        "electroBfDistortionMatrix", "Distortion matrix to correct the brighter-fatter effect with."
    )
    statistics = statistics_output("verifyFringeStatistics", per_filter=True)
    residuals = residuals_output("verifyFringeResiduals", per_filter=True)

    def __init__(self, *, config: "VerifyFringeConfig") -> None:
        leave_out_unused(self, config.isr)


class VerifyFringeConfig(
    PipelineTaskConfig, VerificationConfig, SkyConfig, pipelineConnections=VerifyFringeConnections
):
    """Settings of the verification of a fringe frame."""


class VerifyFringeTask(VerificationTask):
    """Subtract the fringe frame under test from exposures and measure the fringes that are left."""

    ConfigClass = VerifyFringeConfig
    _DefaultName: ClassVar[str] = "verifyFringe"
    room: ClassVar[Room] = verify
    candidate: ClassVar[str] = "fringe"
    purpose: ClassVar[Purpose] = "verifyFringe"

    def measure_exposure(
        self, raw: RawInput, priors: Priors, model: NoiseModel, group: ExposureGroup
    ) -> tuple[CorrectedExposure, ResidualStatistics]:
        """Correct one raw up to the flat, find its sources, subtract the fringes and measure what is left.

        The corrections would subtract the fringes, too; but here sources are found before, and a fringe frame
        that cannot be fitted is a result and no error.
        """
        fringe, settings = priors.calibrations.fringe, self.config.settings()
        if fringe is None:
            raise CalprodError("there is no fringe frame to verify", "give the one under test as input")
        steps = replace(self.steps(raw), subtract_fringe=False)
        exposure = corrected(raw, steps, priors.calibrations)
        problem = ""
        try:
            flag_sources(exposure, settings)
            fit = subtract_fringe(exposure.image, exposure.mask, fringe, exposure.variance, settings.surface)
        except CalprodError as error:
            problem = f"the fringes could not be subtracted: {error.message}"
        measured = self.room.residual_statistics(
            exposure, raw.raw.layout, model, group=group, dark_time=raw.dark_time
        )
        if problem:
            self.log.warning("exposure %d of detector %d: %s", raw.exposure, raw.detector, problem)
            return exposure, replace(measured, problems=dict.fromkeys(measured.amplifiers, problem))
        values = verify.fringe_statistics(exposure, fringe, fit, settings.surface)
        return exposure, replace(measured, detector=measured.detector | values)

    def measure_product(self, candidate: Candidate, layout: DetectorLayout) -> ProductMeasurement | None:
        """Measure the fringe frame itself."""
        if not isinstance(candidate, CalibrationImage):
            raise CalprodError("the fringe frame under test is no image", "give a fringe frame")
        return verify.product_statistics(candidate, layout, self.config.settings().surface)
