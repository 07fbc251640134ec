"""Checks of frames that must not have seen light: biases and darks."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from infra.settings.selection import QualityLimits
from tasks.selection.model import EvidenceValue, ExposureRecord, FrameStatistics
from tasks.selection.robust import SOFT_FACTOR, Centre, Finding, centre_of, finite, measured

__all__ = ["unlit_findings"]

_BRIGHTEST = 300.0
"""Level (adu) above which a frame has seen light, whatever the frames beside it show."""
_LAMP_RATIO = 3.0


def unlit_findings(
    frames: Sequence[ExposureRecord],
    sample: Sequence[ExposureRecord],
    limits: QualityLimits,
    lamps: Mapping[str, float],
) -> dict[int, list[Finding]]:
    """Return what speaks against biases or darks: flats among them, light leaks, odd amplifiers and corners.

    Parameters
    ----------
    frames
        The set.
    sample
        Frames to compare with; the set itself where it is large enough.
    limits
        Limits of the calibration's selection rules.
    lamps
        Usual level per second of flats by physical filter (adu/s).
    """
    smallest, largest = limits.level_range or (-_BRIGHTEST, _BRIGHTEST)
    found: dict[int, list[Finding]] = {}
    for record in frames:
        if record.statistics is not None and not smallest <= record.statistics.level <= largest:
            found[record.exposure] = [_out_of_range(record, smallest, largest, lamps)]
    looks = [record.statistics for record in sample if record.statistics is not None]
    sound = [look for look in looks if smallest <= look.level <= largest]
    for record in frames:
        if record.statistics is not None and record.exposure not in found:
            departures = _departures(record.statistics, sound, limits)
            if departures:
                found[record.exposure] = departures
    return found


def _out_of_range(
    record: ExposureRecord, smallest: float, largest: float, lamps: Mapping[str, float]
) -> Finding:
    """Say what a frame far too bright, or too dark, most probably is."""
    assert record.statistics is not None
    level, kind = record.statistics.level, record.observation_type
    evidence: dict[str, str | float | None] = {
        "statistic": "level",
        "value": finite(level),
        "limit": largest if level > largest else smallest,
        "unit": "adu",
        "gradient_x": finite(record.statistics.gradient_x),
        "gradient_y": finite(record.statistics.gradient_y),
    }
    if not level > largest:
        return Finding(f"level {level:.1f} adu: no {kind} reads so (limit {smallest:g} adu)", evidence)
    lamp = _lamp_like(record, lamps)
    if lamp is None:
        reason = f"light leak: called a {kind} but the level is {level:.0f} adu (limit {largest:g} adu)"
        return Finding(reason, evidence)
    reason = f"mislabelled: called a {kind} but the level is {level:.0f} adu, like a flat in {lamp}"
    return Finding(reason, {**evidence, "resembles": lamp})


def _lamp_like(record: ExposureRecord, lamps: Mapping[str, float]) -> str | None:
    """Find the filter whose flats are about as bright; without flats or exposure time nothing is."""
    assert record.statistics is not None
    statistics = record.statistics
    ragged = max(abs(statistics.gradient_x), abs(statistics.gradient_y)) > 0.5
    if ragged or not record.exposure_time > 0:
        # A bias has no exposure time to make a rate of: light from one side is a leak, even light a lamp.
        return None if ragged or not lamps or statistics.level < 1000 else "some filter"
    rate = statistics.level / record.exposure_time
    ratios = {name: abs(math.log(rate / lamp)) for name, lamp in sorted(lamps.items())}
    best = min(ratios, key=lambda name: ratios[name], default=None)
    saturated = statistics.saturated_fraction > 0.5
    if best is None or (ratios[best] > math.log(_LAMP_RATIO) and not saturated):
        return None
    return best


def _departures(
    look: FrameStatistics, sound: Sequence[FrameStatistics], limits: QualityLimits
) -> list[Finding]:
    """Compare level, halves, corners and amplifiers with those of the other frames."""
    found: list[Finding | None] = []
    if limits.maximum_level_departure is not None:
        floor = limits.maximum_level_departure
        for name, value_of in _LEVELS.items():
            found.append(_compare(name, value_of, look, sound, floor, limits.n_sigma))
        found.append(_worst_amplifier(look, sound, floor, limits.n_sigma))
    if limits.maximum_corner_excess is not None:
        floor = limits.maximum_corner_excess
        corner = _compare("corner_excess", lambda one: one.corner_excess, look, sound, floor, limits.n_sigma)
        found.append(None if corner is None else replace(corner, usual_for_first=True))
    return [one for one in found if one is not None]


_LEVELS: dict[str, Callable[[FrameStatistics], float]] = {
    "level": lambda one: one.level,
    # A fraction of hardly any level says nothing, and then there is no leak either.
    "gradient_x": lambda one: one.gradient_x * one.level if abs(one.level) >= 1 else math.nan,
    "gradient_y": lambda one: one.gradient_y * one.level if abs(one.level) >= 1 else math.nan,
}
_WORDS = {
    "level": "light leak or pedestal: level",
    "gradient_x": "light leak: right half less left half",
    "gradient_y": "light leak: upper half less lower half",
    "corner_excess": "glowing corner: corner less the rest",
}


def _compare(
    name: str,
    value_of: Callable[[FrameStatistics], float],
    look: FrameStatistics,
    sound: Sequence[FrameStatistics],
    floor: float,
    n_sigma: float,
) -> Finding | None:
    centre = centre_of(value_of(one) for one in sound)
    value = value_of(look)
    if centre is None or not math.isfinite(value):
        return None
    limit = centre.limit(floor, n_sigma)
    return _departure(_WORDS[name], name, value, centre, limit)


def _worst_amplifier(
    look: FrameStatistics, sound: Sequence[FrameStatistics], floor: float, n_sigma: float
) -> Finding | None:
    worst: tuple[float, Finding] | None = None
    for name, amplifier in look.amplifiers.items():
        # An amplifier has a sixteenth of the pixels: its median needs more room than the detector's.
        centre = centre_of(one.amplifiers[name].level for one in sound if name in one.amplifiers)
        if centre is None or not math.isfinite(amplifier.level):
            continue
        limit = centre.limit(2 * floor, n_sigma)
        words = f"odd amplifier: level of {name}"
        finding = _departure(words, "level", amplifier.level, centre, limit, amplifier=name)
        off = abs(amplifier.level - centre.median) / limit
        if finding is not None and (worst is None or off > worst[0]):
            worst = (off, finding)
    return None if worst is None else worst[1]


def _departure(
    words: str, statistic: str, value: float, centre: Centre, limit: float, **more: EvidenceValue
) -> Finding | None:
    off = value - centre.median
    if abs(off) <= limit:
        return None
    reason = f"{words} is {value:.1f} adu, {centre.median:.1f} adu in its set (limit ±{limit:.1f} adu)"
    evidence = measured(statistic, value, centre, limit, "adu", **more)
    return Finding(reason, evidence, usual_for_first=abs(off) <= SOFT_FACTOR * limit)
