"""The line of level against exposure time on which the flats of a ramp lie while the detector is linear."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from tasks.selection.model import ExposureRecord

__all__ = ["LampLine", "fit_line", "level_of", "nearest"]

_LINEAR_PART = 0.6
"""Fraction of the highest level below which a detector is linear enough to find the lamp's rate."""
_FEWEST = 4


@dataclass(frozen=True, slots=True)
class LampLine:
    """A robust straight line: level = rate × (exposure time) + offset."""

    rate: float
    """Light of the lamp (adu/s)."""
    offset: float
    """Level at no exposure time (adu): what the shutter gives or takes, and dark current."""
    highest: float
    """Level up to which frames are compared with each other (adu)."""

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
    The rate is the median of level / time over the longer half of the linear part, where an offset hardly
    counts; the offset is the median of what remains over the shortest third. A dark among the flats, a drop
    of the lamp or full well move neither.
    """
    seen = [one for one in ramp if math.isfinite(level_of(one)) and one.exposure_time > 0]
    if len(seen) < _FEWEST:
        return None
    seen.sort(key=lambda one: (one.exposure_time, one.exposure))
    highest = _LINEAR_PART * max(level_of(one) for one in seen)
    # One frame in a wrong filter may be the brightest: what lies below must still be most of a ramp.
    linear = [one for one in seen if level_of(one) <= highest]
    linear = linear if len(linear) >= _FEWEST else seen
    longer = linear[len(linear) // 2 :]
    rate = median(level_of(one) / one.exposure_time for one in longer)
    if not rate > 0:
        return None
    shorter = linear[: max(_FEWEST, len(linear) // 3)]
    offset = median(level_of(one) - rate * one.exposure_time for one in shorter)
    # A line that is not above zero at the shortest exposure is no measure of anything.
    return LampLine(rate, max(offset, -0.8 * rate * seen[0].exposure_time), highest)


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
