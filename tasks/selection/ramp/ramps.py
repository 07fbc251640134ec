"""Recognise ramps in the night log: flats of many exposure times, a few of each in succession.

A photon transfer curve is made from a ramp, an even flat never is. Only headers are looked at.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from infra.naming import safe_label
from tasks.selection.model import ExposureRecord, ExposureSet
from tasks.selection.sets import SetRules, describe_set, equal_times, in_order_taken, longest_pause

__all__ = ["RampRules", "describe_ramp", "find_ramps", "levels_of", "ramp_flats", "ramps_of_day", "runs_of"]

_STEADY = 5
"""Flats of one exposure time in succession that make an even set rather than a step of a ramp."""
_COVERED = 0.8
"""Fraction of the levels that a repetition of a ramp visits again."""
_USUAL_REASONS = frozenset({"", "unknown", "none", "flat", "calibration"})
"""Observation reasons that do not tell a ramp from a set."""

type Run = list[ExposureRecord]
"""Flats of one exposure time in succession."""


@dataclass(frozen=True, slots=True)
class RampRules:
    """What makes flats a ramp; the values by default are those that keep a ramp out of even flats."""

    gap_seconds: float = 600.0
    """A longer pause (s) begins a new ramp, unless the frames share a group."""
    tolerance: float = 5e-3
    """Exposure times that differ by no more than this (s) are equal."""
    fewest_levels: int = 5
    """Exposure times that make a ramp."""
    fewest_pairs: int = 0
    """How many of them must be taken twice in succession."""
    smallest_span: float = 3.0
    """Ratio of the longest to the shortest exposure time."""
    smallest_pass: int = 1
    """Pairs without which the part of a sequence that visits its levels again is no sequence of its own."""
    is_declared: bool = False
    """Whether the headers already say that the flats are of a ramp: then no further sign is asked for."""


def find_ramps(
    flats: Iterable[ExposureRecord], day: Iterable[ExposureRecord], rules: RampRules
) -> list[list[ExposureRecord]]:
    """Return the ramps among flats, each in the order taken and of one day and filter, the earliest first.

    Parameters
    ----------
    flats
        Where ramps are looked for, in any order.
    day
        Every exposure, whatever its type: it tells the pauses.
    rules
        What makes a ramp.

    Notes
    -----
    Five or more flats of one time in succession are a set of their own, unless a ramp goes on after them, or
    group or reason say that they belong to it. A ramp that is gone through again is two ramps.
    """
    stream = in_order_taken(day)
    place = {record.exposure: index for index, record in enumerate(stream)}
    kinds: dict[tuple[int, str], list[ExposureRecord]] = defaultdict(list)
    for record in in_order_taken(flats):
        kinds[record.day_obs, record.physical_filter].append(record)
    ramps: list[list[ExposureRecord]] = []
    for members in kinds.values():
        for part, is_group in _parts(members, stream, place, rules):
            runs = runs_of(part, rules.tolerance)
            if rules.is_declared:
                stretches = [runs]
            else:
                stretches = [_of_one_reason(runs)] if is_group else _without_sets(runs, rules)
            for one in stretches:
                if rules.is_declared or _is_ramp(one, rules):
                    ramps += [[record for run in way for record in run] for way in _passes(one, rules)]
    return sorted(ramps, key=lambda one: place[one[0].exposure])


def ramps_of_day(day: Iterable[ExposureRecord], types: Iterable[str]) -> list[list[ExposureRecord]]:
    """Return the ramps of a day, by the rules that keep them out of even sets.

    Parameters
    ----------
    day
        Every exposure of the day.
    types
        Observation types that see the lamp.
    """
    everything, lit = list(day), frozenset(types)
    flats = [record for record in everything if record.observation_type in lit]
    return find_ramps(flats, everything, RampRules())


def ramp_flats(ramps: Iterable[Sequence[ExposureRecord]], *, whole: bool = False) -> dict[int, str]:
    """Return the exposures that belong to a ramp and so to no even set, each with the reason.

    Parameters
    ----------
    ramps
        Those of a day.
    whole
        Whether a set need not be even: then there are none.
    """
    reasons: dict[int, str] = {}
    if whole:
        return reasons
    for ramp in ramps:
        times = sorted(one.exposure_time for one in ramp if math.isfinite(one.exposure_time))
        text = f"belongs to a ramp of {len(ramp)} flats from {times[0]:g} to {times[-1]:g} s, not an even set"
        reasons.update((one.exposure, text) for one in ramp)
    return reasons


def describe_ramp(ramp: Sequence[ExposureRecord], number: int) -> ExposureSet:
    """Return the description of a ramp; ``number`` counts those of its day and filter from 1."""
    first = ramp[0]
    described = describe_set(ramp, number, {first.observation_type})
    label = f"{first.day_obs}-{first.observation_type}-{safe_label(first.physical_filter)}"
    return replace(described, name=f"{label}-pairs-{number}", exposure_time=None)


def runs_of(records: Iterable[ExposureRecord], tolerance: float) -> list[Run]:
    """Return flats in the order given, those of equal exposure time in succession together."""
    runs: list[Run] = []
    for record in records:
        # A time that is not a number is equal to nothing, not even to another such.
        if not runs or not abs(record.exposure_time - runs[-1][0].exposure_time) <= tolerance:
            runs.append([])
        runs[-1].append(record)
    return runs


def levels_of(records: Iterable[ExposureRecord], tolerance: float) -> set[float]:
    """Return the different exposure times (s) of flats; zero and what is not a number are none."""
    times = [record.exposure_time for record in records if record.exposure_time > 0]
    return set(equal_times(times, tolerance).values())


def _parts(
    members: Sequence[ExposureRecord],
    stream: Sequence[ExposureRecord],
    place: dict[int, int],
    rules: RampRules,
) -> list[tuple[list[ExposureRecord], bool]]:
    """Divide flats of one filter by group where groups tell sequences, the others by pauses."""
    sizes = Counter(record.group for record in members if record.group)
    groups: dict[str, list[ExposureRecord]] = defaultdict(list)
    loose: list[list[ExposureRecord]] = []
    for record in members:
        if sizes[record.group] >= _STEADY:
            groups[record.group].append(record)
            continue
        if loose:
            last = loose[-1][-1]
            between = stream[place[last.exposure] + 1 : place[record.exposure]]
            pause = longest_pause(last, between, record, SetRules())
        if not loose or pause > rules.gap_seconds:
            loose.append([])
        loose[-1].append(record)
    return [*((one, True) for one in groups.values()), *((one, False) for one in loose)]


def _is_ramp(runs: Sequence[Run], rules: RampRules) -> bool:
    levels = levels_of((record for run in runs for record in run), rules.tolerance)
    spans = len(levels) > 0 and max(levels) >= rules.smallest_span * min(levels)
    return spans and len(levels) >= rules.fewest_levels and len(_paired(runs, rules)) >= rules.fewest_pairs


def _paired(runs: Iterable[Run], rules: RampRules) -> set[float]:
    """Return the exposure times (s) that are taken at least twice in succession."""
    return levels_of((run[0] for run in runs if len(run) > 1), rules.tolerance)


def _without_sets(runs: Sequence[Run], rules: RampRules) -> list[list[Run]]:
    """Return the stretches of short runs; an even set divides them unless it is a part of the ramp."""
    stretches: list[list[Run]] = [[]]
    steady: list[Run] = []
    for run in runs:
        if len(run) >= _STEADY:
            stretches.append([])
            steady.append(run)
        else:
            stretches[-1].append(run)
    joined = [stretches[0]]
    for run, after in zip(steady, stretches[1:], strict=True):
        if _belongs(run, joined[-1], after, rules):
            joined[-1] = [*joined[-1], run, *after]
        else:
            joined.append(after)
    return [one for one in joined if one]


def _of_one_reason(runs: Sequence[Run]) -> list[Run]:
    """Return the runs of a group without even sets taken for another reason; a script may hold both."""
    reasons = {record.observation_reason for run in runs if len(run) < _STEADY for record in run}
    return [
        run for run in runs if len(run) < _STEADY or any(one.observation_reason in reasons for one in run)
    ]


def _belongs(steady: Run, before: Sequence[Run], after: Sequence[Run], rules: RampRules) -> bool:
    """Tell whether many flats of one time are a step of the ramp around them."""
    reasons = {record.observation_reason.lower() for run in (*before, *after) for record in run}
    own = {record.observation_reason.lower() for record in steady}
    if own != reasons:
        return False
    if not own & _USUAL_REASONS:
        return True
    first, second = _paired(before, rules), _paired(after, rules)
    # A second ramp after an even set visits the levels of the first again.
    return min(len(first), len(second)) > 1 and 2 * len(_common(first, second, rules)) < len(second)


def _common(first: set[float], second: set[float], rules: RampRules) -> set[float]:
    return {time for time in second if any(abs(time - other) <= rules.tolerance for other in first)}


def _passes(runs: Sequence[Run], rules: RampRules) -> list[list[Run]]:
    """Divide a ramp that was gone through several times, each time visiting nearly every level again."""
    levels = equal_times((run[0].exposure_time for run in runs), rules.tolerance)
    names = [levels.get(run[0].exposure_time) for run in runs]
    every = _named(runs, names)
    ways: list[list[Run]] = [[]]
    seen: set[float] = set()
    for index, (run, name) in enumerate(zip(runs, names, strict=True)):
        rest = _named(runs[index:], names[index:])
        again = name in seen and min(len(seen), len(rest)) >= _COVERED * len(every)
        n_pairs = min(_n_pairs(ways[-1]), _n_pairs(runs[index:]))
        if again and len(every) >= rules.fewest_levels and n_pairs >= rules.smallest_pass:
            ways.append([])
            seen = set()
        ways[-1].append(run)
        if name is not None and len(run) > 1:
            seen.add(name)
    return ways


def _n_pairs(runs: Iterable[Run]) -> int:
    return sum(len(run) // 2 for run in runs)


def _named(runs: Sequence[Run], names: Sequence[float | None]) -> set[float]:
    """Return the levels visited by pairs."""
    return {name for run, name in zip(runs, names, strict=True) if name is not None and len(run) > 1}
