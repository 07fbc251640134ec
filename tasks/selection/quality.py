"""What the pixels of a frame say against it, compared with the frames of its set.

A frame is compared by medians and median absolute deviations within its set. Sets of fewer than five frames
are too small to judge themselves; they are compared with all frames of their kind of the day.
"""

from collections.abc import Iterable, Mapping, Sequence
from statistics import median

from infra.settings.selection import PairSelection, QualityLimits
from tasks.selection.dead import DeadAmplifiers
from tasks.selection.lit import lit_findings
from tasks.selection.model import ExposureRecord, FrameStatistics
from tasks.selection.ramp.quality import RampLook
from tasks.selection.robust import SOFT_FACTOR, Centre, Finding, centre_of, finite, measured
from tasks.selection.sky import SKY_TYPES
from tasks.selection.unlit import unlit_findings

__all__ = ["LIT_TYPES", "Findings", "inspect_ramp", "inspect_set", "is_saturated", "lamp_rates"]

LIT_TYPES = frozenset({"flat"})
"""Observation types that have seen a lamp; of all others, but those of the sky, light is an error."""

_SELF_JUDGING = 5

type Findings = dict[int, list[Finding]]
"""What is wrong with each exposure; an exposure with nothing wrong is absent."""


def lamp_rates(records: Iterable[ExposureRecord], lit_level: float = 100.0) -> dict[str, float]:
    """Return the usual level per second of the flats of each physical filter (adu/s)."""
    rates: dict[str, list[float]] = {}
    for record in records:
        if (
            record.observation_type not in LIT_TYPES
            or record.statistics is None
            or not record.exposure_time > 0
        ):
            continue
        if record.statistics.level >= lit_level:
            rates.setdefault(record.physical_filter, []).append(
                record.statistics.level / record.exposure_time
            )
    return {name: median(sample) for name, sample in rates.items()}


def is_saturated(record: ExposureRecord, limits: QualityLimits, dead: DeadAmplifiers) -> bool:
    """Tell whether the frame is so saturated that the next one may show it; what is dead does not count."""
    limit, look = limits.maximum_saturated_fraction, record.statistics
    return look is not None and limit is not None and _saturated(look, dead) > limit


def inspect_set(
    frames: Sequence[ExposureRecord],
    peers: Sequence[ExposureRecord],
    limits: QualityLimits,
    lamps: Mapping[str, float],
) -> Findings:
    """Return what the pixels of the frames of one set say against them, the gravest first.

    Parameters
    ----------
    frames
        The set, in the order taken.
    peers
        Frames of the same type and filter of the day, used where the set is too small to judge itself.
    limits
        Limits of the calibration's selection rules.
    lamps
        Usual level per second of flats by physical filter (adu/s), to tell a wrong filter from a bad lamp.
    """
    sample = frames if len(frames) >= _SELF_JUDGING else peers
    looked_at = [record for record in frames if record.statistics is not None]
    if not looked_at:
        return {}
    specific: Findings = {}
    if looked_at[0].observation_type in LIT_TYPES:
        specific = lit_findings(frames, sample, limits, lamps)
    elif looked_at[0].observation_type not in SKY_TYPES:
        specific = unlit_findings(frames, sample, limits, lamps)
    read_out, dead = _ReadOut(sample, limits), DeadAmplifiers.of(sample)
    result: Findings = {}
    for record in looked_at:
        found = [
            *_counts(record, limits, dead),
            *specific.get(record.exposure, ()),
            *read_out.findings(record),
        ]
        if found:
            result[record.exposure] = found
    return result


def inspect_ramp(
    ramp: Sequence[ExposureRecord], limits: QualityLimits, pairs: PairSelection, lamps: Mapping[str, float]
) -> tuple[Findings, list[str]]:
    """Return what the pixels of the flats of a ramp say against them, and what is worth a warning.

    Saturated pixels are no fault of a ramp, and what saturates is not compared with what does not.

    Parameters
    ----------
    ramp
        The ramp, in the order taken.
    limits
        Limits of the calibration's selection rules.
    pairs
        Its rules for pairs.
    lamps
        Usual level per second of flats by physical filter (adu/s), to tell a wrong filter from a bad lamp.
    """
    look = RampLook(ramp, limits, pairs, lamps)
    dim = [record for record in ramp if record.exposure in look.comparable]
    read_out = _ReadOut(dim if len(dim) >= _SELF_JUDGING else ramp, limits)
    dead = DeadAmplifiers.of(ramp)
    unlimited = limits.model_copy(update={"maximum_saturated_fraction": None})
    light = look.findings()
    result: Findings = {}
    for record in ramp:
        if record.statistics is None:
            continue
        found = [*_counts(record, unlimited, dead), *light.get(record.exposure, ())]
        found += read_out.findings(record) if record.exposure in look.comparable else []
        if found:
            result[record.exposure] = found
    return result, look.warnings()


