"""How the light of the flats of a ramp is spread over the detector and its amplifiers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from infra.settings.selection import QualityLimits
from tasks.selection.model import EvidenceValue, ExposureRecord, FrameStatistics
from tasks.selection.ramp.line import level_of, nearest
from tasks.selection.robust import Finding, finite, rounded

__all__ = ["odd_shapes"]

_FLOOR = 5.0
"""Difference of a gradient or of an amplifier's level (adu) that is never an alarm."""
_FEWEST = 5


@dataclass(frozen=True, slots=True)
class _Measure:
    """One fraction of the level, in every flat."""

    name: str
    words: str
    values: Sequence[float]
    tolerance: float | None

    @property
    def is_even(self) -> bool:
        """Whether all flats are so alike that none can be off."""
        finite_ones = [value for value in self.values if math.isfinite(value)]
        return self.tolerance is None or max(finite_ones, default=0.0) - min(finite_ones, default=0.0) <= (
            self.tolerance
        )

    def departure(self, index: int, level: float) -> tuple[float, Finding] | None:
        """Return how far one flat is off those beside it, and the finding; None where it is not."""
        value, beside = self.values[index], nearest(index, self.values, [index])
        if self.tolerance is None or not beside or not math.isfinite(value):
            return None
        usual, limit = median(beside), max(self.tolerance, _FLOOR / max(level, 1.0))
        off = abs(value - usual)
        if off <= limit:
            return None
        beside_it = f"{usual:.4f} in the flats beside it (limit ±{limit:.3f})"
        reason = f"{self.words} is {value:.4f} of the level, {beside_it}"
        evidence: dict[str, EvidenceValue] = {
            "statistic": self.name,
            "value": finite(value),
            "median": rounded(usual),
            "limit": rounded(limit),
            "unit": "1",
        }
        return off, Finding(reason, evidence)


def odd_shapes(order: Sequence[ExposureRecord], limits: QualityLimits) -> dict[int, list[Finding]]:
    """Return the flats whose light, or an amplifier's share of it, is not spread as in those beside them.

    Parameters
    ----------
    order
        Flats well below full well that have been looked at, by rising exposure time.
    limits
        Limits of the calibration's selection rules.
    """
    looks = [one.statistics for one in order if one.statistics is not None]
    if len(looks) < _FEWEST or len(looks) != len(order):
        return {}
    tolerance = limits.maximum_gradient_departure
    gradients = [
        _Measure(
            name, f"odd light: {name.replace('_', ' in ')}", [getattr(one, name) for one in looks], tolerance
        )
        for name in ("gradient_x", "gradient_y")
    ]
    names = dict.fromkeys(name for one in looks for name in one.amplifiers)
    limit = limits.maximum_amplifier_departure_fraction
    shares = [
        _Measure(name, f"odd amplifier: share of {name}", [_share(one, name) for one in looks], limit)
        for name in names
    ]
    # Of the thousands of amplifiers of a focal plane few need a closer look.
    shares = [one for one in shares if not one.is_even]
    found: dict[int, list[Finding]] = {}
    for index, record in enumerate(order):
        level = level_of(record)
        odd = [one.departure(index, level) for one in gradients]
        worst = max(
            (off for one in shares if (off := one.departure(index, level)) is not None),
            key=lambda entry: entry[0],
            default=None,
        )
        findings = [one[1] for one in [*odd, worst] if one is not None]
        if findings:
            found[record.exposure] = findings
    return found


def _share(look: FrameStatistics, name: str) -> float:
    if name not in look.amplifiers or not look.level > 0:
        return math.nan
    return look.amplifiers[name].level / look.level
