"""Choose the set a calibration is made from, and give every exposure of the day its role."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from infra.naming import CalibrationKey
from infra.settings.selection import SelectionSettings
from tasks.selection.candidates import Candidate
from tasks.selection.model import EvidenceValue, PlannedExposure, Role
from tasks.selection.state import CameraState, deviation, reference_state

__all__ = ["Choice", "assign_roles", "choose"]


@dataclass(frozen=True, slots=True)
class Choice:
    """The set a calibration is made from, and what of it is used."""

    members: Sequence[Candidate]
    """The set in the order taken."""
    state: CameraState
    """Camera state of the set."""
    dropped: tuple[int, ...]
    """Exposures dropped at its start; bad ones before them do not count."""
    usable: tuple[Candidate, ...]
    """Good exposures in that state, the dropped ones and those after a saturated one taken out."""


def choose(
    sets: Sequence[Sequence[Candidate]], selection: SelectionSettings, state_keys: Sequence[str]
) -> Choice | None:
    """Return the set to use, or None when there is none.

    The largest is the one with most usable exposures, of equals the latest; the latest is the last one with
    enough exposures, or the largest when none has enough.
    """
    choices = [_usable(one, selection, state_keys) for one in sets]
    if not choices:
        return None
    if selection.sets == "latest":
        enough = [one for one in choices if len(one.usable) >= selection.minimum]
        if enough:
            return max(enough, key=_when)
    return max(choices, key=lambda one: (len(one.usable), _when(one)))


def _when(choice: Choice) -> tuple[float, int]:
    return choice.members[0].record.begin_tai, choice.members[0].exposure


def _usable(members: Sequence[Candidate], selection: SelectionSettings, state_keys: Sequence[str]) -> Choice:
    """Find what one set offers; where too few would remain, fewer first exposures are dropped, never none."""
    state = reference_state([one.record for one in members if not one.objections], state_keys)
    good = [one for one in members if not one.objections]
    if selection.same_state:
        good = [one for one in good if deviation(one.record, state) is None]
    n_dropped = max(1, selection.drop_first)
    while n_dropped > 1 and _n_combinable(good[n_dropped:]) < selection.minimum:
        n_dropped -= 1
    usable = tuple(one for one in good[n_dropped:] if one.after_saturated is None)
    return Choice(members, state, tuple(one.exposure for one in good[:n_dropped]), usable)


def _n_combinable(good: Sequence[Candidate]) -> int:
    return sum(one.after_saturated is None for one in good)


def assign_roles(
    key: CalibrationKey,
    sets: Sequence[Sequence[Candidate]],
    choice: Choice,
    selection: SelectionSettings,
    names: Mapping[int, str],
) -> list[PlannedExposure]:
    """Return one row for every exposure of the sets.

    Parameters
    ----------
    key
        The calibration.
    sets
        All its sets of the day.
    choice
        The set to use.
    selection
        The calibration's selection rules.
    names
        Name of the set each exposure belongs to.
    """
    enough = len(choice.usable) >= selection.minimum
    used = _middle(choice.usable, selection.target) if enough else ()
    combined = {one.exposure for one in used}
    rows = []
    for members in sets:
        for one in members:
            place = f"exposure {one.position + 1} of {len(members)} in {names[one.exposure]}"
            role, reason, evidence = _role(one, combined, choice, selection, enough)
            extra: dict[str, EvidenceValue] = {"set": names[one.exposure], "position": one.position + 1}
            text = f"{place}: {reason}" if role is not Role.EXCLUDED else reason
            rows.append(PlannedExposure(one.exposure, key, role, text, {**extra, **evidence}))
    return rows


def _middle(usable: Sequence[Candidate], target: int) -> tuple[Candidate, ...]:
    """Return ``target`` exposures from the middle of the set: lamp and electronics are steadiest there."""
    start = max(0, (len(usable) - target) // 2)
    return tuple(usable[start : start + target])


def _role(
    one: Candidate, combined: set[int], choice: Choice, selection: SelectionSettings, enough: bool
) -> tuple[Role, str, Mapping[str, EvidenceValue]]:
    if one.objections:
        return (Role.EXCLUDED, *one.objection())
    differs = deviation(one.record, choice.state) if selection.same_state else None
    if differs is not None:
        return Role.EXCLUDED, differs.reason, {**differs.evidence, **one.notes}
    if one.exposure in combined:
        return Role.GENERATION, "good, and in the camera state of the set", one.notes
    if one.exposure in choice.dropped:
        return _dropped(one, choice, selection)
    if one.after_saturated is not None:
        reason = f"taken right after the saturated exposure {one.after_saturated}: never combined"
        return Role.VERIFICATION, reason, {"after_saturated": one.after_saturated, **one.notes}
    if not enough:
        reason = f"kept for verification: {len(choice.usable)} usable exposures, {selection.minimum} needed"
        return Role.VERIFICATION, reason, one.notes
    if _same(one, choice):
        reason = (
            f"surplus: {selection.target} of {len(choice.usable)} good exposures are taken from the middle"
        )
        return Role.VERIFICATION, reason, one.notes
    first = "first of another set of the day" if one.position == 0 else "in another set of the day"
    if one.position == 0 and not selection.verification.first_exposures:
        return Role.EXCLUDED, "first exposure of a set: the profile keeps them out of verification", one.notes
    return Role.VERIFICATION, f"{first}, kept for verification", one.notes


def _dropped(
    one: Candidate, choice: Choice, selection: SelectionSettings
) -> tuple[Role, str, Mapping[str, EvidenceValue]]:
    which = "first exposure of its set"
    if one.exposure != choice.dropped[0]:
        which = f"among the first {len(choice.dropped)} exposures of its set"
    elif one.position > 0:
        which = "first good exposure of its set"
    if not selection.verification.first_exposures:
        return Role.EXCLUDED, f"{which}: the profile keeps them out of verification", one.notes
    return Role.VERIFICATION, f"{which}: never combined, the clearing before it is incomplete", one.notes


def _same(one: Candidate, choice: Choice) -> bool:
    return any(one is member for member in choice.members)
