"""Decide which exposures of a day make and test a calibration that is combined from one even set."""

from collections.abc import Mapping, Sequence

from infra.naming import CalibrationKey
from infra.settings.profile import CalibrationSettings
from tasks.selection.candidates import Candidate, judge, keys_of, unsuitable
from tasks.selection.choice import assign_roles, choose
from tasks.selection.decision import Decision, Material
from tasks.selection.explicit import Overrides, assign_listed
from tasks.selection.model import ExposureRecord, PlannedExposure, Role
from tasks.selection.other_days import sample_other_days
from tasks.selection.quality import LIT_TYPES
from tasks.selection.ramp.ramps import ramp_flats, ramps_of_day
from tasks.selection.shortage import shortage_of

__all__ = ["decide_set"]


def decide_set(
    key: CalibrationKey,
    rule: CalibrationSettings,
    records: Sequence[ExposureRecord],
    material: Material,
    names: Mapping[int, str],
) -> Decision:
    """Return the decision on every exposure of a calibration's type and filter.

    Parameters
    ----------
    key
        The calibration.
    rule
        Its settings.
    records
        The day's exposures of its type and filter.
    material
        What the plan is made from.
    names
        Name of the set each exposure belongs to.
    """
    decision = Decision(key, [])
    ramps = ramp_flats(ramps_of_day(material.day, LIT_TYPES), whole=rule.selection.sets == "all")
    insisted = _insisted(rule, ramps, records, material)
    suitable: list[ExposureRecord] = []
    for record in records:
        why = unsuitable(record, rule)
        if record.exposure not in insisted:
            why = why or ramps.get(record.exposure)
        if why is None:
            suitable.append(record)
        else:
            decision.rows.append(PlannedExposure(record.exposure, key, Role.EXCLUDED, why))
    sets = judge(suitable, material.day, rule, material.exclusions, insisted)
    if material.overrides is not None:
        _assign_list(decision, rule, sets, material, material.overrides)
    else:
        _assign_set(decision, rule, sets, material, names)
    if decision.state is not None:
        sample, warnings = sample_other_days(
            key,
            rule,
            material.day_obs,
            material.other_days,
            decision.state,
            material.exclusions,
            material.bands,
        )
        have = {row.exposure for row in decision.rows}
        decision.rows += [row for row in sample if row.exposure not in have]
        decision.warnings += warnings
    return decision


def _insisted(
    rule: CalibrationSettings,
    ramps: Mapping[int, str],
    records: Sequence[ExposureRecord],
    material: Material,
) -> dict[int, str]:
    """Return the flats of a ramp that are listed although nothing else of the plan is made from a ramp."""
    if material.overrides is None or material.has_pairs(rule.observation_type):
        return {}
    listed = material.overrides.exposures
    return {
        record.exposure: ramps[record.exposure]
        for record in records
        if record.exposure in ramps and record.exposure in listed
    }


def _assign_list(
    decision: Decision,
    rule: CalibrationSettings,
    sets: list[list[Candidate]],
    material: Material,
    overrides: Overrides,
) -> None:
    """Give every exposure its role by a person's list, which may reach into other days."""
    listed = overrides.exposures - {record.exposure for record in material.day}
    for day_obs in sorted({r.day_obs for r in material.other_days if r.exposure in listed}):
        other = [record for record in material.other_days if record.day_obs == day_obs]
        mine = {str(k): v for k, v in keys_of(rule, other, material.bands).items()}.get(str(decision.key), [])
        suitable = [record for record in mine if unsuitable(record, rule) is None]
        sets += judge(suitable, other, rule, material.exclusions)
    rows, decision.state = assign_listed(
        decision.key, sets, rule.selection, material.state_keys, overrides, material.day_obs
    )
    decision.rows += rows
    decision.usable = len(decision.exposures(Role.GENERATION))
    if not decision.usable:
        decision.state = None


def _assign_set(
    decision: Decision,
    rule: CalibrationSettings,
    sets: Sequence[Sequence[Candidate]],
    material: Material,
    names: Mapping[int, str],
) -> None:
    """Choose the set of the day, and give every exposure its role."""
    selection, key = rule.selection, decision.key
    choice = choose(sets, selection, material.state_keys)
    shortage = shortage_of(key, rule, sets, choice)
    # A filter that only strays name was never meant to be taken.
    if not sets or not all(one.is_stray for members in sets for one in members):
        decision.shortage = shortage
    if choice is None:
        return
    if shortage is None and len(choice.dropped) < selection.drop_first:
        decision.warnings.append(
            f"{key}: only the first {len(choice.dropped)} of {selection.drop_first} exposures "
            f"dropped, else fewer than {selection.minimum} would remain"
        )
    decision.usable = len(choice.usable)
    decision.state = choice.state
    decision.rows += assign_roles(key, sets, choice, selection, names)
