"""Divide a day into sets of exposures the way a person reading the night log would.

A set is one type, filter and exposure time without a long pause. Frames of several types taken in turn
make one set of each type; two sequences of the same kind with other frames between them make two.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from infra.naming import safe_label
from tasks.selection.model import ExposureRecord, ExposureSet

__all__ = [
    "SetRules",
    "describe_set",
    "equal_times",
    "in_order_taken",
    "longest_pause",
    "split_into_sets",
]

_SECONDS_PER_DAY = 86400.0
_BLOCK = 3
"""Frames that make a sequence: fewer are strays or an interruption."""


@dataclass(frozen=True, slots=True)
class SetRules:
    """What makes two exposures belong to one set."""

    gap_seconds: float = 600.0
    """A longer pause between frames (s) begins a new set."""
    exposure_time_tolerance: float = 0.05
    """Exposure times that differ by no more than this (s) are equal."""
    per_filter: frozenset[str] = frozenset({"flat"})
    """Observation types on which the filter has an influence."""
    sequence_types: frozenset[str] = frozenset({"bias", "dark", "flat"})
    """Types that may be taken in turn with each other without ending a set."""
    whole: bool = False
    """Whether exposures of one type and filter are one set, whatever their times, pauses and groups."""


def in_order_taken(records: Iterable[ExposureRecord]) -> list[ExposureRecord]:
    """Return the exposures sorted by start time, and by ID where times are equal."""
    return sorted(
        records, key=lambda record: (math.isnan(record.begin_tai), record.begin_tai, record.exposure)
    )


def split_into_sets(
    records: Iterable[ExposureRecord], rules: SetRules, apart: Collection[int] = ()
) -> list[list[ExposureRecord]]:
    """Return the sets of one or several days, each in the order taken, sorted by their first frame.

    Parameters
    ----------
    records
        Exposures in any order; every one is in exactly one set of the result.
    rules
        What ends a set.
    apart
        Exposures that belong to no set, such as those of a ramp; they only fill the time between others.

    Notes
    -----
    Groups matter only where at least three frames of a kind share one: PTC pairs, and cameras that give every
    frame its own group, say nothing. One or two frames without such a group belong to the sequence beside
    them.
    """
    stream = in_order_taken(records)
    place = {record.exposure: index for index, record in enumerate(stream)}
    result: list[list[ExposureRecord]] = []
    for kind in _kinds([record for record in stream if record.exposure not in apart], rules):
        result.extend([kind] if rules.whole else _split_kind(kind, stream, place, rules))
    return sorted(result, key=lambda one: place[one[0].exposure])


def describe_set(one: Sequence[ExposureRecord], number: int, per_filter: Collection[str]) -> ExposureSet:
    """Return the description of a set; ``number`` counts the sets of its day and type from 1."""
    first, last = one[0], one[-1]
    physical_filter = first.physical_filter if first.observation_type in per_filter else None
    label = f"-{safe_label(physical_filter)}" if physical_filter else ""
    groups = {record.group for record in one}
    sound = all(math.isfinite(record.exposure_time) for record in one)
    return ExposureSet(
        name=f"{first.day_obs}-{first.observation_type}{label}-{number}",
        day_obs=first.day_obs,
        observation_type=first.observation_type,
        physical_filter=physical_filter,
        exposure_time=median(record.exposure_time for record in one) if sound else None,
        exposures=tuple(record.exposure for record in one),
        begin_tai=first.begin_tai,
        end_tai=last.end_tai,
        group=groups.pop() or None if len(groups) == 1 else None,
    )


def _kinds(stream: Sequence[ExposureRecord], rules: SetRules) -> list[list[ExposureRecord]]:
    """Divide by day, type, filter and exposure time, each kind in the order taken."""
    classes: dict[tuple[int, str, str], list[ExposureRecord]] = defaultdict(list)
    for record in stream:
        has_filter = record.observation_type in rules.per_filter
        name = record.physical_filter if has_filter else ""
        classes[record.day_obs, record.observation_type, name].append(record)
    kinds: list[list[ExposureRecord]] = []
    if rules.whole:
        return list(classes.values())
    for members in classes.values():
        ceilings = equal_times((one.exposure_time for one in members), rules.exposure_time_tolerance)
        by_time: dict[float | None, list[ExposureRecord]] = defaultdict(list)
        for record in members:
            by_time[ceilings.get(record.exposure_time)].append(record)
        kinds.extend(by_time.values())
    return kinds


def equal_times(times: Iterable[float], tolerance: float) -> dict[float, float]:
    """Give every finite exposure time (s) the shortest of the times it counts as equal to."""
    ceilings: dict[float, float] = {}
    start: float | None = None
    for time in sorted({time for time in times if math.isfinite(time)}):
        if start is None or time - start > tolerance:
            start = time
        ceilings[time] = start
    return ceilings


def _split_kind(
    kind: list[ExposureRecord], stream: Sequence[ExposureRecord], place: dict[int, int], rules: SetRules
) -> list[list[ExposureRecord]]:
    """Split frames of one kind by group, pause and interruption."""
    sizes = Counter(record.group for record in kind if record.group)
    named: dict[str, list[ExposureRecord]] = defaultdict(list)
    for record in kind:
        named[record.group if sizes[record.group] >= _BLOCK else ""].append(record)
    loose = named.pop("", [])
    split = [part for members in named.values() for part in _split_at_pauses(members, stream, place, rules)]
    for run in _split_at_pauses(loose, stream, place, rules):
        host = _host(run, split, rules.gap_seconds) if len(run) < _BLOCK else None
        if host is None:
            split.append(run)
        else:
            host[:] = in_order_taken([*host, *run])
    return split


def _host(
    run: list[ExposureRecord], sets: list[list[ExposureRecord]], gap_seconds: float
) -> list[ExposureRecord] | None:
    """Find the sequence that one or two frames without a group of their own stand in, or beside."""
    best: tuple[float, list[ExposureRecord]] | None = None
    for one in sets:
        if len(one) < _BLOCK:
            continue
        before = one[0].begin_tai - run[-1].end_tai
        after = run[0].begin_tai - one[-1].end_tai
        pause = max(before, after, 0.0) * _SECONDS_PER_DAY
        if pause <= gap_seconds and (best is None or pause < best[0]):
            best = (pause, one)
    return None if best is None else best[1]


def _split_at_pauses(
    members: list[ExposureRecord], stream: Sequence[ExposureRecord], place: dict[int, int], rules: SetRules
) -> list[list[ExposureRecord]]:
    """Split frames in time order where nothing was taken for long, or where another sequence came between."""
    if not members:
        return []
    runs = _adjacent_runs(members, place)
    # Frames taken in turn come in short runs; a long run on either side is a sequence of its own.
    ends_run = {
        before[-1].exposure: max(len(before), len(after)) >= _BLOCK for before, after in pairwise(runs)
    }
    sets = [[members[0]]]
    for before, after in pairwise(members):
        between = stream[place[before.exposure] + 1 : place[after.exposure]]
        interrupted = len(between) >= _BLOCK and ends_run[before.exposure]
        if interrupted or longest_pause(before, between, after, rules) > rules.gap_seconds:
            sets.append([])
        sets[-1].append(after)
    return sets


def _adjacent_runs(members: Sequence[ExposureRecord], place: dict[int, int]) -> list[list[ExposureRecord]]:
    """Collect the frames that follow each other with no other frame between."""
    runs = [[members[0]]]
    for record in members[1:]:
        if place[record.exposure] != place[runs[-1][-1].exposure] + 1:
            runs.append([])
        runs[-1].append(record)
    return runs


def longest_pause(
    before: ExposureRecord, between: Iterable[ExposureRecord], after: ExposureRecord, rules: SetRules
) -> float:
    """Return the longest time (s) in which no calibration frame was exposed between two frames.

    Parameters
    ----------
    before, after
        The two frames.
    between
        Every frame taken between them.
    rules
        Which types are calibration frames.
    """
    fillers = [record for record in between if record.observation_type in rules.sequence_types]
    ends = [before.end_tai, *(record.end_tai for record in fillers)]
    begins = [*(record.begin_tai for record in fillers), after.begin_tai]
    return max(begin - end for end, begin in zip(ends, begins, strict=True)) * _SECONDS_PER_DAY
