"""Amplifiers that give no picture in a whole set: a fault of the detector, not of its frames."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Self

from tasks.selection.model import AmplifierLevels, ExposureRecord, FrameStatistics

__all__ = ["DeadAmplifiers"]

_HIGH = 2.0
"""A number this many times the usual pedestal is the top of the converter, or near it."""


@dataclass(frozen=True, slots=True)
class DeadAmplifiers:
    """Amplifiers that are dead in most frames of a set.

    Parameters
    ----------
    nan
        Those that hold no number.
    high
        Those that hold one number everywhere, overscan included, far above the pedestal of the others.
    """

    nan: frozenset[str] = frozenset()
    high: frozenset[str] = frozenset()

    @classmethod
    def of(cls, sample: Sequence[ExposureRecord]) -> Self:
        """Return the amplifiers that are dead in more than half of the frames that were looked at.

        Parameters
        ----------
        sample
            Frames of one type and camera state.
        """
        looks = [record.statistics for record in sample if record.statistics is not None]
        nan = Counter(name for look in looks for name, one in look.amplifiers.items() if _is_nan(one))
        high = Counter(name for look in looks for name in _high(look))
        most = len(looks) / 2
        return cls(
            frozenset(name for name, n in nan.items() if n > most),
            frozenset(name for name, n in high.items() if n > most),
        )

    def nan_share(self, look: FrameStatistics) -> float:
        """Return the fraction of a frame's pixels that are not finite because of these amplifiers."""
        return _share(
            look, {name for name in self.nan & set(look.amplifiers) if _is_nan(look.amplifiers[name])}
        )

    def saturated_share(self, look: FrameStatistics) -> float:
        """Return the fraction of a frame's pixels that count as saturated because of these amplifiers."""
        return _share(look, self.high & _high(look))


def _is_nan(levels: AmplifierLevels) -> bool:
    return math.isnan(levels.level)


def _high(look: FrameStatistics) -> set[str]:
    """Return the amplifiers that are stuck at a number far above the usual pedestal."""
    pedestals = [one.overscan_level for one in look.amplifiers.values() if not _is_nan(one)]
    limit = _HIGH * max(median(pedestals), 1.0) if pedestals else math.inf
    return {
        name
        for name, one in look.amplifiers.items()
        if one.level == 0.0 and one.overscan_noise == 0.0 and one.overscan_level > limit
    }


def _share(look: FrameStatistics, dead: set[str] | frozenset[str]) -> float:
    """Return the fraction of a detector that its dead amplifiers are; of several detectors the largest."""
    if not dead:
        return 0.0
    sizes = Counter(_detector(name) for name in look.amplifiers)
    return max(n / sizes[detector] for detector, n in Counter(map(_detector, dead)).items())


def _detector(amplifier: str) -> str:
    """Return the detector in the name of an amplifier of an exposure of several; of one it has none."""
    return amplifier.rpartition("_")[0]
