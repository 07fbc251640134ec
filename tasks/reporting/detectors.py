"""Which detectors a report shows in full, and where each stands in the focal plane."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tasks.reporting.amplifiers import AmplifierTest, severity_margin
from tasks.reporting.contents import CalibrationContents
from tasks.verification.model import DetectorStatistics, Verdict

__all__ = [
    "DetectorSummary",
    "FocalPlane",
    "detector_names",
    "figured_detectors",
    "focal_plane",
    "ranked_detectors",
]

MOST_FIGURED = 3
"""Detectors whose images are drawn, per calibration; the worst of a large camera."""

_RAFT_AND_SENSOR = re.compile(r"R(\d)(\d)_S([\dGW])(\d)")
_ROW_OF_CORNER_SENSOR = {"W": "0", "G": "1"}
"""Wavefront and guide sensors of the corner rafts, drawn in two rows; in truth they turn with the corner."""
_GAP = 0.35
"""Space between rafts, in detectors."""


@dataclass(frozen=True, slots=True)
class DetectorSummary:
    """How one detector fared under one calibration."""

    detector: int
    name: str
    """Full name, or the number where none is known."""
    failures: int = 0
    could_not_run: int = 0
    warnings: int = 0
    waived: int = 0
    margin: float = 0.0
    """How near its worst value is to a limit; 1 on the limit."""

    @property
    def tone(self) -> str:
        """``bad``, ``unknown``, ``warn`` or ``good``."""
        if self.failures:
            return "bad"
        if self.could_not_run:
            return "unknown"
        return "warn" if self.warnings else "good"


@dataclass(frozen=True, slots=True)
class FocalPlane:
    """Lower-left corner of each detector, in detectors, and the size of the whole."""

    places: Mapping[int, tuple[float, float]]
    width: float
    height: float


def ranked_detectors(
    verdict: Verdict, names: Mapping[int, str], tests: Iterable[AmplifierTest] = ()
) -> tuple[DetectorSummary, ...]:
    """Return how each detector fared, the worst first.

    Parameters
    ----------
    verdict
        The verdict on the calibration.
    names
        Full name by detector number, of all detectors that were measured.
    tests
        Worst results, which decide between detectors without failures.
    """
    lists = (verdict.failures, verdict.could_not_run, verdict.warnings, verdict.waived)
    counts = [Counter(result.detector for result in results) for results in lists]
    margins: dict[int, float] = {}
    for test in tests:
        detector, margin = test.worst.detector, severity_margin(test.worst)
        if detector is not None and margin > margins.get(detector, 0.0):
            margins[detector] = margin
    numbers = {*names, *margins, *(number for count in counts for number in count if number is not None)}
    failures, could_not_run, warnings, waived = counts
    found = [
        DetectorSummary(
            detector=number,
            name=names.get(number) or str(number),
            failures=failures[number],
            could_not_run=could_not_run[number],
            warnings=warnings[number],
            waived=waived[number],
            margin=margins.get(number, 0.0),
        )
        for number in sorted(numbers)
    ]
    return tuple(
        sorted(
            found,
            key=lambda one: (
                -one.failures,
                -one.could_not_run,
                -one.warnings,
                -one.waived,
                -one.margin,
                one.detector,
            ),
        )
    )


def detector_names(contents: CalibrationContents) -> dict[int, str]:
    """Return the full name of each detector measured or made, by number."""
    made = {*contents.combined, *contents.figures, *(one.detector for one in contents.datasets)}
    names = dict.fromkeys(sorted(made), "")
    names.update({record.detector: record.detector_name for record in contents.statistics})
    return names


def figured_detectors(
    verdict: Verdict, statistics: Iterable[DetectorStatistics], tests: Iterable[AmplifierTest] = ()
) -> tuple[int, ...]:
    """Return the detectors whose images the report draws, the worst first: only these need be read."""
    names = {record.detector: record.detector_name for record in statistics}
    return tuple(one.detector for one in ranked_detectors(verdict, names, tests)[:MOST_FIGURED])


def focal_plane(names: Mapping[int, str]) -> FocalPlane:
    """Return where each detector stands, by Rubin's names: raft row and column, sensor row and column.

    Cameras with other names get a plain grid, row by row from the top.
    """
    matches = {number: _RAFT_AND_SENSOR.fullmatch(name) for number, name in names.items()}
    places: dict[int, tuple[float, float]] = {}
    if names and all(matches.values()):
        for number, match in matches.items():
            if match is not None:
                digits = (_ROW_OF_CORNER_SENSOR.get(digit, digit) for digit in match.groups())
                raft_y, raft_x, y, x = (int(digit) for digit in digits)
                places[number] = (raft_x * (3 + _GAP) + x, raft_y * (3 + _GAP) + y)
    else:
        columns = max(1, round(len(names) ** 0.5))
        for order, number in enumerate(sorted(names)):
            places[number] = (float(order % columns), -float(order // columns))
    if not places:
        return FocalPlane({}, 0.0, 0.0)
    left, bottom = min(x for x, _ in places.values()), min(y for _, y in places.values())
    places = {number: (x - left, y - bottom) for number, (x, y) in places.items()}
    width, height = (1 + max(place[axis] for place in places.values()) for axis in (0, 1))
    return FocalPlane(places, width, height)
