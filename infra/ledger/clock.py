"""The one place where the time of day comes from, so that tests and accelerated seasons can set it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta

from infra.errors import LedgerError

__all__ = ["TAI_MINUS_UTC", "now", "set_clock", "tai_text", "utc_text"]

TAI_MINUS_UTC = timedelta(seconds=37)
"""Leap seconds since 2017-01-01, after which none was announced (IERS Bulletin C).

The ledger only converts the times at which its own steps happen, all later than that; times of
observations arrive in TAI. This keeps a library that reads leap-second tables out of every start.
"""

_FIRST = datetime(2017, 1, 1, tzinfo=UTC)


def _system_clock() -> datetime:
    return datetime.now(UTC)


_clock: ContextVar[Callable[[], datetime]] = ContextVar("calprod_clock", default=_system_clock)


def now() -> datetime:
    """Return the time (UTC, aware) of the clock in force."""
    return _clock.get()().astimezone(UTC)


@contextmanager
def set_clock(clock: Callable[[], datetime] | datetime) -> Iterator[None]:
    """Use another clock inside a ``with`` block.

    Parameters
    ----------
    clock
        What gives an aware time, or one aware time at which the clock stands still.
    """
    token = _clock.set(clock if callable(clock) else lambda: clock)
    try:
        yield
    finally:
        _clock.reset(token)


def utc_text(when: datetime) -> str:
    """Write a time as UTC, ``2024-03-27T16:35:18.000000Z``; such texts sort by time."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "Z"


def tai_text(when: datetime) -> str:
    """Write a time as TAI, ``2024-03-27T16:35:55.000000``.

    Raises
    ------
    LedgerError
        If the time is before 2017, when TAI − UTC had other values.
    """
    if when.astimezone(UTC) < _FIRST:
        raise LedgerError(
            f"{utc_text(when)} is before 2017 and cannot be the time of a step", "set the machine's clock"
        )
    return (when.astimezone(UTC) + TAI_MINUS_UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")
