"""The plan of a day: every exposure with its role and reason, for every calibration of the profile."""

from collections.abc import Iterable, Mapping, Sequence

from infra.errors import UsageError
from infra.settings.profile import CalibrationSettings
from tasks.selection.candidates import is_in_wanted_filter, keys_of, set_rules
from tasks.selection.decision import Decision, Material
from tasks.selection.derived import decide_derived
from tasks.selection.entries import ExcludedExposure, RefusedFile
from tasks.selection.explicit import Overrides, check_listed
from tasks.selection.model import ExposureRecord, ExposureSet, Plan, PlannedExposure, Role
from tasks.selection.quality import LIT_TYPES
from tasks.selection.ramp.plan import decide_pairs
from tasks.selection.ramp.ramps import ramp_flats, ramps_of_day
from tasks.selection.refusals import refused_of_day, refused_rows
from tasks.selection.set_plan import decide_set
from tasks.selection.sets import describe_set, in_order_taken, split_into_sets
from tasks.selection.single_filter import only_best_filter, was_not_taken
from tasks.selection.warnings import lost_sequences, plan_warnings

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
    material = Material(
        day=in_order_taken(day),
        other_days=in_order_taken(other_days),
        day_obs=day_obs,
        state_keys=tuple(state_keys),
        exclusions=list(exclusions),
        bands=dict(bands or {}),
        overrides=overrides,
        calibrations=tuple(calibrations),
    )
    refused = refused_of_day(refusals, day_obs)
    if overrides is not None:
        types = {record.exposure: record.observation_type for record in [*day, *other_days]}
        check_listed(overrides, types, {place: one.reason for place, one in refused if place is not None})
    sets, names = _sets_of_day(material.day, calibrations)
    decisions = _decide(material, names)
    for one in (one for decision in decisions for one in decision.sets):
        if all(one.exposures != other.exposures for other in sets):
            sets.append(one)
    sets.sort(key=lambda one: (one.begin_tai, one.exposures))
    rows = [row for decision in decisions for row in sorted(decision.rows, key=lambda one: one.exposure or 0)]
    rows += _unused(material, {row.exposure for row in rows})
    rows += refused_rows(refused, {record.exposure for record in material.day})
    states = {decision.key: decision.state for decision in decisions if decision.state is not None}
    warnings = [
        *plan_warnings(material.day, calibrations, states, state_keys, material.exclusions),
        *lost_sequences(material.day, calibrations, {one.key.calibration for one in decisions}),
        *(text for decision in decisions for text in decision.warnings),
    ]
    shortages = [decision.shortage for decision in decisions if decision.shortage is not None]
    return Plan(instrument, day_obs, tuple(sets), tuple(rows), tuple(shortages), tuple(warnings))


def _decide(material: Material, names: Mapping[int, str]) -> list[Decision]:
    """Decide on every exposure for every calibration, those made from others after them."""
    decided: dict[str, list[Decision]] = {}
    for rule in material.calibrations:
        if rule.observation_type is not None:
            decided[rule.name] = _decide_one(rule, material, names)
    for rule in material.calibrations:
        if rule.observation_type is None:
            known = [decision for decisions in decided.values() for decision in decisions]
            decision = decide_derived(rule, known, listed=material.overrides is not None)
            skipped = rule.selection.when_taken and decision.shortage is not None
            decided[rule.name] = [] if skipped else [decision]
    return [decision for rule in material.calibrations for decision in decided[rule.name]]


def _decide_one(rule: CalibrationSettings, material: Material, names: Mapping[int, str]) -> list[Decision]:
    """Return the decisions on the calibrations of one rule: one, or one for each filter."""
    decisions: list[Decision] = []
    for key, records in keys_of(rule, material.day, material.bands).items():
        if rule.selection.pairs is not None:
            decision = decide_pairs(key, rule, records, material)
        else:
            decision = decide_set(key, rule, records, material, names)
        if not (rule.selection.when_taken and was_not_taken(rule, decision)):
            decisions.append(decision)
        elif rule.selection.sets == "all" and decision.rows:
            # Why each exposure of the sky is of no use is told all the same.
            decision.shortage, decision.state = None, None
            decisions.append(decision)
    return only_best_filter(decisions, material) if rule.selection.single_filter else decisions


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
    found_ramps = ramps_of_day(day, LIT_TYPES)
    for rule in calibrations:
        if rule.selection.pairs is not None or rule.observation_type is None:
            continue
        rules = set_rules(rule)
        split = split_into_sets(day, rules, ramp_flats(found_ramps, whole=rules.whole))
        found = [one for one in split if one[0].observation_type == rule.observation_type]
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


def _unused(material: Material, taken: set[int | None]) -> list[PlannedExposure]:
    """Return a row for every exposure that no calibration asks for."""
    types = {rule.observation_type for rule in material.calibrations if not rule.selection.when_taken}
    special: dict[str | None, list[str]] = {}
    for rule in material.calibrations:
        if rule.selection.when_taken:
            special.setdefault(rule.observation_type, []).append(rule.name)
    rows = []
    for record in sorted(material.day, key=lambda one: one.exposure):
        if record.exposure in taken:
            continue
        reason = f"{record.observation_type} exposure: no calibration of this plan is made from it"
        if record.observation_type in types or _is_in_other_filter(record, material):
            reason = f"filter '{record.physical_filter}' is not among those asked for"
        elif record.observation_type in special:
            names = " and ".join(special[record.observation_type])
            reason = f"the exposures that {names} would be made from were not taken on this day"
        rows.append(PlannedExposure(record.exposure, None, Role.EXCLUDED, reason))
    return rows


def _is_in_other_filter(record: ExposureRecord, material: Material) -> bool:
    """Tell whether calibrations are made from exposures of this type, but from none in its filter."""
    rules = [rule for rule in material.calibrations if rule.observation_type == record.observation_type]
    return bool(rules) and not any(
        is_in_wanted_filter(record.physical_filter, rule, material.bands) for rule in rules
    )
