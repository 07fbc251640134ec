"""Robust comparison of one frame with the frames of its set."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from tasks.selection.model import Evidence, EvidenceValue

__all__ = ["SOFT_FACTOR", "Centre", "Finding", "centre_of", "finite", "measured", "rounded"]

SOFT_FACTOR = 5.0
"""A first exposure may be off by this many limits: that is its artefact, and not another kind of frame."""

_MAD_TO_SIGMA = 1.4826
_WIDEST = 3.0
"""A set that falls into two camps has a huge scatter; the limit never grows beyond this many floors."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong with a frame."""

    reason: str
    """What is wrong, in one sentence with value and limit."""
    evidence: Evidence
    """The numbers behind it."""
    usual_for_first: bool = False
    """Whether the first exposure of a set may show it and still be of use for verification."""


@dataclass(frozen=True, slots=True)
class Centre:
    """Median and robust standard deviation of one statistic over a set."""

    median: float
    sigma: float
    """1.4826 × median absolute deviation."""
    n: int
    """Frames with a finite value."""

    def limit(self, floor: float, n_sigma: float) -> float:
        """Return how far from the median a frame may be: ``n_sigma``, at least ``floor``, at most three."""
        return min(max(floor, n_sigma * self.sigma), _WIDEST * floor)


def centre_of(values: Iterable[float]) -> Centre | None:
    """Return the centre of the finite values, or None when there is none."""
    sound = [value for value in values if math.isfinite(value)]
    if not sound:
        return None
    middle = median(sound)
    return Centre(middle, _MAD_TO_SIGMA * median(abs(value - middle) for value in sound), len(sound))


def finite(value: float) -> float | None:
    """Return ``value`` as evidence: rounded, and None for what JSON cannot hold."""
    return rounded(value) if math.isfinite(value) else None


def rounded(value: float) -> float:
    """Return ``value`` to six significant digits, so that plans do not depend on the last bit of a median."""
    return float(f"{value:.6g}")


def measured(
    statistic: str, value: float, centre: Centre, limit: float, unit: str, **more: EvidenceValue
) -> Evidence:
    """Return the numbers of one comparison as evidence."""
    numbers: dict[str, EvidenceValue] = {
        "statistic": statistic,
        "value": finite(value),
        "median": rounded(centre.median),
        "limit": rounded(limit),
        "unit": unit,
        "n_compared": centre.n,
    }
    return {**numbers, **more}
