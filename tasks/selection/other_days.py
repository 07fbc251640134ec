"""Sample exposures of other days, to see whether the camera is still where it was."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from infra.naming import CalibrationKey
from infra.settings.profile import CalibrationSettings
from tasks.selection.candidates import Candidate, ExcludedExposure, judge, keys_of, unsuitable
from tasks.selection.model import ExposureRecord, PlannedExposure, Role
from tasks.selection.state import CameraState, deviation

__all__ = ["sample_other_days"]


def sample_other_days(
    key: CalibrationKey,
    rule: CalibrationSettings,
    day_obs: int,
    records: Sequence[ExposureRecord],
    state: CameraState,
    exclusions: Iterable[ExcludedExposure],
    bands: Mapping[str, str | None],
) -> tuple[list[PlannedExposure], list[str]]:
    """Return verification rows for exposures of other days, and warnings of days that gave none.

    Every n-th good exposure in the camera state of the generation set is taken, from the nearest days first.
    Where that is more than the profile's maximum the days share it evenly.

    Parameters
    ----------
    key
        The calibration.
    rule
        Its settings.
    day_obs
        Day of the plan.
    records
        Every exposure of the other days; days may be mixed and out of order.
    state
        Camera state of the generation set.
    exclusions
        Exclusions of the ledger that hold now.
    bands
        Band of every physical filter.
    """
    sampling, blocked = rule.selection.verification, list(exclusions)
    by_day: dict[int, list[ExposureRecord]] = {}
    for record in records:
        by_day.setdefault(record.day_obs, []).append(record)
    samples: dict[int, list[Candidate]] = {}
    warnings: list[str] = []
    for day in sorted(by_day, key=lambda one: (_distance(one, day_obs), one)):
        if len(samples) >= sampling.other_days or sampling.maximum == 0:
            break
        good, warning = _good_of_day(key, rule, by_day[day], state, blocked, bands)
        warnings += [warning] if warning else []
        if good:
            samples[day] = good[:: sampling.every_nth]
    which = f"every {_ordinal(sampling.every_nth)} good exposure of"
    rows = [
        PlannedExposure(
            one.exposure,
            key,
            Role.VERIFICATION,
            f"{which} {one.record.day_obs}: is the camera still the same",
            {"day_obs": one.record.day_obs, **one.notes},
        )
        for one in _share(samples, sampling.maximum)
    ]
    return rows, warnings


def _good_of_day(
    key: CalibrationKey,
    rule: CalibrationSettings,
    day: Sequence[ExposureRecord],
    state: CameraState,
    exclusions: Sequence[ExcludedExposure],
    bands: Mapping[str, str | None],
) -> tuple[list[Candidate], str | None]:
    """Return the exposures of one day that may verify, in the order taken."""
    mine = next((found for name, found in keys_of(rule, day, bands).items() if str(name) == str(key)), [])
    suitable = [record for record in mine if unsuitable(record, rule) is None]
    sound = [
        one for members in judge(suitable, day, rule, exclusions) for one in members if not one.objections
    ]
    if not rule.selection.same_state:
        return sound, None
    departures = [deviation(one.record, state) for one in sound]
    same = [one for one, departure in zip(sound, departures, strict=True) if departure is None]
    different = next((departure for departure in departures if departure is not None), None)
    if different is None or same:
        return same, None
    return [], f"{key}: no exposure of {day[0].day_obs} verifies it, {different.reason}"


def _share(samples: Mapping[int, Sequence[Candidate]], maximum: int) -> list[Candidate]:
    """Take at most ``maximum`` exposures, one of each day in turn."""
    taken: list[Candidate] = []
    depth = max((len(one) for one in samples.values()), default=0)
    for place in range(depth):
        taken += [one[place] for one in samples.values() if place < len(one)]
    return sorted(taken[:maximum], key=lambda one: one.exposure)


def _distance(day_obs: int, other: int) -> int:
    return abs((_date(day_obs) - _date(other)).days)


def _date(day_obs: int) -> date:
    return date(day_obs // 10000, day_obs // 100 % 100, day_obs % 100)


def _ordinal(number: int) -> str:
    if number == 1:
        return "single"
    suffix = {1: "st", 2: "nd", 3: "rd"}.get(number % 10 if number % 100 not in (11, 12, 13) else 0, "th")
    return f"{number}{suffix}"
