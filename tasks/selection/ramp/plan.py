"""Decide which exposures of a day make and test a calibration that is made from a ramp of flats in pairs."""

from collections import Counter
from collections.abc import Mapping, Sequence

from infra.naming import CalibrationKey
from infra.settings.profile import CalibrationSettings
from infra.settings.selection import SelectionSettings
from tasks.selection.candidates import Candidate, unsuitable
from tasks.selection.decision import Decision, Material
from tasks.selection.header_checks import strays
from tasks.selection.model import EvidenceValue, ExposureRecord, PlannedExposure, Role
from tasks.selection.ramp.candidates import Ramp, judge_ramps, loose_candidates, pair_rules
from tasks.selection.ramp.explicit import assign_listed_pairs
from tasks.selection.ramp.other_days import sample_other_pairs
from tasks.selection.ramp.pairing import Pair, PairedRamp, choose_ramp, divide_pairs, pair_up
from tasks.selection.ramp.ramps import describe_ramp
from tasks.selection.shortage import shortage_of_pairs
from tasks.selection.state import CameraState, deviation

__all__ = ["decide_pairs"]

_LOOSE = "in no sequence of pairs over several exposure times"


def decide_pairs(
    key: CalibrationKey, rule: CalibrationSettings, records: Sequence[ExposureRecord], material: Material
) -> Decision:
    """Return the decision on every exposure of a calibration's type and filter.

    Parameters
    ----------
    key
        The calibration.
    rule
        Its settings.
    records
        The day's exposures of its type, and of its filter if it has one.
    material
        What the plan is made from.
    """
    decision = Decision(key, [])
    reasons = {record.exposure: _unsuitable(record, rule) for record in records}
    suitable = [record for record in records if reasons[record.exposure] is None]
    ramps = judge_ramps(suitable, material.day, rule, material.exclusions, material.state_keys)
    if material.overrides is not None:
        _assign_list(decision, rule, ramps, suitable, material)
    else:
        _assign_ramp(decision, rule, ramps, material)
    have = {row.exposure for row in decision.rows}
    inside = strays([[one.record for one in ramp.members] for ramp in ramps] + [[one] for one in suitable])
    for record in records:
        if record.exposure in have:
            continue
        stray = inside.get(record.exposure)
        why, evidence = (stray.reason, stray.evidence) if stray else (reasons[record.exposure] or _LOOSE, {})
        decision.rows.append(PlannedExposure(record.exposure, key, Role.EXCLUDED, why, evidence))
    if decision.state is not None:
        have = {row.exposure for row in decision.rows}
        sample, warnings = sample_other_pairs(key, rule, material, decision.state)
        decision.rows += [row for row in sample if row.exposure not in have]
        decision.warnings += warnings
    return decision


def _unsuitable(record: ExposureRecord, rule: CalibrationSettings) -> str | None:
    """Tell why a flat is not what the rule asks for; one without a filter of its own may want only some."""
    wanted = rule.selection.filters
    if wanted is not None and record.physical_filter not in wanted:
        return f"filter '{record.physical_filter}' is not among those asked for"
    return unsuitable(record, rule)


def _assign_list(
    decision: Decision,
    rule: CalibrationSettings,
    ramps: list[Ramp],
    suitable: Sequence[ExposureRecord],
    material: Material,
) -> None:
    """Give every exposure its role by a person's list, which may reach into other days."""
    assert material.overrides is not None
    listed = material.overrides.exposures
    days = {record.day_obs for record in material.other_days if record.exposure in listed}
    frames = [*suitable]
    for day_obs in sorted(days):
        other = [record for record in material.other_days if record.day_obs == day_obs]
        mine = [one for one in other if one.observation_type == rule.observation_type]
        mine = [one for one in mine if _unsuitable(one, rule) is None]
        ramps = [*ramps, *judge_ramps(mine, other, rule, material.exclusions, material.state_keys)]
        frames += [record for record in mine if record.exposure in listed]
    placed = {one.exposure for ramp in ramps for one in ramp.members}
    loose: list[Candidate] = []
    if not material.has_sets(rule.observation_type):
        # Where an even flat is made as well, flats of a set are listed for that and not for the ramp.
        named = [one for one in frames if one.exposure in listed and one.exposure not in placed]
        everything = [*material.day, *material.other_days]
        loose = loose_candidates(named, everything, rule, material.exclusions, _LOOSE)
    decision.rows, decision.state = assign_listed_pairs(decision.key, ramps, loose, rule.selection, material)
    decision.usable = len(decision.exposures(Role.GENERATION))
    if not decision.usable:
        decision.state = None


