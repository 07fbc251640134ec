"""Validity ranges: half-open in TAI, given by people as days of observation."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from infra.errors import UsageError

if TYPE_CHECKING:
    from lsst.daf.butler import Timespan

__all__ = ["ROLLOVER_HOURS", "Validity"]

ROLLOVER_HOURS = 12
"""Hours after 00:00 TAI at which an observing day of Rubin's cameras begins."""

_SECOND = 1_000_000_000
_HOUR = 3600 * _SECOND
_DAY = 24 * _HOUR
# Arithmetic is on TAI labels, where every day has 86 400 s; UTC only keeps datetime from guessing a zone.
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# The Butler keeps nanoseconds since 1970 and takes the first and the last moment it knows for "unbounded".
_LIMIT = (datetime(2100, 1, 1, tzinfo=UTC) - _EPOCH).days * _DAY
_DAY_OBS = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})")
_TIME = re.compile(r"(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?")


@dataclass(frozen=True, slots=True)
class Validity:
    """The times, ``[begin, end)`` in TAI, at which a calibration is valid."""

    begin: int | None = None
    """First moment (TAI nanoseconds since 1970-01-01T00:00:00 TAI); None when there is no lower bound."""
    end: int | None = None
    """First moment after the range (TAI nanoseconds since 1970-01-01T00:00:00 TAI); None when open."""

    def __post_init__(self) -> None:
        for name, bound in (("begin", self.begin), ("end", self.end)):
            if bound is not None and not 0 < bound < _LIMIT:
                raise UsageError(
                    f"the {name} of a validity range must lie after 1970-01-01 and before 2100-01-01 TAI",
                    f"leave the {name} open instead",
                )
        if self.begin is not None and self.end is not None and self.begin >= self.end:
            raise UsageError(
                f"the validity range would be empty: it begins at {_label(self.begin)} and ends at "
                f"{_label(self.end)} TAI",
                "put the begin before the end; the last day_obs is included",
            )

    @classmethod
    def from_days(
        cls, first: int | None, last: int | None = None, *, rollover_hours: int = ROLLOVER_HOURS
    ) -> "Validity":
        """Return the range that covers whole observing days.

        Parameters
        ----------
        first
            First day_obs covered (YYYYMMDD); None for no lower bound.
        last
            Last day_obs covered, itself included (YYYYMMDD); None for no upper bound.
        rollover_hours
            Hours after 00:00 TAI at which an observing day begins: with 12, day_obs D covers
            [D 12:00, D+1 12:00) TAI.

        Raises
        ------
        UsageError
            A day is not a date, or the last comes before the first.
        """
        begin = None if first is None else _day_number(first) * _DAY + rollover_hours * _HOUR
        end = None if last is None else (_day_number(last) + 1) * _DAY + rollover_hours * _HOUR
        return cls(begin, end)

    @classmethod
    def from_timespan(cls, timespan: "Timespan") -> "Validity":
        """Return the range of a Butler timespan; UsageError when it is empty."""
        if timespan.isEmpty():
            raise UsageError("an empty timespan is no validity range")
        begin, end = timespan.nsec
        return cls(None if timespan.begin is None else begin, None if timespan.end is None else end)

    @classmethod
    def parse(cls, text: str, *, rollover_hours: int = ROLLOVER_HOURS) -> "Validity":
        """Read ``FIRST..LAST``, in days of observation or in TAI; either side may be empty.

        A date (``20240326`` or ``2024-03-26``) is a day_obs and the last one is included; a date with a
        time (``2024-03-26T12:00:00``) is TAI and the last one is the first moment no longer covered.
        """
        first, separator, last = text.strip().partition("..")
        if not separator:
            raise UsageError(
                f"'{text}' is not a validity range",
                "write FIRST..LAST, such as 20240326..20240405 or 20240326..",
            )
        return cls(
            _parse_bound(first.strip(), 0, rollover_hours), _parse_bound(last.strip(), 1, rollover_hours)
        )

    def timespan(self) -> "Timespan":
        """Return the same range as the Butler writes it."""
        from astropy.time import Time
        from lsst.daf.butler import Timespan

        def time(bound: int | None) -> Time | None:
            return None if bound is None else Time(_label(bound), format="isot", scale="tai")

        return Timespan(time(self.begin), time(self.end))

    def first_day(self, rollover_hours: int = ROLLOVER_HOURS) -> int | None:
        """First day_obs (YYYYMMDD) that is covered at least in part; None when there is no lower bound."""
        return None if self.begin is None else _day_obs(self.begin, rollover_hours)

    def last_day(self, rollover_hours: int = ROLLOVER_HOURS) -> int | None:
        """Last day_obs (YYYYMMDD) that is covered at least in part; None when there is no upper bound."""
        return None if self.end is None else _day_obs(self.end - 1, rollover_hours)

    def overlaps(self, other: "Validity") -> bool:
        """Tell whether some moment lies in both ranges."""
        return self.intersection(other) is not None

    def intersection(self, other: "Validity") -> "Validity | None":
        """Return the moments that lie in both ranges, or None."""
        begin = max((bound for bound in (self.begin, other.begin) if bound is not None), default=None)
        end = min((bound for bound in (self.end, other.end) if bound is not None), default=None)
        if begin is not None and end is not None and begin >= end:
            return None
        return Validity(begin, end)

    def without(self, other: "Validity") -> tuple["Validity", ...]:
        """Return what is left of this range when ``other`` is cut out: none, one or two ranges."""
        cut = self.intersection(other)
        if cut is None:
            return (self,)
        parts = []
        if cut.begin is not None and cut.begin != self.begin:
            parts.append(Validity(self.begin, cut.begin))
        if cut.end is not None and cut.end != self.end:
            parts.append(Validity(cut.end, self.end))
        return tuple(parts)

    def text(self) -> str:
        """Return the range in TAI, which `parse` reads back: ``2024-03-26T12:00:00..2024-04-05T12:00:00``."""
        return f"{_label(self.begin)}..{_label(self.end)}"

    def __str__(self) -> str:
        first, last = self.first_day(), self.last_day()
        if self == Validity.from_days(first, last):
            return f"{first or ''}..{last or ''}"
        return self.text()

    def describe(self, rollover_hours: int = ROLLOVER_HOURS) -> str:
        """Say which days the range covers, and its bounds in TAI, for people to check before they certify."""
        first, last = self.first_day(rollover_hours), self.last_day(rollover_hours)
        whole = Validity.from_days(first, last, rollover_hours=rollover_hours)
        begins = (
            f"day_obs {first}{'' if whole.begin == self.begin else ' (in part)'}"
            if first
            else "the beginning"
        )
        ends = f"day_obs {last}{'' if whole.end == self.end else ' (in part)'}" if last else "further notice"
        bounds = f"{_label(self.begin) or '-∞'}, {_label(self.end) or '∞'}"
        return f"{begins} until {ends}, that is [{bounds}) TAI"


