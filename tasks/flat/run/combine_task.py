"""The flat of one of many detectors as a PipelineTask, before the light of the screen is taken out of it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from lsst.pipe.base import (
    InputQuantizedConnection,
    OutputQuantizedConnection,
    PipelineTaskConfig,
    PipelineTaskConnections,
    QuantumContext,
    Struct,
)

from infra.butler.images import masked_image
from infra.images import Metadata
from infra.instruments import camera
from tasks.combine.calibration import CombinedCalibration, CombineOptions
from tasks.combine.connections import (
    calibration_output,
    calibration_prerequisite,
    optional_table,
    raws_input,
)
from tasks.combine.image_layout import layout_of_image
from tasks.combine.pipeline_task import CombineConfig, CombineTask, Exposures
from tasks.combine.priors import read_priors
from tasks.combine.raw_inputs import raw_inputs
from tasks.flat.algorithm import combine_scaled_flats
from tasks.flat.gradient.bins import binned_flat
from tasks.flat.levels.scales_table import scales_from_table
from tasks.flat.run.config import BinConfig
from tasks.flat.run.connections import ONE_DETECTOR, scales_input, table_of_detector
from tasks.isr.steps import Purpose

__all__ = ["FlatScaledConfig", "FlatScaledTask"]


class FlatScaledConnections(PipelineTaskConnections, dimensions=ONE_DETECTOR):
    """Raws of one detector and filter, and the scales of their exposures in, one flat out."""

    raws = raws_input("Flat exposures of one filter to combine.")
    scales = scales_input()
    bias = calibration_prerequisite("bias", "Bias to subtract.")
    dark = calibration_prerequisite("dark", "Dark to subtract.")
    crosstalk = optional_table("crosstalk", "Crosstalk to subtract.")
    linearizer = optional_table("linearizer", "Linearizer to straighten the response with.")
    cti = optional_table("cti", "Charge transfer inefficiency to correct for.")
    ptc = optional_table("ptc", "Photon transfer curve with gains and read noises.")
    defects = optional_table("defects", "Defects, which take no part in the bins; the flat keeps them.")
    output = calibration_output(
        "flat_uncorrected", "Combined flat, about 1, in the light of the screen.", per_filter=True
    )
    binned = table_of_detector("flatBinned", "The flat in coarse bins, with their places (mm).")


class FlatScaledConfig(
    PipelineTaskConfig, CombineConfig, BinConfig, pipelineConnections=FlatScaledConnections
):
    """Settings of the combined flat of one of many detectors."""


class FlatScaledTask(CombineTask):
    """Combine flat exposures of one detector, divided by how bright the lamp was for all detectors."""

    ConfigClass = FlatScaledConfig
    _DefaultName: ClassVar[str] = "flatCombine"
    calibration: ClassVar[Purpose] = "flat"

    scales: Mapping[int, float] = MappingProxyType({})
    """Brightness (electron) by exposure, read before the raws."""

    def runQuantum(
        self,
        butlerQC: QuantumContext,  # noqa: N803
        inputRefs: InputQuantizedConnection,  # noqa: N803
        outputRefs: OutputQuantizedConnection,  # noqa: N803
    ) -> None:
        """Read scales and calibrations, stream the raws through the combination, and store the result."""
        priors = read_priors(butlerQC, inputRefs)
        self.scales = scales_from_table(butlerQC.get(inputRefs.scales)).brightness
        cards: Metadata = {
            **priors.cards,
            "LSST CALIB RUN FLATSCALES": inputRefs.scales.run,
            "LSST CALIB UUID FLATSCALES": str(inputRefs.scales.id),
        }
        handles = butlerQC.get(inputRefs.raws)
        flat = self.run(raw_inputs(handles), priors.calibrations, cards, len(handles)).calibration
        data_id = outputRefs.output.dataId
        instrument = str(data_id["instrument"])
        layout = layout_of_image(instrument, int(data_id["detector"]), flat.image.shape)
        binned = binned_flat(
            flat,
            layout,
            camera(instrument),
            size=self.config.bin_size,
            defects=priors.calibrations.defects or (),
        )
        butlerQC.put(Struct(output=masked_image(flat), binned=binned), outputRefs)

    def combine(self, exposures: Exposures, options: CombineOptions) -> CombinedCalibration:
        """See `tasks.flat.algorithm.combine_scaled_flats`."""
        return combine_scaled_flats(exposures, self.scales, options)
