"""The combined dark as a PipelineTask, its bootstrap, and its verification."""

from typing import ClassVar

from lsst.pex.config import Field
from lsst.pipe.base import PipelineTaskConfig, PipelineTaskConnections

from tasks.combine.calibration import CombinedCalibration, CombineOptions
from tasks.combine.connections import (
    calibration_output,
    calibration_prerequisite,
    optional_table,
    raws_input,
    residuals_output,
    statistics_output,
)
from tasks.combine.pipeline_task import CombineConfig, CombineTask, Exposures
from tasks.dark import verify
from tasks.dark.algorithm import DARK_RULE, combine_dark_bootstraps, combine_darks
from tasks.isr.steps import Purpose
from tasks.verification.pipeline_task import Room, VerificationConfig, VerificationTask

__all__ = ["DarkBootstrapTask", "DarkTask", "VerifyDarkTask"]


class DarkConnections(PipelineTaskConnections, dimensions=("instrument", "detector")):
    """Raws of one detector and its bias in, one dark out."""

    raws = raws_input("Dark exposures to combine.")
    bias = calibration_prerequisite("bias", "Bias to subtract.")
    crosstalk = optional_table("crosstalk", "Crosstalk to subtract.")
    linearizer = optional_table("linearizer", "Linearizer to straighten the response with.")
    ptc = optional_table("ptc", "Photon transfer curve with gains and read noises.")
    defects = optional_table("defects", "Defects to flag.")
    output = calibration_output("dark", "Combined dark (electron/s).")


class DarkConfig(PipelineTaskConfig, CombineConfig, pipelineConnections=DarkConnections):
    """Settings of the combined dark."""

    reject_cosmic_rays = Field[bool](
        dtype=bool,
        default=True,
        doc="Find cosmic rays in each exposure and leave them out; otherwise they are left to the clip.",
    )


class DarkTask(CombineTask):
    """Combine dark exposures of one detector."""

    ConfigClass = DarkConfig
    _DefaultName: ClassVar[str] = "dark"
    calibration: ClassVar[Purpose] = "dark"

    def combine(self, exposures: Exposures, options: CombineOptions) -> CombinedCalibration:
        """See `tasks.dark.algorithm.combine_darks`."""
        rules = DARK_RULE.cosmic_rays if self.config.reject_cosmic_rays else None
        return combine_darks(exposures, options, cosmic_rays=rules)


class DarkBootstrapConnections(PipelineTaskConnections, dimensions=("instrument", "detector")):
    """Raws of one detector and its bias in, one dark for the search for defects out."""

    raws = raws_input("Dark exposures to combine.")
    bias = calibration_prerequisite("biasBootstrap", "Bias (adu) to subtract.")
    crosstalk = optional_table("crosstalk", "Crosstalk to subtract.")
    output = calibration_output("darkBootstrap", "Combined dark (adu/s), made before gains are known.")


class DarkBootstrapConfig(PipelineTaskConfig, CombineConfig, pipelineConnections=DarkBootstrapConnections):
    """Settings of the dark for the search for defects."""


class DarkBootstrapTask(CombineTask):
    """Combine dark exposures of one detector before its gains are known."""

    ConfigClass = DarkBootstrapConfig
    _DefaultName: ClassVar[str] = "darkBootstrap"
    calibration: ClassVar[Purpose] = "darkBootstrap"

    def combine(self, exposures: Exposures, options: CombineOptions) -> CombinedCalibration:
        """See `tasks.dark.algorithm.combine_dark_bootstraps`."""
        return combine_dark_bootstraps(exposures, options)


class VerifyDarkConnections(PipelineTaskConnections, dimensions=("instrument", "detector")):
    """Dark exposures, the bias and the dark under test in, statistics and residuals out."""

    raws = raws_input("Dark exposures: the inputs of the dark and others.")
    bias = calibration_prerequisite("bias", "Bias to subtract.")
    dark = calibration_prerequisite("dark", "The dark under test.")
    crosstalk = optional_table("crosstalk", "Crosstalk to subtract.")
    linearizer = optional_table("linearizer", "Linearizer to straighten the response with.")
    ptc = optional_table("ptc", "Photon transfer curve with gains and read noises.")
    defects = optional_table("defects", "Defects to flag.")
    statistics = statistics_output("verifyDarkStatistics")
    residuals = residuals_output("verifyDarkResiduals")


class VerifyDarkConfig(PipelineTaskConfig, VerificationConfig, pipelineConnections=VerifyDarkConnections):
    """Settings of the verification of a dark."""


class VerifyDarkTask(VerificationTask):
    """Subtract the dark under test from dark exposures and measure the residuals."""

    ConfigClass = VerifyDarkConfig
    _DefaultName: ClassVar[str] = "verifyDark"
    room: ClassVar[Room] = verify
    candidate: ClassVar[str] = "dark"
    purpose: ClassVar[Purpose] = "verifyDark"
