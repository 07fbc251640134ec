"""Decide on the exposures of a calibration that has no raws of its own but is made from others."""

from collections.abc import Sequence
from itertools import zip_longest

from infra.naming import CalibrationKey
from infra.settings.profile import CalibrationSettings
from tasks.selection.decision import Decision
from tasks.selection.model import PlannedExposure, Role, Shortage

__all__ = ["decide_derived"]


def decide_derived(rule: CalibrationSettings, decisions: Sequence[Decision], *, listed: bool) -> Decision:
    """Return the decision on every exposure of the calibrations a calibration is made from.

    What is combined into one of them enters through it. As many of the exposures that test them as the
    profile allows test this one, of each calibration in turn; what enters through one tests nothing.

    Parameters
    ----------
    rule
        The calibration's settings.
    decisions
        What was decided for the other calibrations of the plan.
    listed
        Whether the exposures are those of a person's list.
    """
    key = CalibrationKey(rule.name)
    parents = {
        name: [one for one in decisions if one.key.calibration == name and _is_asked_for(rule, one)]
        for name in rule.after
    }
    decision = Decision(key, [])
    decision.shortage = _shortage(key, parents, listed)
    if decision.shortage is None:
        seen: set[int] = set()
        for one in (one for found in parents.values() for one in found):
            for exposure in one.exposures(Role.GENERATION):
                if exposure not in seen:
                    seen.add(exposure)
                    reason, evidence = f"enters through {one.key}", {"through": str(one.key)}
                    row = PlannedExposure(exposure, key, Role.GENERATION, reason, evidence)
                    decision.rows.append(row)
        decision.rows += _verification(rule, parents, seen)
        decision.usable = len(seen)
    return decision


def _is_asked_for(rule: CalibrationSettings, parent: Decision) -> bool:
    """Tell whether a calibration is in one of the filters that another is made from; most have none."""
    wanted, own = rule.selection.filters, parent.key.physical_filter
    return wanted is None or own is None or own in wanted


def _verification(
    rule: CalibrationSettings, parents: dict[str, list[Decision]], used: set[int]
) -> list[PlannedExposure]:
    """Return the rows of the exposures to test with, one of each calibration in turn."""
    maximum = rule.selection.verification.maximum
    queues = [
        [(exposure, one) for one in found for exposure in one.exposures(Role.VERIFICATION)]
        for found in parents.values()
    ]
    chosen: dict[int, PlannedExposure] = {}
    for turn in zip_longest(*queues):
        for entry in turn:
            if entry is None or entry[0] in used or entry[0] in chosen:
                continue
            exposure, one = entry
            key, evidence = CalibrationKey(rule.name), {"through": str(one.key)}
            if len([row for row in chosen.values() if row.role is Role.VERIFICATION]) < maximum:
                role, reason = Role.VERIFICATION, f"tests {one.key}, and what is made from it"
            else:
                role, reason = Role.EXCLUDED, f"tests {one.key}; {maximum} others are enough for {rule.name}"
            chosen[exposure] = PlannedExposure(exposure, key, role, reason, evidence)
    return list(chosen.values())


def _shortage(key: CalibrationKey, parents: dict[str, list[Decision]], listed: bool) -> Shortage | None:
    """Return what is missing for a derived calibration; None when each of the others is made."""
    missing = [
        name for name, found in parents.items() if not any(one.exposures(Role.GENERATION) for one in found)
    ]
    if not missing:
        return None
    short = [one.shortage for name in missing for one in parents[name] if one.shortage is not None]
    advice = [f"for {one.calibration}: {one.advice}" for one in short]
    silent = [name for name in missing if not any(one.shortage for one in parents[name])]
    if silent:
        word = "list" if listed else "take"
        advice.append(f"{word} exposures for {' and '.join(silent)}, or make it part of the plan")
    first = short[0] if short else None
    return Shortage(
        calibration=key,
        usable=0 if first is None else first.usable,
        minimum=0 if first is None else first.minimum,
        frames_to_take=sum(one.frames_to_take for one in short),
        observation_type="" if first is None else first.observation_type,
        physical_filter=None if first is None else first.physical_filter,
        exposure_time=None if first is None else first.exposure_time,
        reason=f"it is made from {' and '.join(missing)}, which cannot be made from this day",
        advice="; ".join(advice),
    )
