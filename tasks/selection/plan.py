"""The plan of a day: every exposure with its role and reason, for every calibration of the profile."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from infra.errors import UsageError
from infra.naming import CalibrationKey
from infra.settings.profile import CalibrationSettings
from tasks.selection.candidates import ExcludedExposure, RefusedFile, judge, keys_of, set_rules, unsuitable
from tasks.selection.choice import assign_roles, choose
from tasks.selection.explicit import Overrides, assign_listed, check_listed
from tasks.selection.model import ExposureRecord, ExposureSet, Plan, PlannedExposure, Role, Shortage
from tasks.selection.other_days import sample_other_days
from tasks.selection.refusals import refused_of_day, refused_rows
from tasks.selection.sets import describe_set, in_order_taken, split_into_sets
from tasks.selection.shortage import shortage_of
from tasks.selection.state import CameraState
from tasks.selection.warnings import plan_warnings

__all__ = ["make_plan"]


def make_plan(
    day: Sequence[ExposureRecord],
    other_days: Sequence[ExposureRecord],
    calibrations: Sequence[CalibrationSettings],
    *,
    instrument: str,
    state_keys: Sequence[str],
    exclusions: Iterable[ExcludedExposure] = (),
    refusals: Iterable[RefusedFile] = (),
    bands: Mapping[str, str | None] | None = None,
    overrides: Overrides | None = None,
) -> Plan:
    """Return the plan of a day; it does not depend on the order of anything given.

    Parameters
    ----------
    day
        Every exposure of the day, of whatever type.
    other_days
        Exposures of other days, to draw verification exposures from.
    calibrations
        What to make: the profile's calibrations, or some of them.
    instrument
        Name of the instrument.
    state_keys
        Header cards that must agree within a set.
    exclusions
        Exclusions of the ledger that hold now. Those of a whole exposure exclude it; those of a detector or
        amplifier go with the exposure as evidence.
    refusals
        Files that ingest refused; those of the day have a row each.
    bands
        Band of every physical filter, for the short names of flats.
    overrides
        Exposures named by a person, instead of those the rules would choose.

    Raises
    ------
    UsageError
        There is no exposure, several days or twice the same exposure are given, or a listed one is unknown.
    SelectionError
        A listed exposure is forbidden by the rules and no reason is given.
    """
    day_obs = _check(day, other_days)
    work = _Work(
        day=in_order_taken(day),
        other_days=in_order_taken(other_days),
        day_obs=day_obs,
        state_keys=tuple(state_keys),
        exclusions=list(exclusions),
        bands=dict(bands or {}),
        overrides=overrides,
    )
    refused = refused_of_day(refusals, day_obs)
    if overrides is not None:
        types = {record.exposure: record.observation_type for record in [*day, *other_days]}
        check_listed(overrides, types, {place: one.reason for place, one in refused if place is not None})
    sets, names = _sets_of_day(work.day, calibrations)
    for rule in calibrations:
        for key, records in keys_of(rule, work.day, work.bands).items():
            work.plan_one(key, rule, records, names)
    taken = {row.exposure for row in work.rows}
    held = {record.exposure for record in work.day}
    rows = [*work.rows, *_unused(work.day, taken, calibrations), *refused_rows(refused, held)]
    warnings = [
        *plan_warnings(work.day, calibrations, work.states, state_keys, work.exclusions),
        *work.warnings,
    ]
    return Plan(instrument, day_obs, tuple(sets), tuple(rows), tuple(work.shortages), tuple(warnings))


@dataclass(slots=True)
class _Work:
    """What is given, and what has been decided so far."""

    day: list[ExposureRecord]
    other_days: list[ExposureRecord]
    day_obs: int
    state_keys: tuple[str, ...]
    exclusions: list[ExcludedExposure]
    bands: dict[str, str | None]
    overrides: Overrides | None
    rows: list[PlannedExposure] = field(default_factory=list)
    shortages: list[Shortage] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    states: dict[CalibrationKey, CameraState] = field(default_factory=dict)

    def plan_one(
        self,
        key: CalibrationKey,
        rule: CalibrationSettings,
        records: Sequence[ExposureRecord],
        names: Mapping[int, str],
    ) -> None:
        """Decide on every exposure for one calibration."""
        rows: list[PlannedExposure] = []
        suitable: list[ExposureRecord] = []
        for record in records:
            why = unsuitable(record, rule)
            if why is None:
                suitable.append(record)
            else:
                rows.append(PlannedExposure(record.exposure, key, Role.EXCLUDED, why))
        chosen, state = self._choose(key, rule, suitable, names)
        rows += chosen
        if state is not None:
            self.states[key] = state
            sample, warnings = sample_other_days(
                key, rule, self.day_obs, self.other_days, state, self.exclusions, self.bands
            )
            rows += [row for row in sample if row.exposure not in {one.exposure for one in rows}]
            self.warnings += warnings
        self.rows += sorted(rows, key=lambda row: row.exposure or 0)

    def _choose(
        self,
        key: CalibrationKey,
        rule: CalibrationSettings,
        suitable: Sequence[ExposureRecord],
        names: Mapping[int, str],
    ) -> tuple[list[PlannedExposure], CameraState | None]:
        """Return the rows of one calibration, and the camera state of its set."""
        sets = judge(suitable, self.day, rule, self.exclusions)
        if self.overrides is not None:
            listed = self.overrides.exposures - {record.exposure for record in self.day}
            for day_obs in sorted({r.day_obs for r in self.other_days if r.exposure in listed}):
                other = [record for record in self.other_days if record.day_obs == day_obs]
                mine = {str(k): v for k, v in keys_of(rule, other, self.bands).items()}.get(str(key), [])
                sets += judge([r for r in mine if unsuitable(r, rule) is None], other, rule, self.exclusions)
            return assign_listed(key, sets, rule.selection, self.state_keys, self.overrides, self.day_obs)
        choice = choose(sets, rule.selection, self.state_keys)
        shortage = shortage_of(key, rule, sets, choice)
        # A filter that only strays name was never meant to be taken.
        meant = not sets or not all(one.is_stray for members in sets for one in members)
        self.shortages += [shortage] if shortage is not None and meant else []
        if choice is None:
            return [], None
        if shortage is None and len(choice.dropped) < rule.selection.drop_first:
            self.warnings.append(
                f"{key}: only the first {len(choice.dropped)} of {rule.selection.drop_first} exposures "
                f"dropped, else fewer than {rule.selection.minimum} would remain"
            )
        return assign_roles(key, sets, choice, rule.selection, names), choice.state


def _check(day: Sequence[ExposureRecord], other_days: Sequence[ExposureRecord]) -> int:
    """Refuse input that is no day; return the day."""
    if not day:
        raise UsageError("a day without exposures cannot be planned", "see: calprod days REPO")
    days = sorted({record.day_obs for record in day})
    if len(days) > 1:
        raise UsageError(
            f"exposures of several days ({', '.join(map(str, days))}) in one plan", "plan each by itself"
        )
    seen: set[int] = set()
    for record in [*day, *other_days]:
        if record.exposure in seen:
            raise UsageError(f"exposure {record.exposure} is given twice", "give each exposure once")
        seen.add(record.exposure)
    return days[0]


def _sets_of_day(
    day: Sequence[ExposureRecord], calibrations: Sequence[CalibrationSettings]
) -> tuple[list[ExposureSet], dict[int, str]]:
    """Return the sets of the day that calibrations are made from, and the name of each exposure's set."""
    sets: list[ExposureSet] = []
    for rule in calibrations:
        rules = set_rules(rule)
        found = [
            one for one in split_into_sets(day, rules) if one[0].observation_type == rule.observation_type
        ]
        numbers: dict[tuple[str, str], int] = {}
        for one in found:
            kind = (
                rule.observation_type,
                one[0].physical_filter if rule.observation_type in rules.per_filter else "",
            )
            numbers[kind] = numbers.get(kind, 0) + 1
            described = describe_set(one, numbers[kind], rules.per_filter)
            if all(described.exposures != other.exposures for other in sets):
                sets.append(described)
    sets.sort(key=lambda one: (one.begin_tai, one.exposures))
    return sets, {exposure: one.name for one in sets for exposure in one.exposures}


def _unused(
    day: Sequence[ExposureRecord], taken: set[int | None], calibrations: Sequence[CalibrationSettings]
) -> list[PlannedExposure]:
    """Return a row for every exposure that no calibration asks for."""
    types = {rule.observation_type for rule in calibrations}
    rows = []
    for record in sorted(day, key=lambda one: one.exposure):
        if record.exposure in taken:
            continue
        reason = f"{record.observation_type} exposure: no calibration of this plan is made from it"
        if record.observation_type in types:
            reason = f"filter '{record.physical_filter}' is not among those asked for"
        rows.append(PlannedExposure(record.exposure, None, Role.EXCLUDED, reason))
    return rows
