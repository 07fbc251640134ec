"""Checks of frames that must have seen an even, steady lamp: flats."""

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from statistics import median

from infra.settings.selection import QualityLimits
from tasks.selection.model import Evidence, EvidenceValue, ExposureRecord, FrameStatistics
from tasks.selection.robust import Centre, Finding, centre_of, finite, measured, rounded

__all__ = ["lit_findings", "matching_filter"]

_DIMMEST = 100.0
"""Level (adu) below which a frame cannot have seen the lamp."""
_FILTER_MATCH = 0.05
"""Two lamp rates that agree to this fraction may be of one filter."""


def lit_findings(
    frames: Sequence[ExposureRecord],
    sample: Sequence[ExposureRecord],
    limits: QualityLimits,
    lamps: Mapping[str, float],
) -> dict[int, list[Finding]]:
    """Return what speaks against flats: darks among them, a wrong filter, an unsteady lamp, odd light.

    Parameters
    ----------
    frames
        The set, in the order taken.
    sample
        Frames to compare with; the set itself where it is large enough.
    limits
        Limits of the calibration's selection rules.
    lamps
        Usual level per second of flats by physical filter (adu/s).
    """
    smallest, largest = limits.level_range or (_DIMMEST, math.inf)
    looked_at = [record for record in frames if record.statistics is not None]
    lit = [record for record in looked_at if _within(record, smallest, largest)]
    sound = [record for record in sample if _within(record, smallest, largest)]
    found = {
        record.exposure: [_out_of_range(record, smallest, largest, lit)]
        for record in looked_at
        if not _within(record, smallest, largest)
    }
    centre = centre_of(_illumination(record) for record in sound)
    if centre is None:
        return found
    steady = []
    for record in lit:
        finding = _illumination_departure(record, centre, limits, lamps)
        if finding is None:
            steady.append(record)
        else:
            found[record.exposure] = [finding]
    unsteady = _unsteady_set(steady, lit, centre, limits)
    shape = _Shape([record.statistics for record in sound if record.statistics is not None], limits)
    for record in steady:
        findings = [unsteady] if unsteady is not None else shape.findings(record)
        if findings:
            found[record.exposure] = findings
    return found


def _within(record: ExposureRecord, smallest: float, largest: float) -> bool:
    return record.statistics is not None and smallest <= record.statistics.level <= largest


def _illumination(record: ExposureRecord) -> float:
    """Return the level per second (adu/s), so that sets of other exposure times can be compared."""
    assert record.statistics is not None
    return (
        record.statistics.level / record.exposure_time
        if record.exposure_time > 0
        else record.statistics.level
    )


def _out_of_range(
    record: ExposureRecord, smallest: float, largest: float, lit: Sequence[ExposureRecord]
) -> Finding:
    assert record.statistics is not None
    level = record.statistics.level
    usual = centre_of(one.statistics.level for one in lit if one.statistics is not None)
    evidence = {
        "statistic": "level",
        "value": finite(level),
        "median": None if usual is None else rounded(usual.median),
        "limit": largest if level > largest else smallest,
        "unit": "adu",
    }
    if level > largest:
        return Finding(f"too bright: level {level:.0f} adu (limit {largest:g} adu)", evidence)
    beside = "" if usual is None else f", {usual.median:.0f} adu in its set"
    reason = f"mislabelled: called a flat but the level is {level:.1f} adu, like a dark or bias{beside}"
    return Finding(reason, {**evidence, "resembles": "dark"})


def _illumination_departure(
    record: ExposureRecord, centre: Centre, limits: QualityLimits, lamps: Mapping[str, float]
) -> Finding | None:
    """Check the brightness of one flat; of a wrong one say whether it fits another filter."""
    tolerance = limits.maximum_level_departure_fraction
    if tolerance is None:
        return None
    rate = _illumination(record)
    # Two camps in one set make the scatter huge, so that it may widen the tolerance to the double only.
    limit = min(max(tolerance, limits.n_sigma * centre.sigma / centre.median), 2 * tolerance)
    ratio = rate / centre.median
    if abs(ratio - 1) <= limit:
        return None
    unit = "adu/s" if record.exposure_time > 0 else "adu"
    evidence = measured("illumination", rate, centre, limit, unit, ratio=finite(ratio))
    other = matching_filter(record, rate, lamps)
    if other is not None:
        reason = (
            f"wrong filter: header says {record.physical_filter}, level {ratio:.2f} of its set fits {other}"
        )
        return Finding(reason, {**evidence, "resembles": other})
    # Without flats in another filter to compare with, a wrong filter looks just like a failing lamp.
    words = (
        "unsteady lamp"
        if any(name != record.physical_filter for name in lamps)
        else "unsteady lamp or wrong filter"
    )
    return Finding(f"{words}: level {ratio:.3f} of its set (limit 1 ± {limit:.2f})", evidence)


