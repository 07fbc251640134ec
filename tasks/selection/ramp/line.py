"""The line of level against exposure time on which the flats of a ramp lie while the detector is linear."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from tasks.selection.model import ExposureRecord

__all__ = ["LampLine", "fit_line", "level_of", "nearest"]

_FAINT_PART = 0.25
"""Fraction of the highest level below which a detector is linear enough to find the lamp's rate."""
_COMPARABLE_PART = 0.6
"""Fraction of the highest level below which frames look alike but for their level."""
_LEAST_STEP = 1.2
"""Ratio of two exposure times that tells rate from offset."""
_MOST = 40
_FEWEST, _ENOUGH = 4, 6


@dataclass(frozen=True, slots=True)
class LampLine:
    """A robust straight line: level = rate × (exposure time) + offset."""

    rate: float
    """Light of the lamp (adu/s)."""
    offset: float
    """Level at no exposure time (adu): what the shutter gives or takes, and dark current."""
    highest: float
    """Level up to which frames are compared with each other (adu)."""
    faintest: float
    """Level up to which the line was found (adu)."""

    def level(self, exposure_time: float) -> float:
        """Return the level (adu) expected after an exposure time (s)."""
        return self.rate * exposure_time + self.offset


def level_of(record: ExposureRecord) -> float:
    """Return the level of a frame (adu); NaN where nobody has looked."""
    return math.nan if record.statistics is None else record.statistics.level


def fit_line(ramp: Sequence[ExposureRecord]) -> LampLine | None:
    """Return the line of a ramp, or None where too few frames have been looked at.

    Notes
    -----
    Over the faint part of the ramp, where full well and non-linearity are far, the line is the one with the
    least sum of absolute departures of level / time. Of these lines one goes through two of the points, and
    all are tried. A dark among the flats or a drop of the lamp does not move it.
    """
    seen = [one for one in ramp if math.isfinite(level_of(one)) and one.exposure_time > 0]
    if len(seen) < _FEWEST:
        return None
    seen.sort(key=lambda one: (one.exposure_time, one.exposure))
    brightest = max(level_of(one) for one in seen)
    limit = _FAINT_PART * brightest
    while len(faint := [one for one in seen if level_of(one) <= limit]) < _ENOUGH and limit < brightest:
        limit *= 1.3
    points = _spread(faint, _MOST)
    slowness = [1.0 / one.exposure_time for one in points]
    rates = [level_of(one) / one.exposure_time for one in points]
    best: tuple[float, float, float] | None = None
    for i, j in combinations(range(len(points)), 2):
        if points[j].exposure_time <= _LEAST_STEP * points[i].exposure_time:
            continue
        offset = (rates[j] - rates[i]) / (slowness[j] - slowness[i])
        rate = rates[i] - offset * slowness[i]
        departure = sum(abs(r - rate - offset * x) for r, x in zip(rates, slowness, strict=True))
        if rate > 0 and (best is None or departure < best[0]):
            best = (departure, rate, offset)
    if best is None:
        return None
    _, rate, offset = best
    # A line that is not above zero at the shortest exposure is no measure of anything.
    offset = max(offset, -0.8 * rate * seen[0].exposure_time)
    return LampLine(rate, offset, _COMPARABLE_PART * brightest, limit)


def _spread(ordered: Sequence[ExposureRecord], most: int) -> list[ExposureRecord]:
    """Return at most so many of some frames, spread evenly over them."""
    if len(ordered) <= most:
        return list(ordered)
    return [ordered[round(i * (len(ordered) - 1) / (most - 1))] for i in range(most)]


def nearest(place: int, values: Sequence[float], own: Sequence[int], count: int = 8) -> list[float]:
    """Return the ``count`` finite values nearest to a place of a list, but not those at places ``own``."""
    found: list[float] = []
    for step in range(1, len(values)):
        for i in (place - step, place + step):
            if 0 <= i < len(values) and i not in own and math.isfinite(values[i]):
                found.append(values[i])
        if len(found) >= count:
            break
    return found[:count]
