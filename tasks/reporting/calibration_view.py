"""One calibration as the template shows it: figures drawn, tables filled, worst detectors first."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from tasks.reporting.amplifier_tables import AmplifierTable, Cell, amplifier_table, whole_detector
from tasks.reporting.amplifiers import AmplifierTest, summarise_verdict
from tasks.reporting.contents import BinnedImage, CalibrationContents, Residual
from tasks.reporting.detectors import (
    MOST_FIGURED,
    DetectorSummary,
    FocalPlane,
    detector_names,
    focal_plane,
    ranked_detectors,
)
from tasks.reporting.exposures import first_and_next, mean_points, mean_statistic, set_of
from tasks.reporting.figures import MeanPoint, image_figure, mean_against_time
from tasks.reporting.raster import binned, coarser, percentile_stretch
from tasks.reporting.words import artefacts
from tasks.verification.model import calibration_type

__all__ = ["CalibrationView", "DetectorView", "calibration_view"]

_LARGEST_SIDE = 512
"""Blocks on a side of an image, for a camera of one detector."""
_LARGEST_SIDE_OF_MANY = 256
MOST_TABLES = 6
"""Detectors with a table of amplifiers, per calibration; the worst of a large camera."""


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
    combined_note: str
    residuals: tuple[ResidualView, ...]
    residual_note: str
    table: AmplifierTable | None
    whole: tuple[tuple[str, Cell], ...]
    """Tests of the detector as a whole."""


@dataclass(frozen=True, slots=True)
class CalibrationView:
    """What is shown of one calibration."""

    contents: CalibrationContents
    anchor: str
    detectors: tuple[DetectorView, ...]
    """Detectors shown in full, the worst first."""
    others: tuple[DetectorSummary, ...]
    """The rest."""
    ranked: tuple[DetectorSummary, ...]
    plane: FocalPlane
    points: tuple[MeanPoint, ...]
    mean_figure: Markup | None
    mean_without_cosmic_rays: bool
    artefacts: tuple[str, ...]


def calibration_view(contents: CalibrationContents, plan: Mapping[str, Any], anchor: str) -> CalibrationView:
    """Draw the figures and fill the tables of one calibration.

    Parameters
    ----------
    contents
        The calibration.
    plan
        The plan as JSON values, for the order of its exposures.
    anchor
        Identifier of the calibration's section on the page.
    """
    names = detector_names(contents)
    tests = contents.amplifier_tests or summarise_verdict(contents.verdict)
    ranked = ranked_detectors(contents.verdict, names, tests)
    by_detector: dict[int, list[AmplifierTest]] = {}
    for test in tests:
        by_detector.setdefault(test.worst.detector or 0, []).append(test)
    shown = ranked[: MOST_TABLES if len(ranked) > MOST_TABLES + 1 else len(ranked)]
    points = mean_points(contents)
    return CalibrationView(
        contents=contents,
        anchor=anchor,
        detectors=tuple(
            _detector_view(
                contents, plan, one, f"{anchor}-detector-{one.detector}", by_detector, order, len(ranked)
            )
            for order, one in enumerate(shown)
        ),
        others=ranked[len(shown) :],
        ranked=ranked,
        plane=focal_plane(names),
        points=points,
        mean_figure=_mean_figure(contents, points, len(names)),
        mean_without_cosmic_rays=mean_statistic(contents.statistics) == "CR_MEAN",
        artefacts=artefacts(contents.key),
    )


def _detector_view(
    contents: CalibrationContents,
    plan: Mapping[str, Any],
    summary: DetectorSummary,
    anchor: str,
    tests: Mapping[int, list[AmplifierTest]],
    order: int,
    n_detectors: int,
) -> DetectorView:
    """Show one detector; its images only when it is among the worst."""
    side = _LARGEST_SIDE if n_detectors == 1 else _LARGEST_SIDE_OF_MANY
    combined: Markup | None = None
    residuals: tuple[ResidualView, ...] = ()
    note = residual_note = ""
    if order < MOST_FIGURED:
        combined, note = _combined(contents, summary, side)
        residuals, residual_note = _residuals(contents, plan, summary, side)
    own = tests.get(summary.detector, ())
    table, whole = amplifier_table(own), whole_detector(own)
    return DetectorView(summary, anchor, combined, note, residuals, residual_note, table, whole)


def _combined(
    contents: CalibrationContents, summary: DetectorSummary, side: int
) -> tuple[Markup | None, str]:
    image = contents.combined.get(summary.detector)
    if image is None:
        return None, ""
    small = binned(image, side)
    figure = image_figure(
        small.image,
        binning=small.binning,
        unit=contents.unit,
        stretch=percentile_stretch([small.image]),
        description=f"Combined {contents.key} of detector {summary.name}",
    )
    return figure, f"{_binning(small.binning)}; colours from the 1st to the 99th percentile"


def _residuals(
    contents: CalibrationContents, plan: Mapping[str, Any], summary: DetectorSummary, side: int
) -> tuple[tuple[ResidualView, ...], str]:
    rows = {row.exposure: row for row in contents.residuals.get(summary.detector, ())}
    chosen = [rows[number] for number in first_and_next(plan, contents.generation, rows)]
    if not chosen:
        return (), ""
    keeps_level = contents.residual_keeps_level
    if keeps_level is None:
        keeps_level = calibration_type(contents.key) == "flat"
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


def _mean_figure(
    contents: CalibrationContents, points: tuple[MeanPoint, ...], n_detectors: int
) -> Markup | None:
    if not points:
        return None
    quantity = "mean residual" if n_detectors == 1 else "median mean residual"
    return mean_against_time(
        points,
        quantity=quantity,
        unit=contents.residual_unit,
        description=f"Mean of the residual under {contents.key} against time; a table below has the numbers",
    )
