"""Which days hold calibration sets, and which of them wait to be made into calibrations."""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from infra.naming import CalibrationKey
from infra.settings.profile import CalibrationSettings
from tasks.selection.counts import CalibrationCount, count_day
from tasks.selection.model import ExposureRecord, ExposureSet

__all__ = ["CalibrationCount", "CalibrationDay", "DayState", "calibration_days"]

_SECONDS_PER_DAY = 86400.0


class DayState(StrEnum):
    """What a day waits for."""

    ACQUIRING = "acquiring"
    """Its last exposure is so recent that more may follow."""
    READY = "ready"
    """It holds a complete set for a calibration that is not yet made from it."""
    DONE = "done"
    """Everything it has complete sets for is made."""
    SHORT = "short"
    """It has calibration exposures, but of nothing enough."""


@dataclass(frozen=True, slots=True)
class CalibrationDay:
    """One observing day with calibration exposures."""

    day_obs: int
    state: DayState
    counts: tuple[CalibrationCount, ...]
    sets: tuple[ExposureSet, ...]
    last_tai: float | None
    """End of the last exposure of any type (TAI, MJD); None when no exposure of the day says when it was."""

    @property
    def summary(self) -> str:
        """What the day holds, in words."""
        return ", ".join(str(count) for count in self.counts)

    @property
    def waiting(self) -> tuple[CalibrationKey, ...]:
        """Calibrations that the day has complete sets for and that are not yet made."""
        return tuple(count.calibration for count in self.counts if count.complete and not count.done)

    def to_json(self) -> dict[str, object]:
        """Return the day as JSON values."""
        return {
            "day_obs": self.day_obs,
            "state": self.state.value,
            "last_tai": self.last_tai,
            "calibrations": [
                {
                    "calibration": str(count.calibration),
                    "exposures": count.exposures,
                    "sets": count.sets,
                    "largest_set": count.largest_set,
                    "needed": count.needed,
                    "complete": count.complete,
                    "done": count.done,
                }
                for count in self.counts
            ],
        }


def calibration_days(
    records: Iterable[ExposureRecord],
    done: Collection[tuple[int, str]],
    calibrations: Sequence[CalibrationSettings],
    *,
    now_tai: float | None = None,
    settle_seconds: float = 1800.0,
    bands: Mapping[str, str | None] | None = None,
) -> list[CalibrationDay]:
    """Return the days that hold calibration exposures, in order of time.

    Only headers are looked at, so that years of exposures are surveyed in seconds.

    Parameters
    ----------
    records
        Exposures of any number of days, in any order.
    done
        What campaigns have made: (day_obs, calibration key), such as ``(20240326, "flat-r")``.
    calibrations
        The profile's calibrations.
    now_tai
        Present time (TAI, MJD); None to take every day for finished.
    settle_seconds
        Time (s) after the last exposure of a day in which more may follow.
    bands
        Band of every physical filter, for the short names of flats.
    """
    by_day: dict[int, list[ExposureRecord]] = {}
    for record in records:
        by_day.setdefault(record.day_obs, []).append(record)
    made = set(done)
    days = []
    for day_obs in sorted(by_day):
        day = by_day[day_obs]
        counts, sets = count_day(day, calibrations, made, bands or {})
        if not counts:
            continue
        last = _last_time(day)
        acquiring = (
            now_tai is not None and last is not None and (now_tai - last) * _SECONDS_PER_DAY < settle_seconds
        )
        days.append(CalibrationDay(day_obs, _state(counts, acquiring), tuple(counts), tuple(sets), last))
    return days


def _last_time(day: Sequence[ExposureRecord]) -> float | None:
    """Return when the last exposure ended, or began where its end is not known (TAI, MJD)."""
    times = (time for record in day for time in (record.begin_tai, record.end_tai))
    # max() over NaN gives whichever comes first: one broken header would hide that the day is not over.
    return max((time for time in times if math.isfinite(time)), default=None)


def _state(counts: Sequence[CalibrationCount], acquiring: bool) -> DayState:
    if acquiring:
        return DayState.ACQUIRING
    if any(count.complete and not count.done for count in counts):
        return DayState.READY
    return DayState.DONE if any(count.done for count in counts) else DayState.SHORT
