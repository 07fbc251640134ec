"""One calibration as the template shows it: figures drawn, tables filled, worst detectors first."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from tasks.reporting.amplifiers import AmplifierTest, agree, summarise_verdict
from tasks.reporting.contents import CalibrationContents
from tasks.reporting.detector_view import DetectorView, detector_view
from tasks.reporting.detectors import (
    MOST_FIGURED,
    DetectorSummary,
    FocalPlane,
    detector_names,
    focal_plane,
    ranked_detectors,
)
from tasks.reporting.exposures import MANY_DETECTORS, mean_points, mean_statistic
from tasks.reporting.figures import MeanPoint, mean_against_time
from tasks.reporting.mosaic import mosaic_figure
from tasks.reporting.words import artefacts, plural
from tasks.verification.model import ExposureGroup

__all__ = ["CalibrationView", "calibration_view"]

_LARGEST_SIDE = 512
"""Blocks on a side of an image, for a camera of one detector."""
_LARGEST_SIDE_OF_MANY = 256
MOST_TABLES = 6
"""Detectors with a table of amplifiers, per calibration; the worst of a large camera."""


@dataclass(frozen=True, slots=True)
class Mean:
    """The figure of the mean against time, with what must be said about it."""

    title: str
    figure: Markup
    range_words: str
    """What the thin lines span."""
    not_drawn: int
    """Exposures without a value."""


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
    """All detectors, the worst first."""
    judged_alike: bool
    """Whether the tables of amplifiers were judged as the verdict was."""
    plane: FocalPlane
    mosaic: Markup | None
    """The combined images of all detectors in the focal plane."""
    points: tuple[MeanPoint, ...]
    mean_figure: Mean | None
    artefacts: tuple[str, ...]
    """What to look for in the residuals."""

    @property
    def tested_groups(self) -> frozenset[ExposureGroup]:
        """Groups of exposures that were tested; none where only the calibration itself was."""
        tallies = self.contents.verdict.tallies
        return frozenset(one.group for one in tallies if one.group is not None)

    @property
    def made_from(self) -> str:
        """What it was made from, in words."""
        if self.contents.made_from:
            return f"made from {', '.join(self.contents.made_from)}"
        verb = "combined" if self.contents.combined or not self.contents.figures else "made"
        return f"{verb} from {plural(len(self.contents.generation), 'exposure')}"

    @property
    def shown(self) -> frozenset[int]:
        """Detectors shown in full."""
        return frozenset(one.summary.detector for one in self.detectors)

    def fared(self, tone: str) -> int:
        """Return how many detectors fared so: ``bad``, ``unknown``, ``warn`` or ``good``."""
        return sum(one.tone == tone for one in self.ranked)


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
    tests = contents.amplifier_tests or summarise_verdict(contents.verdict)
    ranked = ranked_detectors(contents.verdict, detector_names(contents), tests)
    by_detector: dict[int | None, list[AmplifierTest]] = {}
    for test in tests:
        by_detector.setdefault(test.worst.detector, []).append(test)
    shown = ranked[: MOST_TABLES if len(ranked) > MOST_TABLES + 1 else len(ranked)]
    side = _LARGEST_SIDE if len(ranked) == 1 else _LARGEST_SIDE_OF_MANY
    plane = focal_plane({one.detector: one.name for one in ranked})
    points = mean_points(contents)
    return CalibrationView(
        contents=contents,
        anchor=anchor,
        detectors=tuple(
            detector_view(
                contents,
                plan,
                one,
                by_detector.get(one.detector, ()),
                anchor=f"{anchor}-detector-{one.detector}",
                largest_side=side if order < MOST_FIGURED else 0,
            )
            for order, one in enumerate(shown)
        ),
        others=ranked[len(shown) :],
        ranked=ranked,
        judged_alike=agree(tests, contents.verdict),
        plane=plane,
        mosaic=mosaic_figure(contents, plane),
        points=points,
        mean_figure=_mean_figure(contents, points, len(ranked)),
        artefacts=artefacts(contents.key),
    )


def _mean_figure(
    contents: CalibrationContents, points: tuple[MeanPoint, ...], n_detectors: int
) -> Mean | None:
    """Draw the mean against time; None when nothing was measured."""
    if not points:
        return None
    what = "mean level" if contents.keeps_level else "mean residual"
    cleaned = mean_statistic(contents.statistics) == "CR_MEAN"
    if n_detectors == 1:
        range_words = "all amplifiers"
    elif n_detectors < MANY_DETECTORS:
        range_words = "all detectors, about their median"
    else:
        range_words = "5 to 95 percent of the detectors, about their median"
    figure = mean_against_time(
        points,
        quantity=what,
        unit=contents.residual_unit,
        description=f"Mean of the residual under {contents.key} against time; a table below has the numbers",
    )
    title = what[:1].upper() + what[1:] + " against time" + (", without cosmic rays" if cleaned else "")
    return Mean(title, figure, range_words, sum(point.mean != point.mean for point in points))
