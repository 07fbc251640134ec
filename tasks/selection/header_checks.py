"""What a header says that cannot be: times that contradict the type, each other, or the neighbours."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence

from tasks.selection.model import ExposureRecord
from tasks.selection.robust import Centre, Finding, centre_of, finite

__all__ = ["Overheads", "header_findings", "overheads", "strays"]

_SECONDS_PER_DAY = 86400.0
_LONGEST_BIAS = 0.1
"""Exposure time (s) above which a frame is no bias."""
_OVERHEAD_FLOOR = 5.0
"""Change of the time between start and end, exposure taken out, that is never an alarm (s)."""
_SEQUENCE = 3

type Overheads = dict[str, Centre]
"""Time between start and end less the exposure time (s), by observation type."""


def overheads(records: Iterable[ExposureRecord]) -> Overheads:
    """Return how long, exposure time taken out, frames of each type last on this day."""
    values: dict[str, list[float]] = defaultdict(list)
    for record in records:
        values[record.observation_type].append(_overhead(record))
    centres = {name: centre_of(sample) for name, sample in values.items()}
    return {name: centre for name, centre in centres.items() if centre is not None}


def header_findings(record: ExposureRecord, usual: Overheads) -> list[Finding]:
    """Return what is wrong with the times of one exposure, the gravest first."""
    found: list[Finding] = []
    time, kind = record.exposure_time, record.observation_type
    if not math.isfinite(time) or time < 0:
        found.append(_finding(f"mislabelled: exposure time is {time} s", "exposure_time", time))
    elif kind == "bias" and time > _LONGEST_BIAS:
        found.append(
            _finding(f"mislabelled: called a bias but exposed for {time:g} s", "exposure_time", time)
        )
    elif kind in ("dark", "flat") and time == 0:
        found.append(_finding(f"mislabelled: called a {kind} but exposed for 0 s", "exposure_time", time))
    if kind == "dark" and not record.dark_time > 0:
        found.append(
            _finding(f"dark time is {record.dark_time} s: it cannot be scaled", "dark_time", record.dark_time)
        )
    overhead, centre = _overhead(record), usual.get(kind)
    if centre is not None and centre.n >= _SEQUENCE and math.isfinite(overhead):
        limit = max(_OVERHEAD_FLOOR, 8.0 * centre.sigma)
        if abs(overhead - centre.median) > limit:
            lasted = overhead + time
            reason = (
                f"wrong time in header: lasted {lasted:.1f} s from start to end, exposure time {time:g} s"
            )
            evidence = {"statistic": "overhead", "value": finite(overhead), "median": finite(centre.median)}
            found.append(Finding(reason, {**evidence, "limit": finite(limit), "unit": "s"}))
    return found


def strays(sets: Sequence[Sequence[ExposureRecord]]) -> dict[int, Finding]:
    """Return the one or two frames that stand inside a longer sequence of their type and differ from it.

    A flat that says another filter in the midst of a sequence is more likely a wrong header than a set of its
    own. Another exposure time is only doubted where start and end do not tell how long the frame lasted.
    """
    found: dict[int, Finding] = {}
    hosts = [one for one in sets if len(one) >= _SEQUENCE]
    for small in sets:
        if len(small) >= _SEQUENCE:
            continue
        for record in small:
            host = next((one for one in hosts if _stands_inside(record, one)), None)
            if host is not None and _is_doubtful(record, host[0]):
                found[record.exposure] = _stray(record, host)
    return found


def _stands_inside(record: ExposureRecord, host: Sequence[ExposureRecord]) -> bool:
    first, last = host[0], host[-1]
    same_kind = first.observation_type == record.observation_type and first.day_obs == record.day_obs
    return same_kind and first.begin_tai < record.begin_tai < last.begin_tai


def _is_doubtful(record: ExposureRecord, example: ExposureRecord) -> bool:
    return record.physical_filter != example.physical_filter or math.isnan(_overhead(record))


def _stray(record: ExposureRecord, host: Sequence[ExposureRecord]) -> Finding:
    example = host[0]
    differs = []
    if record.physical_filter != example.physical_filter:
        differs.append(f"filter {record.physical_filter} among {example.physical_filter}")
    if all(record.exposure_time != one.exposure_time for one in host):
        differs.append(f"exposure time {record.exposure_time:g} s among {example.exposure_time:g} s")
    text = " and ".join(differs) or "alone"
    evidence = {
        "physical_filter": record.physical_filter,
        "exposure_time": finite(record.exposure_time),
        "sequence": [one.exposure for one in host],
    }
    return Finding(f"mislabelled: header says {text}, inside a sequence of {len(host)}", evidence)


def _overhead(record: ExposureRecord) -> float:
    elapsed = (record.end_tai - record.begin_tai) * _SECONDS_PER_DAY
    # Start equal to end is how a header says that it does not know.
    return elapsed - record.exposure_time if elapsed > 0 else math.nan


def _finding(reason: str, statistic: str, value: float) -> Finding:
    return Finding(reason, {"statistic": statistic, "value": finite(value), "unit": "s"})
