"""What a day lacks for a calibration, and what to take so that it is complete."""

import math
from collections import Counter
from collections.abc import Sequence

from infra.naming import CalibrationKey
from infra.settings.profile import CalibrationSettings
from tasks.selection.candidates import Candidate
from tasks.selection.choice import Choice
from tasks.selection.model import Shortage
from tasks.selection.state import state_of

__all__ = ["shortage_of"]


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
    to_take = selection.target + max(1, selection.drop_first)
    time = None if choice is None else _exposure_time(choice.members)
    return Shortage(
        calibration=key,
        usable=usable,
        minimum=selection.minimum,
        frames_to_take=to_take,
        observation_type=rule.observation_type,
        physical_filter=key.physical_filter,
        exposure_time=time,
        reason=_reason(rule, key, sets, choice),
        advice=_advice(rule, key, to_take, time, choice),
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
    text = f"take {to_take} {rule.observation_type} exposures in one go"
    text += f" in {key.physical_filter}" if key.physical_filter else ""
    text += f" of {time:g} s" if time else ""
    text += "" if choice is None else _state_to_take(choice)
    n_dropped = max(1, rule.selection.drop_first)
    return f"{text}; the first {'one' if n_dropped == 1 else n_dropped} will not be combined"


def _state_to_take(choice: Choice) -> str:
    """Name the camera state only where it was not always the same: then it matters."""
    states = [state_of(one.record, choice.state) for one in choice.members]
    keys = [key for key, value in choice.state.items() if value and any(one[key] != value for one in states)]
    return f", with {', '.join(f'{key}={choice.state[key]}' for key in keys)}" if keys else ""
