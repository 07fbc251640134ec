"""What a day lacks for a calibration, and what to take so that it is complete."""

import math
from collections import Counter
from collections.abc import Sequence

from infra.naming import CalibrationKey
from infra.settings.profile import CalibrationSettings
from tasks.selection.candidates import Candidate
from tasks.selection.choice import Choice
from tasks.selection.model import Shortage
from tasks.selection.ramp.candidates import pair_rules
from tasks.selection.ramp.pairing import PairedRamp
from tasks.selection.state import state_of

__all__ = ["shortage_of", "shortage_of_pairs"]

_USUAL_PAIRS = 20
"""Pairs of a photon transfer curve where the profile does not say how many to use."""


def shortage_of(
    key: CalibrationKey, rule: CalibrationSettings, sets: Sequence[Sequence[Candidate]], choice: Choice | None
) -> Shortage | None:
    """Return what is missing for a calibration; None when its set has enough exposures.

    The exposures to take make one complete set by themselves, since sets are not pooled.
    """
    selection = rule.selection
    usable = 0 if choice is None else len(choice.usable)
    if usable >= selection.minimum:
        return None
    to_take = selection.target + _n_dropped(rule)
    time = None if choice is None else _exposure_time(choice.members)
    return Shortage(
        calibration=key,
        usable=usable,
        minimum=selection.minimum,
        frames_to_take=to_take,
        observation_type=rule.observation_type or "",
        physical_filter=key.physical_filter,
        exposure_time=time,
        reason=_reason(rule, key, sets, choice),
        advice=_advice(rule, key, to_take, time, choice),
    )


def shortage_of_pairs(
    key: CalibrationKey, rule: CalibrationSettings, choice: PairedRamp | None
) -> Shortage | None:
    """Return what is missing for a calibration made from pairs; None when its ramp has enough of them."""
    rules = pair_rules(rule.selection)
    if choice is not None and choice.is_enough(rules):
        return None
    kind = rule.observation_type or ""
    n_pairs = 0 if choice is None else len(choice.pairs)
    to_take = max(rules.minimum_pairs, rules.target_pairs or _USUAL_PAIRS)
    physical_filter = key.physical_filter
    if choice is None:
        reason = f"no sequence of {kind} pairs over several exposure times on this day"
    else:
        members = choice.ramp.members
        physical_filter = members[0].record.physical_filter
        bad = sum(bool(one.objections) for one in members)
        reason = (
            f"{n_pairs} good pairs of {choice.n_levels} exposure times among the {len(members)} exposures of "
            f"the best sequence ({bad} of them bad, {len(choice.single)} without a partner), "
            f"{rules.minimum_pairs} pairs of {rules.minimum_levels} exposure times needed"
        )
    text = f"take {to_take} pairs of {kind}s in one go"
    text += f" in {physical_filter}" if physical_filter else ""
    text += ", two of each exposure time in succession, from some 200 adu to past saturation"
    return Shortage(
        calibration=key,
        usable=2 * n_pairs,
        minimum=2 * rules.minimum_pairs,
        frames_to_take=2 * to_take,
        observation_type=kind,
        physical_filter=physical_filter,
        exposure_time=None,
        reason=reason,
        advice=text,
    )


def _exposure_time(members: Sequence[Candidate]) -> float | None:
    time = Counter(one.record.exposure_time for one in members).most_common(1)[0][0]
    return time if math.isfinite(time) else None


def _reason(
    rule: CalibrationSettings,
    key: CalibrationKey,
    sets: Sequence[Sequence[Candidate]],
    choice: Choice | None,
) -> str:
    if choice is None:
        where = f" in {key.physical_filter}" if key.physical_filter else ""
        return f"no {rule.observation_type} exposure{where} on this day"
    bad = sum(bool(one.objections) for one in choice.members)
    text = f"{len(choice.usable)} usable of the {len(choice.members)} exposures of the best set"
    text += f" ({bad} of them bad)" if bad else ""
    others = len(sets) - 1
    more = (
        f"; {others} more set{'s' if others > 1 else ''} of the day cannot be pooled with it"
        if others
        else ""
    )
    return f"{text}, {rule.selection.minimum} needed{more}"


def _advice(
    rule: CalibrationSettings, key: CalibrationKey, to_take: int, time: float | None, choice: Choice | None
) -> str:
    text = f"take {to_take} {rule.observation_type} exposures"
    text += "" if rule.selection.sets == "all" else " in one go"
    text += f" in {key.physical_filter}" if key.physical_filter else ""
    text += f" of {time:g} s" if time else ""
    text += "" if choice is None else _state_to_take(choice)
    text += "" if rule.selection.distinct_pointings is None else ", each pointed elsewhere"
    n_dropped = _n_dropped(rule)
    if n_dropped == 0:
        return text
    return f"{text}; the first {'one' if n_dropped == 1 else n_dropped} will not be combined"


def _n_dropped(rule: CalibrationSettings) -> int:
    """Exposures at the start of a set that are never combined."""
    dropped = rule.selection.drop_first
    return dropped if rule.selection.sets == "all" else max(1, dropped)


def _state_to_take(choice: Choice) -> str:
    """Name the camera state only where it was not always the same: then it matters."""
    states = [state_of(one.record, choice.state) for one in choice.members]
    keys = [key for key, value in choice.state.items() if value and any(one[key] != value for one in states)]
    return f", with {', '.join(f'{key}={choice.state[key]}' for key in keys)}" if keys else ""
