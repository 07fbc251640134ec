"""The defects of a detector as a PipelineTask, made from combined images, and their verification."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from astropy.table import Table
from lsst.daf.butler import DataCoordinate, DatasetRef
from lsst.pipe.base import (
    InputQuantizedConnection,
    NoWorkFound,
    OutputQuantizedConnection,
    PipelineTask,
    PipelineTaskConfig,
    PipelineTaskConnections,
    QuantumContext,
    Struct,
)

from infra.butler.images import calibration_image
from infra.errors import CalprodError
from infra.images import CalibrationImage, Metadata
from infra.instruments.layout import Box
from infra.ledger.clock import now
from tasks.combine.connections import optional_calibration, optional_table, table_output
from tasks.combine.image_layout import layout_of_image
from tasks.defects.algorithm import (
    defects_of_map,
    defects_to_region_table,
    defects_to_table,
    find_defects,
    image_of_most_inputs,
    merge_defects,
)
from tasks.defects.run.config import DefectsConfig
from tasks.defects.run.header import defects_header
from tasks.defects.run.verify_task import VerifyDefectsTask
from tasks.defects.steps.model import ImageType
from tasks.isr.defects import boxes_of_table

__all__ = ["DefectsTask", "VerifyDefectsTask"]

_IMAGES: tuple[ImageType, ...] = ("bias", "dark", "flat")


class DefectsConnections(PipelineTaskConnections, dimensions=("instrument", "detector")):
    """Combined bias, dark and flats in, one table of defects out.

    The images are looked up as calibrations, each in its own right, so that one that is missing can be named.
    A camera without bootstrap products names its bias, dark and flat in the configuration.
    """

    bias = optional_calibration("biasBootstrap", "Combined bias to search.")
    dark = optional_calibration("darkBootstrap", "Combined dark to search (per second).")
    flat = replace(
        optional_calibration("flatBootstrap", "Combined flats, of which one is searched.", per_filter=True),
        multiple=True,
    )
    manual_defects = optional_table("manual_defects", "Boxes that people have given.")
    output = table_output("defects", "Defects with their reasons.")

    def adjustQuantum(  # noqa: N802
        self, inputs: dict[str, Any], outputs: dict[str, Any], label: str, data_id: DataCoordinate
    ) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """Refuse a detector that has some of the images and not all; leave one alone that has none."""
        names = {kind: getattr(self, kind).name for kind in _IMAGES}
        missing = [names[kind] for kind in _IMAGES if not inputs.get(kind, (None, ()))[1]]
        if len(missing) == len(names):
            raise NoWorkFound(f"no {', '.join(missing)} of {data_id}")
        if missing:
            raise CalprodError(
                f"{label} of {data_id} has no {' and no '.join(missing)}",
                f"make it first, and search its RUN: defects need {', '.join(names.values())}",
            )
        return super().adjustQuantum(inputs, outputs, label, data_id)


class DefectsTaskConfig(PipelineTaskConfig, DefectsConfig, pipelineConnections=DefectsConnections):
    """Settings of the search for defects."""


class DefectsTask(PipelineTask):
    """Find the defects of one detector in its combined bias, dark and flat."""

    ConfigClass = DefectsTaskConfig
    _DefaultName: ClassVar[str] = "defects"
    config: DefectsTaskConfig

    def runQuantum(
        self,
        butlerQC: QuantumContext,  # noqa: N803
        inputRefs: InputQuantizedConnection,  # noqa: N803
        outputRefs: OutputQuantizedConnection,  # noqa: N803
    ) -> None:
        """Read the images, of the flats the one made of most exposures, and store the table."""
        refs: dict[str, DatasetRef] = {"bias": inputRefs.bias, "dark": inputRefs.dark}
        images: dict[ImageType, CalibrationImage] = {
            "bias": calibration_image(butlerQC.get(inputRefs.bias)),
            "dark": calibration_image(butlerQC.get(inputRefs.dark)),
        }
        for ref in sorted(inputRefs.flat, key=lambda one: str(one.dataId["physical_filter"])):
            flat = calibration_image(butlerQC.get(ref))
            if "flat" not in images or image_of_most_inputs([images["flat"], flat]) is flat:
                images["flat"], refs["flat"] = flat, ref
        manual: tuple[Box, ...] = ()
        if hasattr(inputRefs, "manual_defects"):
            refs["manual_defects"] = inputRefs.manual_defects
            manual = boxes_of_table(butlerQC.get(inputRefs.manual_defects))
        data_id = outputRefs.output.dataId
        result = self.run(
            images,
            str(data_id["instrument"]),
            int(data_id["detector"]),
            manual=manual,
            provenance=_provenance(refs, {str(kind): image for kind, image in images.items()}),
        )
        butlerQC.put(result, outputRefs)

    def run(
        self,
        images: Mapping[ImageType, CalibrationImage],
        instrument: str,
        detector: int,
        *,
        manual: tuple[Box, ...] = (),
        provenance: Metadata | None = None,
    ) -> Struct:
        """Find the defects that combined images show.

        Parameters
        ----------
        images
            Bias (adu or electron), dark (the same per second) and flat (about 1), by what they are.
        instrument, detector
            The camera and the number of its detector.
        manual
            Boxes that are defects in any case.
        provenance
            Cards that name the datasets.

        Returns
        -------
        Struct
            ``output``: the table.
        """
        layout = layout_of_image(instrument, detector, next(iter(images.values())).image.shape)
        maps = {}
        for kind, image in images.items():
            settings = getattr(self.config, kind).settings(kind, instrument)
            maps[kind] = [find_defects(image, layout, kind, settings)]
        merged = merge_defects(maps, layout, edge=self.config.edges(instrument), manual=manual)
        for warning in merged.warnings:
            self.log.warning("detector %d: %s", detector, warning)
        found = defects_of_map(merged)
        self.log.info("%d defects, %.3f %% of detector %d", len(found), 100 * merged.fraction, detector)
        header = defects_header(
            merged,
            images,
            instrument=instrument,
            layout=layout,
            created=now(),
            provenance=provenance or {},
        )
        to_table = defects_to_region_table if self.config.form == "regions" else defects_to_table
        table: Table = to_table(found, header)
        return Struct(output=table)


def _provenance(refs: Mapping[str, DatasetRef], images: Mapping[str, CalibrationImage]) -> Metadata:
    """Cards that name the datasets searched: RUN, UUID and moment of creation."""
    cards: Metadata = {}
    for kind, ref in refs.items():
        name = ref.datasetType.name.upper()
        cards[f"LSST CALIB RUN {name}"] = ref.run
        cards[f"LSST CALIB UUID {name}"] = str(ref.id)
        if kind in images:
            cards[f"LSST CALIB DATE {name}"] = images[kind].metadata.get("CALIB_CREATION_DATETIME")
    return cards
