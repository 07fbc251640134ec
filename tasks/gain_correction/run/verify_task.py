"""The verification of a correction of the gains as a PipelineTask."""

from collections.abc import Mapping
from typing import Any, ClassVar

from astropy.table import Table
from lsst.daf.butler import DataCoordinate
from lsst.pipe.base import (
    InputQuantizedConnection,
    OutputQuantizedConnection,
    PipelineTask,
    PipelineTaskConfig,
    PipelineTaskConnections,
    QuantumContext,
    Struct,
)

from infra.butler.images import calibration_image
from infra.images import CalibrationImage
from tasks.combine.connections import statistics_output, table_prerequisite
from tasks.combine.image_layout import layout_of_image
from tasks.combine.lookups import flats_to_choose_from
from tasks.gain_correction.run.config import GainCorrectionConfig
from tasks.gain_correction.run.inputs import choose_flats
from tasks.gain_correction.verify import product_statistics
from tasks.verification.pipeline_task import ProductVerificationConfig
from tasks.verification.quantum import detector_record

__all__ = ["VerifyGainCorrectionTask"]


class VerifyGainCorrectionConnections(PipelineTaskConnections, dimensions=("instrument", "detector")):
    """The correction under test and its two flats in, statistics out."""

    config: "VerifyGainCorrectionConfig"

    gain_correction = table_prerequisite("gain_correction", "The correction under test.")
    news = flats_to_choose_from("flat_gain_correction", "New flats.")
    references = flats_to_choose_from("flat", "Flats in use, in whose time the gains were right.")
    statistics = statistics_output("verifyGainCorrectionStatistics")

    def adjustQuantum(  # noqa: N802
        self, inputs: dict[str, Any], outputs: dict[str, Any], label: str, data_id: DataCoordinate
    ) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """Keep two flats of one filter, or refuse the detector."""
        super().adjustQuantum(inputs, outputs, label, data_id)
        (new, news), (reference, references) = inputs["news"], inputs["references"]
        pair = choose_flats(news, references, self.config.physical_filter, f"{label} of {data_id}")
        return {"news": (new, (pair.new,)), "references": (reference, (pair.reference,))}, {}


class VerifyGainCorrectionConfig(
    PipelineTaskConfig,
    ProductVerificationConfig,
    GainCorrectionConfig,
    pipelineConnections=VerifyGainCorrectionConnections,
):
    """Settings of the verification; those of the correction should be the ones it was found with."""


class VerifyGainCorrectionTask(PipelineTask):
    """Measure what a correction of the gains leaves in the ratio of its flats; no exposure is needed."""

    ConfigClass = VerifyGainCorrectionConfig
    _DefaultName: ClassVar[str] = "verifyGainCorrection"
    config: VerifyGainCorrectionConfig

    def runQuantum(
        self,
        butlerQC: QuantumContext,  # noqa: N803
        inputRefs: InputQuantizedConnection,  # noqa: N803
        outputRefs: OutputQuantizedConnection,  # noqa: N803
    ) -> None:
        """Read the correction under test and the flats."""
        (new,), (reference,) = inputRefs.news, inputRefs.references
        uuids = {
            "gain_correction": str(inputRefs.gain_correction.id),
            "flat_gain_correction": str(new.id),
            "flat": str(reference.id),
        }
        data_id = inputRefs.gain_correction.dataId
        result = self.run(
            butlerQC.get(inputRefs.gain_correction),
            calibration_image(butlerQC.get(new)),
            calibration_image(butlerQC.get(reference)),
            str(data_id["instrument"]),
            int(data_id["detector"]),
            uuids=uuids,
        )
        butlerQC.put(result, outputRefs)

    def run(
        self,
        candidate: Table,
        new: CalibrationImage,
        reference: CalibrationImage,
        instrument: str,
        detector: int,
        *,
        uuids: Mapping[str, str],
    ) -> Struct:
        """Measure a correction of the gains.

        Parameters
        ----------
        candidate
            The correction under test.
        new, reference
            The new flat and the one in use.
        instrument, detector
            The camera and the number of its detector.
        uuids
            UUID of each calibration read.

        Returns
        -------
        Struct
            ``statistics``: a dumped `DetectorStatistics`.
        """
        layout = layout_of_image(instrument, detector, new.image.shape)
        product = product_statistics(candidate, new, reference, layout, instrument, self.config.settings())
        record = detector_record(
            "gain_correction", candidate, layout, uuids, (), product, self.config.header_keys
        )
        self.log.info("measured the correction of the gains of detector %d", detector)
        return Struct(statistics=record.plain())
