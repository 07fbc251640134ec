"""Sample exposures of other days, to see whether the camera is still where it was."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from infra.naming import CalibrationKey
from infra.settings.profile import CalibrationSettings
from tasks.selection.candidates import Candidate, judge, keys_of, unsuitable
from tasks.selection.entries import ExcludedExposure
from tasks.selection.firsts import artefact_evidence, first_exposures, good_members
from tasks.selection.model import EvidenceValue, ExposureRecord, PlannedExposure, Role
from tasks.selection.quality import LIT_TYPES
from tasks.selection.ramp.ramps import ramp_flats, ramps_of_day
from tasks.selection.state import CameraState, deviation

__all__ = ["days_by_distance", "ordinal", "sample_other_days"]


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
    Where that is more than the profile's maximum the days share it evenly. First exposures of a set and those
    after a saturated one are left out, unless the profile asks for first exposures: then they carry their
    artefact as evidence.

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
    samples: dict[int, list[_Sample]] = {}
    warnings: list[str] = []
    for day, of_day in days_by_distance(records, day_obs):
        if len(samples) >= sampling.other_days or sampling.maximum == 0:
            break
        good, warning = _good_of_day(key, rule, of_day, state, blocked, bands)
        warnings += [warning] if warning else []
        if good:
            samples[day] = good[:: sampling.every_nth]
    which = f"every {ordinal(sampling.every_nth)} good exposure of"
    rows = [
        PlannedExposure(
            one.candidate.exposure,
            key,
            Role.VERIFICATION,
            f"{which} {one.candidate.record.day_obs}: is the camera still the same",
            {"day_obs": one.candidate.record.day_obs, **one.evidence, **one.candidate.notes},
        )
        for one in _share(samples, sampling.maximum)
    ]
    return rows, warnings


def days_by_distance(
    records: Iterable[ExposureRecord], day_obs: int
) -> list[tuple[int, list[ExposureRecord]]]:
    """Return the days of exposures with their exposures, those nearest to ``day_obs`` first."""
    by_day: dict[int, list[ExposureRecord]] = {}
    for record in records:
        by_day.setdefault(record.day_obs, []).append(record)
    return sorted(by_day.items(), key=lambda entry: (_distance(entry[0], day_obs), entry[0]))


@dataclass(frozen=True, slots=True)
class _Sample:
    """One exposure of another day that may verify."""

    candidate: Candidate
    evidence: Mapping[str, EvidenceValue]
    """Its place in its set, and the artefact it has with any calibration."""


def _good_of_day(
    key: CalibrationKey,
    rule: CalibrationSettings,
    day: Sequence[ExposureRecord],
    state: CameraState,
    exclusions: Sequence[ExcludedExposure],
    bands: Mapping[str, str | None],
) -> tuple[list[_Sample], str | None]:
    """Return the exposures of one day that may verify, in the order taken."""
    mine = next((found for name, found in keys_of(rule, day, bands).items() if str(name) == str(key)), [])
    ramps = ramp_flats(ramps_of_day(day, LIT_TYPES), whole=rule.selection.sets == "all")
    suitable = [
        record for record in mine if record.exposure not in ramps and unsuitable(record, rule) is None
    ]
    same: list[_Sample] = []
    different: str | None = None
    for members in judge(suitable, day, rule, exclusions):
        good = good_members(members, rule.selection, state)
        firsts = first_exposures(members, rule.selection, state)
        for one in members:
            if different is None and not one.objections and one not in good:
                different = departure.reason if (departure := deviation(one.record, state)) else None
        evidence = {one.exposure: artefact_evidence(one, firsts) for one in good}
        same += [
            _Sample(one, {"position": one.position + 1, **evidence[one.exposure]})
            for one in good
            if rule.selection.verification.first_exposures or not evidence[one.exposure]
        ]
    if same or different is None:
        return same, None
    return [], f"{key}: no exposure of {day[0].day_obs} verifies it, {different}"


def _share(samples: Mapping[int, Sequence[_Sample]], maximum: int) -> list[_Sample]:
    """Take at most ``maximum`` exposures, one of each day in turn."""
    taken: list[_Sample] = []
    depth = max((len(one) for one in samples.values()), default=0)
    for place in range(depth):
        taken += [one[place] for one in samples.values() if place < len(one)]
    return sorted(taken[:maximum], key=lambda one: one.candidate.exposure)


def _distance(day_obs: int, other: int) -> int:
    return abs((_date(day_obs) - _date(other)).days)


def _date(day_obs: int) -> date:
    return date(day_obs // 10000, day_obs // 100 % 100, day_obs % 100)


def ordinal(number: int) -> str:
    """Return which one of several in words: ``5th``; of ones every ``single`` one."""
    if number == 1:
        return "single"
    suffix = {1: "st", 2: "nd", 3: "rd"}.get(number % 10 if number % 100 not in (11, 12, 13) else 0, "th")
    return f"{number}{suffix}"
