"""The light over the focal plane as PipelineTasks: fitted to all flats, taken out of each."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar

from astropy.table import Table
from lsst.daf.butler import DatasetRef
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

from infra.butler.images import calibration_image, masked_image
from infra.images import CalibrationImage, Metadata
from infra.instruments import camera
from infra.ledger.clock import now
from tasks.combine.connections import calibration_output
from tasks.combine.image_layout import layout_of_image
from tasks.combine.metadata import creation_cards
from tasks.combine.quality import quality_cards
from tasks.flat.gradient.bins import bins_from_tables
from tasks.flat.gradient.correction import remove_gradient
from tasks.flat.gradient.fitting import fit_gradient
from tasks.flat.gradient.recipe import vignetting
from tasks.flat.gradient.table import FLAT_GRADIENT_KIND, gradient_from_table, gradient_table
from tasks.flat.levels.scales_table import scales_from_table
from tasks.flat.run.config import ApplyConfig, GradientConfig
from tasks.flat.run.connections import (
    FOCAL_PLANE,
    ONE_DETECTOR,
    gradient_prerequisite,
    image_input,
    of_all_detectors,
    scales_input,
)

__all__ = ["FlatApplyConfig", "FlatApplyTask", "FlatGradientConfig", "FlatGradientTask"]


class FlatGradientConnections(PipelineTaskConnections, dimensions=FOCAL_PLANE):
    """Binned flats of all detectors in, the light over the focal plane out."""

    binned = of_all_detectors("flatBinned", "Binned flats of the detectors.")
    scales = scales_input()
    output = connection.Output(
        doc="The light of the flats over the focal plane.",
        name="flatGradient",
        storageClass="AstropyTable",
        dimensions=FOCAL_PLANE,
        isCalibration=True,
    )


class FlatGradientConfig(PipelineTaskConfig, GradientConfig, pipelineConnections=FlatGradientConnections):
    """Settings of the fit; what is not set is as the camera has it."""


class FlatGradientTask(PipelineTask):
    """Fit the light over the focal plane to the flats of all detectors."""

    ConfigClass = FlatGradientConfig
    _DefaultName: ClassVar[str] = "flatGradient"
    config: Any

    def runQuantum(
        self,
        butlerQC: QuantumContext,  # noqa: N803
        inputRefs: InputQuantizedConnection,  # noqa: N803
        outputRefs: OutputQuantizedConnection,  # noqa: N803
    ) -> None:
        """Read the bins of all detectors, fit, and store the table."""
        data_id = outputRefs.output.dataId
        scales = scales_from_table(butlerQC.get(inputRefs.scales))
        cards = _cards(str(data_id["instrument"]), str(data_id["physical_filter"]), sorted(scales.brightness))
        tables = butlerQC.get(inputRefs.binned)
        butlerQC.put(self.run(tables, str(data_id["instrument"]), cards), outputRefs)

    def run(self, binned: Iterable[Table], instrument: str, cards: Metadata) -> Struct:
        """Fit the light.

        Parameters
        ----------
        binned
            Binned flats of all detectors.
        instrument
            The camera.
        cards
            Header of the table.

        Returns
        -------
        Struct
            ``output``: see `tasks.flat.gradient.table.gradient_table`.
        """
        bins = bins_from_tables(binned)
        fit = fit_gradient(bins, self.config.settings(instrument))
        for warning in fit.warnings:
            self.log.warning("%s", warning)
        self.log.info(
            "slope of the light %.3g and %.3g per mm, ITL ratio %.4f",
            *fit.gradient.slope,
            fit.gradient.itl_ratio,
        )
        return Struct(output=gradient_table(fit, bins, cards))


class FlatApplyConnections(PipelineTaskConnections, dimensions=ONE_DETECTOR):
    """A flat in the light of its screen, and that light in; the flat in even light out."""

    flat = image_input("flat_uncorrected", "Flat in the light of the screen.")
    gradient = connection.Input(
        doc="The light of the flats over the focal plane.",
        name="flatGradient",
        storageClass="AstropyTable",
        dimensions=FOCAL_PLANE,
        isCalibration=True,
    )
    reference = gradient_prerequisite(
        "flatGradientReference", "Light whose radial part the flats should have, such as that of the sky."
    )
    output = calibration_output("flat", "Flat in even light (dimensionless, about 1).", per_filter=True)


class FlatApplyConfig(PipelineTaskConfig, ApplyConfig, pipelineConnections=FlatApplyConnections):
    """Settings of the removal of the light of the screen."""


class FlatApplyTask(PipelineTask):
    """Take the light of the screen out of the flat of one detector."""

    ConfigClass = FlatApplyConfig
    _DefaultName: ClassVar[str] = "flat"
    config: Any

    def runQuantum(
        self,
        butlerQC: QuantumContext,  # noqa: N803
        inputRefs: InputQuantizedConnection,  # noqa: N803
        outputRefs: OutputQuantizedConnection,  # noqa: N803
    ) -> None:
        """Read flat and light, and store the flat."""
        data_id = outputRefs.output.dataId
        gradient = butlerQC.get(inputRefs.gradient)
        cards = _provenance("FLATGRADIENT", inputRefs.gradient, gradient)
        reference: Table | None = None
        if hasattr(inputRefs, "reference"):
            reference = butlerQC.get(inputRefs.reference)
            cards |= _provenance("FLATGRADIENTREFERENCE", inputRefs.reference, reference)
        flat = calibration_image(butlerQC.get(inputRefs.flat))
        result = self.run(
            flat, str(data_id["instrument"]), int(data_id["detector"]), gradient, reference, cards
        )
        butlerQC.put(Struct(output=masked_image(result.calibration)), outputRefs)

    def run(
        self,
        flat: CalibrationImage,
        instrument: str,
        detector: int,
        gradient: Table,
        reference: Table | None = None,
        cards: Metadata | None = None,
    ) -> Struct:
        """Take out the light of the screen.

        Parameters
        ----------
        flat
            The flat of one detector.
        instrument, detector
            The camera and the number of its detector.
        gradient, reference
            The light of the flats, and that which they should have the radial part of.
        cards
            Further cards.

        Returns
        -------
        Struct
            ``calibration``: a `CalibrationImage`.
        """
        layout = layout_of_image(instrument, detector, flat.image.shape)
        even = remove_gradient(
            flat,
            layout,
            camera(instrument),
            gradient_from_table(gradient),
            reference=None if reference is None else gradient_from_table(reference),
            limits=vignetting(camera(instrument)) if self.config.mask_vignetting else None,
        )
        quality = quality_cards("flat", even.image, even.mask, layout)
        metadata = {**even.metadata, **quality, **creation_cards(now()), **(cards or {})}
        return Struct(calibration=replace(even, metadata=metadata))


def _provenance(name: str, ref: DatasetRef, table: Table) -> Metadata:
    """Cards that name a table that was used."""
    return {
        f"LSST CALIB RUN {name}": ref.run,
        f"LSST CALIB UUID {name}": str(ref.id),
        f"LSST CALIB DATE {name}": table.meta.get("CALIB_CREATION_DATETIME"),
    }


def _cards(instrument: str, physical_filter: str, exposures: Sequence[int]) -> Metadata:
    """Header of the table of the light, which is of no one detector."""
    created: datetime = now()
    date = created.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return {
        **FLAT_GRADIENT_KIND.cards(),
        "INSTRUME": instrument,
        "FILTER": physical_filter,
        "CALIBDATE": date,
        "CALIB_ID": f"instrument={instrument} filter={physical_filter} calibDate={date}",
        **creation_cards(created),
        **{f"CPP_INPUT_{i}": exposure for i, exposure in enumerate(exposures)},
    }
