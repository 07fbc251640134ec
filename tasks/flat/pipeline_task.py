"""The combined flat of one filter as a PipelineTask, its bootstrap, and its verification."""

from typing import ClassVar

from lsst.pipe.base import PipelineTaskConfig, PipelineTaskConnections

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
from tasks.combine.pipeline_task import CombineConfig, CombineTask, Exposures
from tasks.flat import verify
from tasks.flat.algorithm import combine_flat_bootstraps, combine_flats
from tasks.flat.run.colours_task import FlatColoursTask
from tasks.flat.run.combine_task import FlatScaledTask
from tasks.flat.run.gradient_tasks import FlatApplyTask, FlatGradientTask
from tasks.flat.run.levels_tasks import FlatMeasureTask, FlatNormalizeTask
from tasks.flat.run.verify_task import VerifyFlatMultiChipTask
from tasks.isr.steps import Purpose
from tasks.verification.pipeline_task import Room, VerificationConfig, VerificationTask

__all__ = ["FlatApplyTask", "FlatBootstrapTask", "FlatColoursTask", "FlatGradientTask", "FlatMeasureTask"]
__all__ += ["FlatNormalizeTask", "FlatScaledTask", "FlatTask", "VerifyFlatMultiChipTask", "VerifyFlatTask"]

_DIMENSIONS = ("instrument", "detector", "physical_filter")


class FlatConnections(PipelineTaskConnections, dimensions=_DIMENSIONS):
    """Raws of one detector and filter, its bias and dark in, one flat out."""

    raws = raws_input("Flat exposures of one filter to combine.")
    bias = calibration_prerequisite("bias", "Bias to subtract.")
    dark = calibration_prerequisite("dark", "Dark to subtract.")
    crosstalk = optional_table("crosstalk", "Crosstalk to subtract.")
    linearizer = optional_table("linearizer", "Linearizer to straighten the response with.")
    ptc = optional_table("ptc", "Photon transfer curve with gains and read noises.")
    cti = optional_table("cti", "Charge transfer inefficiency to correct for, in cameras of many chips.")
    bfk = optional_table("bfk", "Brighter-fatter kernel to correct with, in cameras of one chip.")
    output = calibration_output("flat", "Combined flat (dimensionless, about 1).", per_filter=True)

    def __init__(self, *, config: "FlatConfig") -> None:
        leave_out_unused(self, config.isr)


class FlatConfig(PipelineTaskConfig, CombineConfig, pipelineConnections=FlatConnections):
    """Settings of the combined flat."""


class FlatTask(CombineTask):
    """Combine flat exposures of one detector and filter."""

    ConfigClass = FlatConfig
    _DefaultName: ClassVar[str] = "flat"
    calibration: ClassVar[Purpose] = "flat"

    def combine(self, exposures: Exposures, options: CombineOptions) -> CombinedCalibration:
        """See `tasks.flat.algorithm.combine_flats`."""
        return combine_flats(exposures, options)


class FlatBootstrapConnections(PipelineTaskConnections, dimensions=_DIMENSIONS):
    """Raws of one detector and filter, its bias and dark in, one flat for the search for defects out."""

    raws = raws_input("Flat exposures of one filter to combine.")
    bias = calibration_prerequisite("biasBootstrap", "Bias (adu) to subtract.")
    dark = calibration_prerequisite("darkBootstrap", "Dark (adu/s) to subtract.")
    crosstalk = optional_table("crosstalk", "Crosstalk to subtract.")
    output = calibration_output(
        "flatBootstrap", "Combined flat, made before gains are known.", per_filter=True
    )


class FlatBootstrapConfig(PipelineTaskConfig, CombineConfig, pipelineConnections=FlatBootstrapConnections):
    """Settings of the flat for the search for defects."""


class FlatBootstrapTask(CombineTask):
    """Combine flat exposures of one detector and filter before gains are known."""

    ConfigClass = FlatBootstrapConfig
    _DefaultName: ClassVar[str] = "flatBootstrap"
    calibration: ClassVar[Purpose] = "flatBootstrap"

    def combine(self, exposures: Exposures, options: CombineOptions) -> CombinedCalibration:
        """See `tasks.flat.algorithm.combine_flat_bootstraps`."""
        return combine_flat_bootstraps(exposures, options)


class VerifyFlatConnections(PipelineTaskConnections, dimensions=_DIMENSIONS):
    """Flat exposures, the bias, the dark and the flat under test in, statistics and residuals out."""

    raws = raws_input("Flat exposures of one filter: the inputs of the flat and others.")
    bias = calibration_prerequisite("bias", "Bias to subtract.")
    dark = calibration_prerequisite("dark", "Dark to subtract.")
    flat = calibration_prerequisite("flat", "The flat under test.", per_filter=True)
    crosstalk = optional_table("crosstalk", "Crosstalk to subtract.")
    linearizer = optional_table("linearizer", "Linearizer to straighten the response with.")
    ptc = optional_table("ptc", "Photon transfer curve with gains and read noises.")
    defects = optional_table("defects", "Defects to flag.")
    cti = optional_table("cti", "Charge transfer inefficiency to correct for, in cameras of many chips.")
    bfk = optional_table("bfk", "Brighter-fatter kernel to correct with, in cameras of one chip.")
    statistics = statistics_output("verifyFlatStatistics", per_filter=True)
    residuals = residuals_output("verifyFlatResiduals", per_filter=True)

    def __init__(self, *, config: "VerifyFlatConfig") -> None:
        leave_out_unused(self, config.isr)


class VerifyFlatConfig(PipelineTaskConfig, VerificationConfig, pipelineConnections=VerifyFlatConnections):
    """Settings of the verification of a flat."""


class VerifyFlatTask(VerificationTask):
    """Divide flat exposures by the flat under test and measure what is left."""

    ConfigClass = VerifyFlatConfig
    _DefaultName: ClassVar[str] = "verifyFlat"
    room: ClassVar[Room] = verify
    candidate: ClassVar[str] = "flat"
    purpose: ClassVar[Purpose] = "verifyFlat"