def matching_filter(record: ExposureRecord, rate: float, lamps: Mapping[str, float]) -> str | None:
    """Return the other filter whose lamp gives this level per second (adu/s), or None."""
    others = {name: abs(rate / lamp - 1) for name, lamp in lamps.items() if name != record.physical_filter}
    best = min(sorted(others), key=lambda name: others[name], default=None)
    return best if best is not None and others[best] <= _FILTER_MATCH else None


def _unsteady_set(
    steady: Sequence[ExposureRecord], lit: Sequence[ExposureRecord], centre: Centre, limits: QualityLimits
) -> Finding | None:
    """Refuse a set whose frames mostly disagree, or whose light drifts from first to last."""
    if limits.maximum_level_departure_fraction is not None and 2 * len(steady) < len(lit):
        evidence: Evidence = {"statistic": "illumination", "n_steady": len(steady), "n_frames": len(lit)}
        reason = f"unsteady lamp: only {len(steady)} of {len(lit)} flats of the set agree in brightness"
        return Finding(reason, evidence)
    tolerance = limits.maximum_drift_fraction
    if tolerance is None or len(steady) < 3:
        return None
    drift = _drift([_illumination(record) for record in steady]) / centre.median
    if abs(drift) <= tolerance:
        return None
    evidence = {"statistic": "drift", "value": rounded(drift), "limit": tolerance, "unit": "1"}
    reason = f"unsteady lamp: the set drifts by {drift:+.1%} from first to last (limit {tolerance:.0%})"
    return Finding(reason, evidence)


def _drift(values: Sequence[float]) -> float:
    """Return the change from first to last by the median slope of all pairs (Theil and Sen)."""
    slopes = [(values[j] - values[i]) / (j - i) for i, j in combinations(range(len(values)), 2)]
    return median(slopes) * (len(values) - 1)


class _Shape:
    """How the light is spread over the detector, and the amplifiers' share of it, over a set."""

    def __init__(self, sound: Sequence[FrameStatistics], limits: QualityLimits) -> None:
        self._limits = limits
        self._gradients = {
            "gradient_x": centre_of(one.gradient_x for one in sound),
            "gradient_y": centre_of(one.gradient_y for one in sound),
        }
        names = dict.fromkeys(name for one in sound for name in one.amplifiers)
        self._shares = {
            name: centre_of(one.amplifiers[name].level / one.level for one in sound if name in one.amplifiers)
            for name in names
        }

    def findings(self, record: ExposureRecord) -> list[Finding]:
        """Return the gradients and the worst amplifier of one frame, where beyond the limits."""
        look = record.statistics
        assert look is not None
        found: list[Finding] = []
        for name, centre in self._gradients.items():
            words, tolerance = (
                f"odd light: {name.replace('_', ' in ')}",
                self._limits.maximum_gradient_departure,
            )
            finding = self._check(words, name, getattr(look, name), centre, tolerance)
            found.extend([finding] if finding else [])
        worst: tuple[float, Finding] | None = None
        for name, amplifier in look.amplifiers.items():
            share, centre = amplifier.level / look.level, self._shares.get(name)
            words, tolerance = (
                f"odd amplifier: share of {name}",
                self._limits.maximum_amplifier_departure_fraction,
            )
            finding = self._check(words, "share", share, centre, tolerance, amplifier=name)
            off = 0.0 if centre is None else abs(share - centre.median)
            if finding is not None and (worst is None or off > worst[0]):
                worst = (off, finding)
        return [*found, *([worst[1]] if worst else [])]

    def _check(
        self,
        words: str,
        statistic: str,
        value: float,
        centre: Centre | None,
        tolerance: float | None,
        **more: EvidenceValue,
    ) -> Finding | None:
        if tolerance is None or centre is None or not math.isfinite(value):
            return None
        limit = centre.limit(tolerance, self._limits.n_sigma)
        if abs(value - centre.median) <= limit:
            return None
        reason = f"{words} is {value:.4f} of the level, {centre.median:.4f} in its set (limit ±{limit:.3f})"
        return Finding(reason, measured(statistic, value, centre, limit, "1", **more))
