"""The combined bias as a PipelineTask, its bootstrap, and its verification."""

from typing import ClassVar

from lsst.pipe.base import PipelineTaskConfig, PipelineTaskConnections

from tasks.bias import verify
from tasks.bias.algorithm import combine_bias_bootstraps, combine_biases
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
from tasks.isr.steps import Purpose
from tasks.verification.pipeline_task import Room, VerificationConfig, VerificationTask

__all__ = ["BiasBootstrapTask", "BiasTask", "VerifyBiasTask"]


class BiasConnections(PipelineTaskConnections, dimensions=("instrument", "detector")):
    """Raws of one detector in, one bias out."""

    raws = raws_input("Bias exposures to combine.")
    crosstalk = optional_table("crosstalk", "Crosstalk to subtract.")
    linearizer = optional_table("linearizer", "Linearizer to straighten the response with.")
    ptc = optional_table("ptc", "Photon transfer curve with gains and read noises.")
    output = calibration_output("bias", "Combined bias (electron).")


class BiasConfig(PipelineTaskConfig, CombineConfig, pipelineConnections=BiasConnections):
    """Settings of the combined bias."""


class BiasTask(CombineTask):
    """Combine bias exposures of one detector."""

    ConfigClass = BiasConfig
    _DefaultName: ClassVar[str] = "bias"
    calibration: ClassVar[Purpose] = "bias"

    def combine(self, exposures: Exposures, options: CombineOptions) -> CombinedCalibration:
        """See `tasks.bias.algorithm.combine_biases`."""
        return combine_biases(exposures, options)


class BiasBootstrapConnections(PipelineTaskConnections, dimensions=("instrument", "detector")):
    """Raws of one detector in, one bias for the search for defects out."""

    raws = raws_input("Bias exposures to combine.")
    crosstalk = optional_table("crosstalk", "Crosstalk to subtract.")
    output = calibration_output("biasBootstrap", "Combined bias (adu), made before anything is known.")


class BiasBootstrapConfig(PipelineTaskConfig, CombineConfig, pipelineConnections=BiasBootstrapConnections):
    """Settings of the bias for the search for defects."""


class BiasBootstrapTask(CombineTask):
    """Combine bias exposures of one detector before its gains are known."""

    ConfigClass = BiasBootstrapConfig
    _DefaultName: ClassVar[str] = "biasBootstrap"
    calibration: ClassVar[Purpose] = "biasBootstrap"

    def combine(self, exposures: Exposures, options: CombineOptions) -> CombinedCalibration:
        """See `tasks.bias.algorithm.combine_bias_bootstraps`."""
        return combine_bias_bootstraps(exposures, options)


class VerifyBiasConnections(PipelineTaskConnections, dimensions=("instrument", "detector")):
    """Bias exposures and the bias under test in, statistics and residuals out."""

    raws = raws_input("Bias exposures: the inputs of the bias and others.")
    bias = calibration_prerequisite("bias", "The bias under test.")
    crosstalk = optional_table("crosstalk", "Crosstalk to subtract.")
    linearizer = optional_table("linearizer", "Linearizer to straighten the response with.")
    ptc = optional_table("ptc", "Photon transfer curve with gains and read noises.")
    defects = optional_table("defects", "Defects to flag.")
    statistics = statistics_output("verifyBiasStatistics")
    residuals = residuals_output("verifyBiasResiduals")


class VerifyBiasConfig(PipelineTaskConfig, VerificationConfig, pipelineConnections=VerifyBiasConnections):
    """Settings of the verification of a bias."""


class VerifyBiasTask(VerificationTask):
    """Subtract the bias under test from bias exposures and measure the residuals."""

    ConfigClass = VerifyBiasConfig
    _DefaultName: ClassVar[str] = "verifyBias"
    room: ClassVar[Room] = verify
    candidate: ClassVar[str] = "bias"
    purpose: ClassVar[Purpose] = "verifyBias"
