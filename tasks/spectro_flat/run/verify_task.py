"""The verification of the flat of a spectrograph as a PipelineTask."""

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
from tasks.combine.connections import calibration_prerequisite, statistics_output, table_prerequisite
from tasks.combine.image_layout import layout_of_image
from tasks.combine.lookups import flats_to_choose_from
from tasks.isr.tables import responses_from_ptc
from tasks.spectro_flat.run.config import StructureConfig
from tasks.spectro_flat.verify import product_statistics
from tasks.verification.pipeline_task import ProductVerificationConfig
from tasks.verification.quantum import detector_record

__all__ = ["VerifySpectroFlatTask"]


class VerifySpectroFlatConnections(PipelineTaskConnections, dimensions=("instrument", "detector")):
    """The flat under test in, with the combined flat and the gains it should be made from; statistics out."""

    config: "VerifySpectroFlatConfig"

    spectroFlat = calibration_prerequisite("spectroFlat", "The flat under test.")  # noqa: N815
    flats = flats_to_choose_from(
        "flat", "Combined flats, of which that of the configured filter is compared."
    )
    ptc = table_prerequisite("ptc", "Photon transfer curve with the gains.")
    statistics = statistics_output("verifySpectroFlatStatistics")

    def adjustQuantum(  # noqa: N802
        self, inputs: dict[str, Any], outputs: dict[str, Any], label: str, data_id: DataCoordinate
    ) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """Keep the flat of the configured filter, if there is one."""
        super().adjustQuantum(inputs, outputs, label, data_id)
        flats, refs = inputs["flats"]
        kept = tuple(ref for ref in refs if ref.dataId["physical_filter"] == self.config.physical_filter)
        return {"flats": (flats, kept)}, {}


class VerifySpectroFlatConfig(
    PipelineTaskConfig,
    ProductVerificationConfig,
    StructureConfig,
    pipelineConnections=VerifySpectroFlatConnections,
):
    """Settings of the verification; those of the flat should be the ones that it was made with."""


class VerifySpectroFlatTask(PipelineTask):
    """Measure the flat of a spectrograph beside the combined flat and the gains; no exposure is needed."""

    ConfigClass = VerifySpectroFlatConfig
    _DefaultName: ClassVar[str] = "verifySpectroFlat"
    config: VerifySpectroFlatConfig

    def runQuantum(
        self,
        butlerQC: QuantumContext,  # noqa: N803
        inputRefs: InputQuantizedConnection,  # noqa: N803
        outputRefs: OutputQuantizedConnection,  # noqa: N803
    ) -> None:
        """Read the flat under test, the combined flat and the gains."""
        flats = [(ref, calibration_image(butlerQC.get(ref))) for ref in getattr(inputRefs, "flats", ())]
        uuids = {"spectroFlat": str(inputRefs.spectroFlat.id), "ptc": str(inputRefs.ptc.id)}
        if flats:
            uuids["flat"] = str(flats[0][0].id)
        data_id = inputRefs.spectroFlat.dataId
        result = self.run(
            calibration_image(butlerQC.get(inputRefs.spectroFlat)),
            butlerQC.get(inputRefs.ptc),
            flats[0][1] if flats else None,
            str(data_id["instrument"]),
            int(data_id["detector"]),
            uuids=uuids,
        )
        butlerQC.put(result, outputRefs)

    def run(
        self,
        candidate: CalibrationImage,
        ptc: Table,
        flat: CalibrationImage | None,
        instrument: str,
        detector: int,
        *,
        uuids: Mapping[str, str],
    ) -> Struct:
        """Measure the flat of a spectrograph.

        Parameters
        ----------
        candidate
            The flat under test.
        ptc
            Photon transfer curve with the gains.
        flat
            Combined flat of the filter it should be made from; None where there is none.
        instrument, detector
            The camera and the number of its detector.
        uuids
            UUID of each calibration read.

        Returns
        -------
        Struct
            ``statistics``: a dumped `DetectorStatistics`.
        """
        layout = layout_of_image(instrument, detector, candidate.image.shape)
        responses = responses_from_ptc(ptc)
        gains = {name: gain for name, gain in responses.gains.items() if name not in responses.bad}
        product = product_statistics(
            candidate, layout, gains, self.config.settings(), flat, self.config.block
        )
        record = detector_record(
            "spectroFlat", candidate, layout, uuids, (), product, self.config.header_keys
        )
        self.log.info("measured the spectrograph flat of detector %d", detector)
        return Struct(statistics=record.plain())
