"""The flat of a spectrograph as a PipelineTask, made from a combined flat, and its verification."""

from collections.abc import Mapping
from typing import Any, ClassVar

from astropy.table import Table
from lsst.daf.butler import DataCoordinate, DatasetRef
from lsst.pipe.base import (
    InputQuantizedConnection,
    OutputQuantizedConnection,
    PipelineTask,
    PipelineTaskConfig,
    PipelineTaskConnections,
    QuantumContext,
    Struct,
)

from infra.butler.images import calibration_image, masked_image
from infra.errors import CalprodError
from infra.images import CalibrationImage, Metadata
from infra.ledger.clock import now
from tasks.combine.connections import calibration_output, table_prerequisite
from tasks.combine.image_layout import layout_of_image
from tasks.combine.lookups import flats_to_choose_from
from tasks.isr.tables import cards_of_table, responses_from_ptc
from tasks.spectro_flat.algorithm import spectro_flat
from tasks.spectro_flat.run.config import SpectroFlatConfig
from tasks.spectro_flat.run.flat_choice import flat_of_filter
from tasks.spectro_flat.run.product import calibration_of
from tasks.spectro_flat.run.verify_task import VerifySpectroFlatTask

__all__ = ["SpectroFlatTask", "VerifySpectroFlatTask"]


class SpectroFlatConnections(PipelineTaskConnections, dimensions=("instrument", "detector")):
    """Flats and a photon transfer curve of one detector in, one flat of the spectrograph out."""

    config: "SpectroFlatTaskConfig"

    flats = flats_to_choose_from("flat", "Combined flats, of which that of the configured filter is taken.")
    ptc = table_prerequisite("ptc", "Photon transfer curve with the gains.")
    output = calibration_output("spectroFlat", "Response of pixels and amplifiers, without the optics.")

    def adjustQuantum(  # noqa: N802
        self, inputs: dict[str, Any], outputs: dict[str, Any], label: str, data_id: DataCoordinate
    ) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """Keep the flat of the configured filter; refuse a detector that has flats of others only."""
        super().adjustQuantum(inputs, outputs, label, data_id)
        flats, refs = inputs["flats"]
        chosen = flat_of_filter(refs, self.config.physical_filter, f"{label} of {data_id}")
        return {"flats": (flats, (chosen,))}, {}


class SpectroFlatTaskConfig(
    PipelineTaskConfig, SpectroFlatConfig, pipelineConnections=SpectroFlatConnections
):
    """Settings of the flat of a spectrograph."""


class SpectroFlatTask(PipelineTask):
    """Make the flat of a spectrograph from the combined flat of one filter and the gains."""

    ConfigClass = SpectroFlatTaskConfig
    _DefaultName: ClassVar[str] = "spectroFlat"
    config: SpectroFlatTaskConfig

    def runQuantum(
        self,
        butlerQC: QuantumContext,  # noqa: N803
        inputRefs: InputQuantizedConnection,  # noqa: N803
        outputRefs: OutputQuantizedConnection,  # noqa: N803
    ) -> None:
        """Read flat and curve, and store the result."""
        (flat_ref,) = inputRefs.flats
        flat, ptc = calibration_image(butlerQC.get(flat_ref)), butlerQC.get(inputRefs.ptc)
        data_id = outputRefs.output.dataId
        result = self.run(
            flat,
            ptc,
            str(flat_ref.dataId["physical_filter"]),
            str(data_id["instrument"]),
            int(data_id["detector"]),
            provenance={
                **_named("FLAT", flat_ref, flat.metadata),
                **_named("PTC", inputRefs.ptc, cards_of_table(ptc)),
            },
        )
        butlerQC.put(Struct(output=masked_image(result.calibration)), outputRefs)

    def run(
        self,
        flat: CalibrationImage,
        ptc: Table,
        physical_filter: str,
        instrument: str,
        detector: int,
        *,
        provenance: Metadata | None = None,
    ) -> Struct:
        """Make the flat of a spectrograph.

        Parameters
        ----------
        flat
            Combined flat (about 1).
        ptc
            Photon transfer curve, as the Butler stores it.
        physical_filter
            Filter of the flat.
        instrument, detector
            The camera and the number of its detector.
        provenance
            Cards that name the datasets.

        Returns
        -------
        Struct
            ``calibration``: a `CalibrationImage`.

        Raises
        ------
        CalprodError
            The flat is of another filter than configured, or no amplifier has gain and light.
        """
        if physical_filter != self.config.physical_filter:
            raise CalprodError(
                f"the flat is of {physical_filter}, and {self.getName()} is made from one of "
                f"{self.config.physical_filter}",
                "use the flat of that filter, or configure physical_filter",
            )
        layout = layout_of_image(instrument, detector, flat.image.shape)
        responses = responses_from_ptc(ptc)
        gains = {name: gain for name, gain in responses.gains.items() if name not in responses.bad}
        made = spectro_flat(flat, layout, gains, self.config.settings())
        for name, reason in made.reasons.items():
            self.log.warning("amplifier %s of detector %d has no flat: %s", name, detector, reason)
        self.log.info("made the spectrograph flat of detector %d, %d amplifiers", detector, len(made.gains))
        return Struct(
            calibration=calibration_of(
                made,
                flat,
                layout,
                physical_filter=physical_filter,
                provenance=provenance or {},
                created=now(),
            )
        )


def _named(name: str, ref: DatasetRef, header: Metadata) -> Metadata:
    """Cards that name a dataset: RUN, UUID and moment of creation."""
    return {
        f"LSST CALIB RUN {name}": ref.run,
        f"LSST CALIB UUID {name}": str(ref.id),
        f"LSST CALIB DATE {name}": header.get("CALIB_CREATION_DATETIME", header.get("CALIBDATE")),
    }
