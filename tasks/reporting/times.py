"""Times for people: MJD (TAI) as dates, and the days of a plot in panels."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median

__all__ = ["DayPanel", "clock_of", "date_of", "day_panels", "iso_of"]

_EPOCH = datetime(1858, 11, 17)
_MOST_PANELS = 5
_MINUTE = 1 / 1440
_PAUSE = 10 * _MINUTE
"""A shorter pause never divides a day."""


@dataclass(frozen=True, slots=True)
class DayPanel:
    """One panel of a plot against time."""

    title: str
    days: tuple[int, ...]
    """Observing days it shows, YYYYMMDD."""
    span: tuple[float, float]
    """Times of the first and last exposure it shows (TAI, MJD)."""
    limits: tuple[float, float]
    """Ends of its axis (TAI, MJD)."""
    ticks: tuple[float, ...]
    """Places of its labels (TAI, MJD)."""
    labels: tuple[str, ...]
    """Time of day at each place, or the date."""
    width: float
    """Share of the plot's width."""

    def shows(self, time: float) -> bool:
        """Tell whether an exposure of this time (TAI, MJD) belongs to the panel."""
        return self.span[0] <= time <= self.span[1]


def iso_of(mjd: float) -> str:
    """Return a time as ``2024-03-26 19:04:12``; TAI has no leap seconds, so plain days do."""
    moment = _EPOCH + timedelta(days=mjd)
    return (moment + timedelta(milliseconds=500)).strftime("%Y-%m-%d %H:%M:%S")


def date_of(day_obs: int) -> str:
    """Return an observing day as ``2024-03-26``."""
    text = f"{day_obs:08d}"
    return f"{text[:4]}-{text[4:6]}-{text[6:]}"


def clock_of(mjd: float, form: str = "%H:%M") -> str:
    """Return a time in a form of `datetime.strftime`, to the nearest second."""
    return (_EPOCH + timedelta(seconds=round(mjd * 86400))).strftime(form)


def day_panels(points: Sequence[tuple[int, float]]) -> tuple[DayPanel, ...]:
    """Divide exposures over panels, so that minutes within a set and weeks between sets can both be read.

    Parameters
    ----------
    points
        Observing day (YYYYMMDD) and time (TAI, MJD) of each exposure.

    Returns
    -------
    tuple of DayPanel
        One panel per day, two or more where a day pauses long; when these are too many, the day with most
        exposures alone, and those before and after it together.
    """
    by_day: dict[int, list[float]] = {}
    for day, time in sorted(points, key=lambda point: point[1]):
        by_day.setdefault(day, []).append(time)
    days = sorted(by_day)
    if not days:
        return ()
    split = [((day,), times) for day in days for times in _without_pauses(by_day[day])]
    if len(split) <= _MOST_PANELS:
        return tuple(_panel(group, times) for group, times in split)
    if len(days) <= _MOST_PANELS:
        return tuple(_panel((day,), by_day[day]) for day in days)
    main = max(days, key=lambda day: (len(by_day[day]), day))
    groups = [tuple(d for d in days if d < main), (main,), tuple(d for d in days if d > main)]
    return tuple(_panel(group, [time for day in group for time in by_day[day]]) for group in groups if group)


def _without_pauses(times: Sequence[float]) -> list[list[float]]:
    """Divide the times of a day where it pauses much longer than usual."""
    steps = [after - before for before, after in pairwise(times)]
    longest = max(_PAUSE, 5 * median(steps)) if steps else _PAUSE
    parts = [[times[0]]]
    for step, time in zip(steps, times[1:], strict=True):
        if step > longest:
            parts.append([])
        parts[-1].append(time)
    return parts


def _panel(days: tuple[int, ...], times: Sequence[float]) -> DayPanel:
    low, high = min(times), max(times)
    room = (high - low) * 0.06 or _MINUTE
    n_ticks = 2 if len(times) < 6 else 4
    if len(days) > 1:
        title, form = f"{date_of(days[0])} … {date_of(days[-1])}", "%m-%d"
        ticks = tuple(low + (high - low) * n / (n_ticks - 1) for n in range(n_ticks))
    else:
        title = f"day_obs {date_of(days[0])}"
        ticks = _round_ticks(low, high, n_ticks)
        form = "%H:%M:%S" if any(round(tick * 86400) % 60 for tick in ticks) else "%H:%M"
    labels = tuple(clock_of(tick, form) for tick in ticks)
    width = 1.0 + 0.16 * min(len(times), 30)
    return DayPanel(title, days, (low, high), (low - room, high + room), ticks, labels, width)


def _round_ticks(low: float, high: float, most: int) -> tuple[float, ...]:
    """Return round times of day between two moments, about ``most`` of them, at least one."""
    for seconds in (10, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200):
        first, last = math.ceil(low * 86400 / seconds), math.floor(high * 86400 / seconds)
        if last - first < most:
            ticks = tuple(number * seconds / 86400 for number in range(first, last + 1))
            return ticks or ((low + high) / 2,)
    return (low, high)
