"""What the pixels of a ramp of flats say against single ones: darks among them, lamp drops, odd amplifiers.

Frames of a ramp have no common level. Each is compared with the line of level against exposure time, and with
the frames next to it in time and in exposure time, so that neither real non-linearity nor a slow drift of the
lamp is blamed on a frame. What saturates lies below the line together with everything longer.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from statistics import median, median_high

from infra.settings.selection import PairSelection, QualityLimits
from tasks.selection.lit import matching_filter
from tasks.selection.model import EvidenceValue, ExposureRecord
from tasks.selection.ramp.line import LampLine, fit_line, level_of, nearest
from tasks.selection.ramp.ramps import runs_of
from tasks.selection.ramp.shape import odd_shapes
from tasks.selection.robust import Finding, centre_of, finite, rounded

__all__ = ["RampLook"]

_FLOOR = 10.0
"""Departure of a level (adu) that is never an alarm: at the faint end a few adu are many per cent."""
_PAIR_FLOOR = 6.0
"""Difference within a pair (adu) that is never an alarm."""
_DARK = 0.2
"""Fraction of the expected level below which a flat cannot have seen the lamp."""
_FEWEST = 8
"""Flats in which a drift of the lamp can be told from its scatter."""
_CLEARLY = 1.5
"""One of a pair that is this much further off than the other is the bad one."""


class RampLook:
    """The levels of a ramp of flats beside the line they should lie on.

    Parameters
    ----------
    ramp
        Flats of one filter in the order taken.
    limits
        Limits of the calibration's selection rules.
    pairs
        Its rules for pairs.
    lamps
        Usual level per second of flats by physical filter (adu/s).
    """

    def __init__(
        self,
        ramp: Sequence[ExposureRecord],
        limits: QualityLimits,
        pairs: PairSelection,
        lamps: Mapping[str, float],
    ) -> None:
        self._ramp, self._limits, self._pairs, self._lamps = ramp, limits, pairs, lamps
        self._line = fit_line(ramp)
        self._ratios = [self._ratio(record) for record in ramp]
        self._runs = runs_of(ramp, pairs.exposure_time_tolerance)
        place = {record.exposure: index for index, record in enumerate(ramp)}
        self._same = {
            one.exposure: [place[other.exposure] for other in run] for run in self._runs for one in run
        }
        by_time = sorted(range(len(ramp)), key=lambda i: (ramp[i].exposure_time, ramp[i].exposure))
        self._by_time = [i for i in by_time if math.isfinite(ramp[i].exposure_time)]
        self._rank = {i: rank for rank, i in enumerate(self._by_time)}
        self._departures = [self._departure(i) for i in range(len(ramp))]

    @property
    def comparable(self) -> frozenset[int]:
        """Exposures well below full well, the others of which look alike."""
        line = self._line
        return frozenset(
            one.exposure
            for one in self._ramp
            if one.statistics is not None and (line is None or one.statistics.level <= line.highest)
        )

    def findings(self) -> dict[int, list[Finding]]:
        """Return what speaks against each exposure, the gravest first; a sound one is absent."""
        found: dict[int, list[Finding]] = {}
        line = self._line
        for index, record in enumerate(self._ramp):
            finding = self._out_of_range(record) or (self._off(index, line) if line is not None else None)
            if finding is not None:
                found[record.exposure] = [finding]
        found.update(self._disagreeing(found))
        sound = [
            self._ramp[i] for i in self._by_time if self._ramp[i].exposure in self.comparable - set(found)
        ]
        return {**found, **odd_shapes(sound, self._limits)}

    def warnings(self) -> list[str]:
        """Return what is worth saying of the lamp although no frame is bad for it."""
        tolerance, line = self._pairs.maximum_lamp_drift, self._line
        if tolerance is None or line is None:
            return []
        faint = [
            (index, self._ratios[index])
            for index, record in enumerate(self._ramp)
            if level_of(record) <= line.faintest and abs(self._departures[index]) <= tolerance
        ]
        if len(faint) < _FEWEST:
            return []
        slopes = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in combinations(faint, 2)]
        drift = median(slopes) * (faint[-1][0] - faint[0][0])
        if abs(drift) <= tolerance:
            return []
        n, limit = len(faint), f"limit {tolerance:.0%}"
        return [
            f"the lamp drifted by {drift:+.1%} over the {n} flats in which the response is linear ({limit})"
        ]

    def _ratio(self, record: ExposureRecord) -> float:
        """Return the level as a fraction of the line; NaN where one of both is not known."""
        if self._line is None or not record.exposure_time > 0:
            return math.nan
        return level_of(record) / self._line.level(record.exposure_time)

    def _departure(self, index: int) -> float:
        """Return how far a frame is off those beside it, by exposure time or in time, whichever is less."""
        ratio, own = self._ratios[index], self._same[self._ramp[index].exposure]
        if not math.isfinite(ratio):
            return math.nan
        in_time = nearest(index, self._ratios, own)
        order = [self._ratios[i] for i in self._by_time]
        by_level = nearest(self._rank[index], order, [self._rank[i] for i in own if i in self._rank])
        usual = [median(values) for values in (in_time, by_level) if values]
        return min((ratio / one - 1 for one in usual if one > 0), key=abs, default=math.nan)

    def _limit(self, record: ExposureRecord, tolerance: float) -> float:
        """Return the largest departure of one frame; a scattering lamp may widen it to the double."""
        assert self._line is not None
        centre = centre_of(
            off
            for one, off in zip(self._ramp, self._departures, strict=True)
            if level_of(one) <= self._line.highest
        )
        scatter = 0.0 if centre is None else self._limits.n_sigma * centre.sigma
        floor = _FLOOR / self._line.level(record.exposure_time)
        return max(min(max(tolerance, scatter), 2 * tolerance), floor)

    def _out_of_range(self, record: ExposureRecord) -> Finding | None:
        limits, level = self._limits.level_range, level_of(record)
        if limits is None or limits[0] <= level <= limits[1] or record.statistics is None:
            return None
        limit = limits[1] if level > limits[1] else limits[0]
        words = "too bright" if level > limits[1] else "too faint"
        reason = f"{words}: level {level:.0f} adu (limit {limit:g} adu)"
        return Finding(reason, {"statistic": "level", "value": finite(level), "limit": limit, "unit": "adu"})

    def _off(self, index: int, line: LampLine) -> Finding | None:
        """Check one level against the line; say what a wrong one resembles."""
        record, off = self._ramp[index], self._departures[index]
        tolerance = self._pairs.maximum_level_departure
        if tolerance is None or not math.isfinite(off):
            return None
        limit = self._limit(record, tolerance)
        # Beside flats at full well a sound one is bright: then the line tells.
        is_usual = self._saturates(index, limit) if off < 0 else self._ratios[index] <= 1 + limit
        if abs(off) <= limit or is_usual:
            return None
        level, expected = level_of(record), line.level(record.exposure_time)
        evidence: dict[str, EvidenceValue] = {
            "statistic": "level",
            "value": finite(level),
            "expected": rounded(expected),
            "ratio": finite(1 + off),
            "limit": rounded(limit),
            "unit": "adu",
        }
        beside = f"{expected:.0f} adu expected after {record.exposure_time:g} s"
        if level < _DARK * expected:
            reason = f"mislabelled: called a flat but the level is {level:.1f} adu, like a dark or bias"
            return Finding(f"{reason}, {beside}", {**evidence, "resembles": "dark"})
        rate = level / record.exposure_time
        other = matching_filter(record, rate, self._lamps)
        if other is not None:
            reason = f"wrong filter: header says {record.physical_filter}, level {level:.0f} adu fits {other}"
            return Finding(f"{reason}, {beside}", {**evidence, "resembles": other})
        words = f"unsteady lamp: level {1 + off:.3f} of its sequence (limit 1 ± {limit:.2f})"
        return Finding(f"{words}, {beside}", evidence)

    def _saturates(self, index: int, limit: float) -> bool:
        """Tell whether a low level is full well: no lower than shorter exposures, longer ones low as well."""
        time, level = self._ramp[index].exposure_time, level_of(self._ramp[index])
        others = [
            (one.exposure_time - time, level_of(one), ratio)
            for i, (one, ratio) in enumerate(zip(self._ramp, self._ratios, strict=True))
            if i not in self._same[self._ramp[index].exposure] and math.isfinite(ratio)
        ]
        shorter = sorted(value for step, value, _ in others if step < 0)
        longer = [ratio for step, _, ratio in others if step > 0]
        # One bad frame may be the brightest of all: the second brightest must do.
        highest = shorter[-2] if len(shorter) > 1 else -math.inf
        is_full = level >= (1 - limit) * highest
        return is_full and (not longer or median_high(longer) <= (1 + limit) * self._ratios[index])

    def _disagreeing(self, known: Mapping[int, list[Finding]]) -> dict[int, list[Finding]]:
        """Return the flats whose level is not that of the others of their exposure time."""
        tolerance = self._pairs.maximum_pair_departure
        found: dict[int, list[Finding]] = {}
        for run in self._runs if tolerance is not None else ():
            looked = [one for one in run if one.exposure not in known and math.isfinite(level_of(one))]
            if len(looked) < 2:
                continue
            assert tolerance is not None
            middle = median(level_of(one) for one in looked)
            limit = max(tolerance * abs(middle), _PAIR_FLOOR)
            for one in self._worst(looked, middle, limit):
                found[one.exposure] = [_disagreement(one, looked, limit)]
        return found

    def _worst(
        self, looked: Sequence[ExposureRecord], middle: float, limit: float
    ) -> Sequence[ExposureRecord]:
        """Return those of one exposure time that differ from the rest; both of a pair if neither is worse."""
        if len(looked) > 2:
            return [one for one in looked if abs(level_of(one) - middle) > limit]
        if abs(level_of(looked[0]) - level_of(looked[1])) <= limit:
            return []
        place = {record.exposure: index for index, record in enumerate(self._ramp)}
        off = [abs(self._departures[place[one.exposure]]) for one in looked]
        for better, worse in ((0, 1), (1, 0)):
            if off[worse] > _CLEARLY * off[better]:
                return [looked[worse]]
        return looked


def _disagreement(one: ExposureRecord, looked: Sequence[ExposureRecord], limit: float) -> Finding:
    level = level_of(one)
    others = [other for other in looked if other is not one]
    beside = ", ".join(f"{level_of(other):.0f} adu in {other.exposure}" for other in others)
    reason = (
        f"pair disagrees: level {level:.0f} adu, {beside} of the same exposure time (limit {limit:.0f} adu)"
    )
    evidence: dict[str, EvidenceValue] = {
        "statistic": "level",
        "value": finite(level),
        "others": [other.exposure for other in others],
        "limit": rounded(limit),
        "unit": "adu",
    }
    return Finding(reason, evidence)