def _assign_ramp(
    decision: Decision, rule: CalibrationSettings, ramps: Sequence[Ramp], material: Material
) -> None:
    """Choose the ramp of the day, and give every flat of every ramp its role."""
    selection, rules, key = rule.selection, pair_rules(rule.selection), decision.key
    choice = choose_ramp(ramps, selection, material.state_keys)
    decision.shortage = shortage_of_pairs(key, rule, choice)
    names = _describe(decision, ramps)
    if choice is None:
        return
    decision.usable = 2 * len(choice.pairs)
    decision.state = choice.state
    used, held, surplus = divide_pairs(choice.pairs, rules) if decision.shortage is None else ([], [], [])
    number = {pair.exposures: place for place, pair in enumerate(_ordered(choice.pairs), start=1)}
    for ramp in ramps:
        is_chosen = ramp is choice.ramp
        paired = choice if is_chosen else pair_up(ramp, selection, material.state_keys, choice.state)
        for place, pair in enumerate(_ordered(paired.pairs), start=1):
            name = names[pair.first.exposure]
            text = f"pair {place} of {len(paired.pairs)} ({pair}) in {name}: "
            if not is_chosen:
                role, why = Role.VERIFICATION, "another sequence of the day, kept for verification"
            elif pair in used:
                role, why = Role.GENERATION, "good, and in the camera state of the sequence"
            elif pair in held:
                role, why = (
                    Role.VERIFICATION,
                    f"one pair in {rules.hold_out_every} is held out to verify",
                )
            elif pair in surplus:
                role, why = Role.VERIFICATION, f"surplus: {len(used)} of {len(number)} good pairs are used"
            else:
                role, why = Role.VERIFICATION, f"kept for verification: {_lack(choice, rule.selection)}"
            decision.rows += _pair_rows(key, role, text + why, pair, name, place)
        decision.rows += _other_rows(key, paired, selection, choice.state, names)
        decision.warnings += [f"{key}: {names[ramp.members[0].exposure]}: {one}" for one in ramp.warnings]
    if decision.shortage is None and rules.hold_out_every is not None and not (held or surplus):
        decision.warnings.append(
            f"{key}: no pair is held out for verification, else fewer than {rules.minimum_pairs} pairs or "
            f"{rules.minimum_levels} levels would remain"
        )


def _lack(choice: PairedRamp, selection: SelectionSettings) -> str:
    rules = pair_rules(selection)
    return (
        f"{len(choice.pairs)} good pairs of {choice.n_levels} exposure times, "
        f"{rules.minimum_pairs} of {rules.minimum_levels} needed"
    )


def _ordered(pairs: Sequence[Pair]) -> list[Pair]:
    return sorted(pairs, key=lambda one: (one.exposure_time, one.exposures))


def _pair_rows(
    key: CalibrationKey, role: Role, reason: str, pair: Pair, name: str, number: int
) -> list[PlannedExposure]:
    """Return the rows of the two flats of a pair."""
    rows = []
    for one in (pair.first, pair.second):
        place: dict[str, EvidenceValue] = {"set": name, "position": one.position + 1, "pair_number": number}
        evidence = {**place, **pair.evidence()}
        if one.after_saturated is not None:
            evidence["after_saturated"] = one.after_saturated
        if one.record.statistics is not None:
            evidence["saturated_fraction"] = one.record.statistics.saturated_fraction
        rows.append(PlannedExposure(one.exposure, key, role, reason, {**evidence, **one.notes}))
    return rows


def _other_rows(
    key: CalibrationKey,
    paired: PairedRamp,
    selection: SelectionSettings,
    state: CameraState,
    names: Mapping[int, str],
) -> list[PlannedExposure]:
    """Return the rows of the flats of a ramp that are in no pair."""
    in_pairs = {exposure for pair in paired.pairs for exposure in pair.exposures}
    rows = []
    for one in paired.ramp.members:
        if one.exposure in in_pairs:
            continue
        place: dict[str, EvidenceValue] = {"set": names[one.exposure], "position": one.position + 1}
        differs = deviation(one.record, state) if selection.same_state else None
        if one.objections:
            reason, evidence = one.objection()
        elif differs is not None:
            reason, evidence = differs.reason, {**differs.evidence, **one.notes}
        else:
            finding = paired.single[one.exposure]
            reason, evidence = finding.reason, {**finding.evidence, **one.notes}
        rows.append(PlannedExposure(one.exposure, key, Role.EXCLUDED, reason, {**place, **evidence}))
    return rows


def _describe(decision: Decision, ramps: Sequence[Ramp]) -> dict[int, str]:
    """Describe the ramps among the sets of the plan; return the name of each exposure's ramp."""
    numbers: Counter[str] = Counter()
    names: dict[int, str] = {}
    for ramp in ramps:
        first = ramp.members[0].record
        numbers[first.physical_filter] += 1
        described = describe_ramp([one.record for one in ramp.members], numbers[first.physical_filter])
        decision.sets.append(described)
        names.update((one.exposure, described.name) for one in ramp.members)
    return names
