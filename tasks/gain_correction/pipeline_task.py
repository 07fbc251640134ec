"""The correction of the gains as a PipelineTask, from a new flat and one in use, and its verification."""

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
from lsst.pipe.base import connectionTypes as connection  # noqa: N813 - a module

from infra.butler.images import calibration_image
from infra.images import CalibrationImage, Metadata
from infra.ledger.clock import now
from tasks.combine.connections import table_output, table_prerequisite
from tasks.combine.image_layout import layout_of_image
from tasks.combine.lookups import flats_to_choose_from
from tasks.flat_pairs.curve.table import from_table
from tasks.gain_correction.algorithm import measure_gain_correction, to_table
from tasks.gain_correction.run.config import GainCorrectionConfig
from tasks.gain_correction.run.header import correction_cards
from tasks.gain_correction.run.inputs import check_new_flat, choose_flats, provenance
from tasks.gain_correction.run.verify_task import VerifyGainCorrectionTask
from tasks.isr.tables import cards_of_table

__all__ = ["GainCorrectionTask", "VerifyGainCorrectionTask"]


class GainCorrectionConnections(PipelineTaskConnections, dimensions=("instrument", "detector")):
    """A new flat, the one in use and the gains of one detector in, the correction of these out."""

    config: "GainCorrectionTaskConfig"

    new = connection.Input(
        doc="New flats, made with the gains that are to be corrected.",
        name="flat_gain_correction",
        storageClass="MaskedImageV2",
        dimensions=("instrument", "detector", "physical_filter"),
        isCalibration=True,
        multiple=True,
    )
    references = flats_to_choose_from("flat", "Flats in use, in whose time the gains were right.")
    ptc = table_prerequisite("ptc", "Photon transfer curve with the gains that are to be corrected.")
    output = table_output("gain_correction", "Factors that gains are to be divided by, a row per amplifier.")

    def adjustQuantum(  # noqa: N802
        self, inputs: dict[str, Any], outputs: dict[str, Any], label: str, data_id: DataCoordinate
    ) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """Keep two flats of one filter, or refuse the detector."""
        super().adjustQuantum(inputs, outputs, label, data_id)
        (new, news), (reference, references) = inputs["new"], inputs["references"]
        pair = choose_flats(news, references, self.config.physical_filter, f"{label} of {data_id}")
        return {"new": (new, (pair.new,)), "references": (reference, (pair.reference,))}, {}


class GainCorrectionTaskConfig(
    PipelineTaskConfig, GainCorrectionConfig, pipelineConnections=GainCorrectionConnections
):
    """Settings of the correction of the gains."""


class GainCorrectionTask(PipelineTask):
    """Measure by how much the amplifiers of a detector have moved since the flat in use."""

    ConfigClass = GainCorrectionTaskConfig
    _DefaultName: ClassVar[str] = "gainCorrection"
    config: GainCorrectionTaskConfig

    def runQuantum(
        self,
        butlerQC: QuantumContext,  # noqa: N803
        inputRefs: InputQuantizedConnection,  # noqa: N803
        outputRefs: OutputQuantizedConnection,  # noqa: N803
    ) -> None:
        """Read the flats and the curve, and store the table."""
        (new_ref,), (reference_ref,) = inputRefs.new, inputRefs.references
        new, reference = (calibration_image(butlerQC.get(ref)) for ref in (new_ref, reference_ref))
        ptc = butlerQC.get(inputRefs.ptc)
        check_new_flat(new, inputRefs.ptc)
        data_id = outputRefs.output.dataId
        cards = provenance(
            (
                ("FLAT_GAIN_CORRECTION", new_ref, new.metadata),
                ("FLAT", reference_ref, reference.metadata),
                ("PTC", inputRefs.ptc, cards_of_table(ptc)),
            )
        )
        result = self.run(
            new,
            reference,
            ptc,
            str(data_id["instrument"]),
            int(data_id["detector"]),
            physical_filter=str(new_ref.dataId["physical_filter"]),
            provenance=cards,
        )
        butlerQC.put(result, outputRefs)

    def run(
        self,
        new: CalibrationImage,
        reference: CalibrationImage,
        ptc: Table,
        instrument: str,
        detector: int,
        *,
        physical_filter: str,
        provenance: Metadata | None = None,
    ) -> Struct:
        """Measure the correction.

        Parameters
        ----------
        new, reference
            The new flat and the one in use.
        ptc
            Photon transfer curve, as the Butler stores it.
        instrument, detector
            The camera and the number of its detector.
        physical_filter
            Filter of the flats.
        provenance
            Cards that name the datasets.

        Returns
        -------
        Struct
            ``output``: the table.

        Raises
        ------
        CalprodError
            The flats do not fit together, or fewer than two amplifiers can be compared.
        """
        layout = layout_of_image(instrument, detector, new.image.shape)
        cards = correction_cards(
            new,
            layout,
            instrument=instrument,
            physical_filter=physical_filter,
            provenance=provenance or {},
            created=now(),
        )
        correction = measure_gain_correction(
            new, reference, from_table(ptc), layout, instrument, self.config.settings(), cards
        )
        for name, reason in correction.reasons.items():
            self.log.warning("amplifier %s of detector %d is not corrected: %s", name, detector, reason)
        self.log.info(
            "corrected %d gains of detector %d",
            len(correction.amplifiers) - len(correction.reasons),
            detector,
        )
        return Struct(output=to_table(correction))