def _day_number(day_obs: int) -> int:
    """Days from 1970-01-01 to ``day_obs``."""
    match = _DAY_OBS.fullmatch(str(day_obs))
    try:
        if match is None:
            raise ValueError
        return (datetime(*map(int, match.groups()), tzinfo=UTC) - _EPOCH).days  # type: ignore[misc,arg-type]
    except ValueError:
        raise UsageError(f"'{day_obs}' is not a day of observation", "write it as YYYYMMDD") from None


def _day_obs(moment: int, rollover_hours: int) -> int:
    """Day of observation (YYYYMMDD) that holds ``moment`` (TAI nanoseconds)."""
    day = _EPOCH + timedelta(days=(moment - rollover_hours * _HOUR) // _DAY)
    return day.year * 10_000 + day.month * 100 + day.day


def _label(moment: int | None) -> str:
    """ISO label of a TAI moment, with a fraction where it is not zero; empty when there is none."""
    if moment is None:
        return ""
    seconds, nanoseconds = divmod(moment, _SECOND)
    label = (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
    return label if nanoseconds == 0 else f"{label}.{nanoseconds:09d}"


def _parse_bound(text: str, days_after: int, rollover_hours: int) -> int | None:
    """Read one side of a range; ``days_after`` is 1 for an end given as a day, which is included."""
    if not text:
        return None
    if (day := _DAY_OBS.fullmatch(text)) is not None:
        return (_day_number(int("".join(day.groups()))) + days_after) * _DAY + rollover_hours * _HOUR
    time = _TIME.fullmatch(text)
    try:
        if time is None:
            raise ValueError
        whole = datetime.fromisoformat(f"{time[1]}T{time[2]}:{time[3] or '00'}+00:00") - _EPOCH
    except ValueError:
        raise UsageError(
            f"'{text}' is neither a day of observation nor a time in TAI",
            "write 20240326 or 2024-03-26T12:00:00 (TAI, without a time zone)",
        ) from None
    return (whole.days * 86_400 + whole.seconds) * _SECOND + int((time[4] or "").ljust(9, "0"))
