"""One detector as the template shows it: its images, and the table of its amplifiers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from infra.images.mask_planes import MaskPlane
from infra.images.model import CalibrationImage
from tasks.reporting.amplifier_tables import AmplifierTable, Cell, amplifier_table, whole_detector
from tasks.reporting.amplifiers import AmplifierTest
from tasks.reporting.contents import BinnedImage, CalibrationContents, Residual
from tasks.reporting.detectors import DetectorSummary
from tasks.reporting.exposures import first_and_next, set_of
from tasks.reporting.figure import Figure
from tasks.reporting.figures import image_figure
from tasks.reporting.products import ProductTable, product_record, product_table
from tasks.reporting.raster import binned, coarser, percentile_stretch
from tasks.reporting.words import number, plural

__all__ = ["DetectorView", "ResidualView", "detector_view"]


@dataclass(frozen=True, slots=True)
class ResidualView:
    """The residual of one exposure."""

    title: str
    exposure: int
    group: str
    figure: Markup


@dataclass(frozen=True, slots=True)
class DetectorView:
    """What is shown of one detector."""

    summary: DetectorSummary
    anchor: str
    combined: Markup | None
    facts: tuple[tuple[str, str], ...]
    """Numbers of the combined image by what they are."""
    residuals: tuple[ResidualView, ...]
    residual_note: str
    table: AmplifierTable | None
    whole: tuple[tuple[str, Cell], ...]
    """Tests of the detector as a whole."""
    product: ProductTable | None
    """Statistics of the calibration itself."""
    figures: tuple[Figure, ...]
    """Figures of the calibration itself."""

    @property
    def passes(self) -> bool:
        """Whether every test of every amplifier in exposures passes, as far as known."""
        return self.table is not None and all(
            cell is None or cell.tone in ("good", "none") for _, cells in self.table.rows for cell in cells
        )


def detector_view(
    contents: CalibrationContents,
    plan: Mapping[str, Any],
    summary: DetectorSummary,
    tests: Sequence[AmplifierTest],
    *,
    anchor: str,
    largest_side: int,
) -> DetectorView:
    """Draw the images of one detector and fill its table.

    Parameters
    ----------
    contents
        The calibration.
    plan
        The plan as JSON values, for the order of its exposures.
    summary
        How the detector fared.
    tests
        Worst results of the detector.
    anchor
        Identifier of the detector on the page.
    largest_side
        Most blocks on a side of an image; 0 leaves the images out.
    """
    combined: Markup | None = None
    facts: tuple[tuple[str, str], ...] = ()
    residuals: tuple[ResidualView, ...] = ()
    note = ""
    figures: tuple[Figure, ...] = ()
    if largest_side:
        figures = tuple(contents.figures.get(summary.detector, ()))
        combined, facts = _combined(contents, summary, largest_side)
        residuals, note = _residuals(contents, plan, summary, largest_side)
    record = product_record(contents.statistics, summary.detector)
    return DetectorView(
        summary=summary,
        anchor=anchor,
        combined=combined,
        facts=facts,
        residuals=residuals,
        residual_note=note,
        table=amplifier_table(tests),
        whole=whole_detector(tests),
        product=None if record is None else product_table(record, tests),
        figures=figures,
    )


def _combined(
    contents: CalibrationContents, summary: DetectorSummary, side: int
) -> tuple[Markup | None, tuple[tuple[str, str], ...]]:
    """Draw the combined image, and say what a glance does not show."""
    image = contents.combined.get(summary.detector)
    if image is None:
        return None, ()
    small = binned(image, side)
    stretch = percentile_stretch([small.image])
    figure = image_figure(
        small.image,
        binning=small.binning,
        unit=contents.unit,
        stretch=stretch,
        description=f"Combined {contents.key} of detector {summary.name}",
    )
    values = small.image[np.isfinite(small.image)]
    unit = f" {contents.unit}" if contents.unit else ""
    facts = [
        ("Combined from", plural(len(contents.generation), "exposure")),
        ("Median", number(float(np.median(values))) + unit if values.size else "no value"),
        ("Colours", f"{number(stretch.low)} … {number(stretch.high)}{unit}, the 1st to the 99th percentile"),
        ("Shown as", _binning(small.binning)),
    ]
    if isinstance(image, CalibrationImage):
        bad = int(np.count_nonzero(image.mask & np.uint16(MaskPlane.BAD)))
        share = f"{bad}, {number(100 * bad / image.mask.size)} %"
        facts.append(("Bad pixels", share if bad else "none"))
    return figure, tuple(facts)


def _residuals(
    contents: CalibrationContents, plan: Mapping[str, Any], summary: DetectorSummary, side: int
) -> tuple[tuple[ResidualView, ...], str]:
    rows = {row.exposure: row for row in contents.residuals.get(summary.detector, ())}
    chosen = [rows[number] for number in first_and_next(plan, contents.generation, rows)]
    if not chosen:
        return (), ""
    keeps_level = contents.keeps_level
    images = [_residual_image(row, contents.residual_binning, side, keeps_level) for row in chosen]
    stretch = percentile_stretch([image.image for image in images], centre=0.0)
    unit = "% of the median" if keeps_level else contents.residual_unit
    members = set_of(plan, contents.generation)
    views = []
    for order, (row, image) in enumerate(zip(chosen, images, strict=True)):
        first = bool(members) and row.exposure == members[0]
        title = (
            ("First exposure of the set" if first else "Earliest exposure") if order == 0 else "Next exposure"
        )
        figure = image_figure(
            image.image,
            binning=image.binning,
            unit=unit,
            stretch=stretch,
            description=f"{title}, {row.exposure}: residual under {contents.key}, detector {summary.name}",
        )
        views.append(ResidualView(title, row.exposure, row.group.value, figure))
    how = "less its median, in percent of it; " if keeps_level else ""
    how += f"{_binning(images[0].binning)}; one stretch for both, symmetric about zero"
    return tuple(views), how


def _residual_image(row: Residual, binning: int, side: int, keeps_level: bool) -> BinnedImage:
    image = coarser(BinnedImage(np.asarray(row.image, np.float32), binning), side)
    finite = image.image[np.isfinite(image.image)]
    level = float(np.median(finite)) if keeps_level and finite.size else 0.0
    if not keeps_level or level == 0.0:
        return image
    return BinnedImage((100.0 * (image.image / level - 1.0)).astype(np.float32), image.binning)


def _binning(factor: int) -> str:
    return "every pixel" if factor == 1 else f"means of {factor} × {factor} pixels"