def _saturated(look: FrameStatistics, dead: DeadAmplifiers) -> float:
    return max(look.saturated_fraction - dead.saturated_share(look), 0.0)


def _counts(record: ExposureRecord, limits: QualityLimits, dead: DeadAmplifiers) -> list[Finding]:
    """Check the fractions of pixels that are not finite or saturated, leaving out what is dead."""
    look = record.statistics
    assert look is not None
    not_finite = max(look.nan_fraction - dead.nan_share(look), 0.0)
    checks = (
        ("nan_fraction", not_finite, limits.maximum_nan_fraction, "not finite"),
        ("saturated_fraction", _saturated(look, dead), limits.maximum_saturated_fraction, "saturated"),
    )
    found = []
    for name, value, limit, words in checks:
        if limit is not None and not value <= limit:
            reason = f"{words}: {value:.2%} of the pixels (limit {limit:.2%})"
            found.append(
                Finding(reason, {"statistic": name, "value": finite(value), "limit": limit, "unit": "1"})
            )
    return found


class _ReadOut:
    """Pedestal and read noise of every amplifier over a set."""

    def __init__(self, sample: Sequence[ExposureRecord], limits: QualityLimits) -> None:
        looks = [record.statistics for record in sample if record.statistics is not None]
        self._limits = limits
        self._pedestals = _by_amplifier(looks, "overscan_level")
        self._noises = _by_amplifier(looks, "overscan_noise")

    def findings(self, record: ExposureRecord) -> list[Finding]:
        """Return the worst pedestal jump and the worst noise of one frame, where beyond the limits."""
        assert record.statistics is not None
        jumps: list[tuple[float, Finding]] = []
        noisy: list[tuple[float, Finding]] = []
        for name, amplifier in record.statistics.amplifiers.items():
            jump = self._jump(name, amplifier.overscan_level)
            noise = self._noise(name, amplifier.overscan_noise)
            jumps.extend([jump] if jump else [])
            noisy.extend([noise] if noise else [])
        return [_worst(found) for found in (jumps, noisy) if found]

    def _jump(self, name: str, level: float) -> tuple[float, Finding] | None:
        floor, centre = self._limits.maximum_pedestal_departure, self._pedestals.get(name)
        if floor is None or centre is None:
            return None
        limit, off = centre.limit(floor, self._limits.n_sigma), level - centre.median
        if abs(off) <= limit:
            return None
        reason = f"pedestal jump: overscan of {name} is {off:+.1f} adu off its set (limit {limit:.1f} adu)"
        evidence = measured("overscan_level", level, centre, limit, "adu", amplifier=name)
        return abs(off), Finding(reason, evidence, usual_for_first=abs(off) <= SOFT_FACTOR * limit)

    def _noise(self, name: str, noise: float) -> tuple[float, Finding] | None:
        ratio_limit, centre = self._limits.maximum_noise_ratio, self._noises.get(name)
        if ratio_limit is None or centre is None or not centre.median > 0:
            return None
        ratio = noise / centre.median
        if ratio <= ratio_limit:
            return None
        reason = (
            f"noisy: overscan noise of {name} is {ratio:.2f} times that of its set (limit {ratio_limit:g})"
        )
        limit = ratio_limit * centre.median
        return ratio, Finding(reason, measured("overscan_noise", noise, centre, limit, "adu", amplifier=name))


def _by_amplifier(looks: Sequence[FrameStatistics], name: str) -> dict[str, Centre]:
    names = dict.fromkeys(amplifier for look in looks for amplifier in look.amplifiers)
    centres = {
        amplifier: centre_of(
            getattr(look.amplifiers[amplifier], name) for look in looks if amplifier in look.amplifiers
        )
        for amplifier in names
    }
    return {amplifier: centre for amplifier, centre in centres.items() if centre is not None}


def _worst(found: Sequence[tuple[float, Finding]]) -> Finding:
    """Return the finding of the amplifier that is furthest off, saying how many more there are."""
    _, worst = max(found, key=lambda entry: entry[0])
    usual = all(one.usual_for_first for _, one in found)
    return Finding(worst.reason, {**worst.evidence, "n_amplifiers": len(found)}, usual)
