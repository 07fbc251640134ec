"""Choose the set a calibration is made from, and give every exposure of the day its role."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from infra.naming import CalibrationKey
from infra.settings.selection import SelectionSettings
from tasks.selection.candidates import Candidate
from tasks.selection.firsts import artefact_evidence, first_exposures, good_members
from tasks.selection.model import EvidenceValue, PlannedExposure, Role
from tasks.selection.sky import repeated_pointings
from tasks.selection.state import CameraState, deviation, reference_state

__all__ = ["Choice", "assign_roles", "choose"]


@dataclass(frozen=True, slots=True)
class Choice:
    """The set a calibration is made from, and what of it is used."""

    members: Sequence[Candidate]
    """The set in the order taken."""
    state: CameraState
    """Camera state of the set."""
    dropped: Mapping[int, str]
    """Exposures dropped at its start, each with what it is; bad ones before them do not count."""
    usable: tuple[Candidate, ...]
    """Good exposures in that state, the dropped ones and those after a saturated one taken out."""
    repeated: Mapping[int, int] = field(default_factory=dict)
    """Exposures that would be usable but point where another does, each with that one."""


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
    """Find what one set offers."""
    state = reference_state([one.record for one in members if not one.objections], state_keys)
    dropped = first_exposures(members, selection, state)
    usable = [one for one in good_members(members, selection, state) if one.exposure not in dropped]
    usable = [one for one in usable if one.after_saturated is None]
    repeated = repeated_pointings((one.record for one in usable), selection.distinct_pointings)
    return Choice(
        members, state, dropped, tuple(one for one in usable if one.exposure not in repeated), repeated
    )


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
        firsts = first_exposures(members, selection, choice.state)
        for one in members:
            place = f"exposure {one.position + 1} of {len(members)} in {names[one.exposure]}"
            role, reason, evidence = _role(one, combined, choice, selection, enough, firsts)
            extra: dict[str, EvidenceValue] = {"set": names[one.exposure], "position": one.position + 1}
            text = f"{place}: {reason}" if role is not Role.EXCLUDED else reason
            rows.append(PlannedExposure(one.exposure, key, role, text, {**extra, **evidence}))
    return rows


def _middle(usable: Sequence[Candidate], target: int) -> tuple[Candidate, ...]:
    """Return ``target`` exposures from the middle of the set: lamp and electronics are steadiest there."""
    start = max(0, (len(usable) - target) // 2)
    return tuple(usable[start : start + target])


def _role(
    one: Candidate,
    combined: set[int],
    choice: Choice,
    selection: SelectionSettings,
    enough: bool,
    firsts: Mapping[int, str],
) -> tuple[Role, str, Mapping[str, EvidenceValue]]:
    if one.objections:
        return (Role.EXCLUDED, *one.objection())
    differs = deviation(one.record, choice.state) if selection.same_state else None
    if differs is not None:
        return Role.EXCLUDED, differs.reason, {**differs.evidence, **one.notes}
    if one.exposure in combined:
        return Role.GENERATION, "good, and in the camera state of the set", one.notes
    evidence = {**artefact_evidence(one, firsts), **one.notes}
    if one.exposure in firsts:
        which = firsts[one.exposure]
        if not selection.verification.first_exposures:
            return Role.EXCLUDED, f"{which}: the profile keeps them out of verification", evidence
        reason = f"{which}: never combined, the clearing before it is incomplete"
    elif one.after_saturated is not None:
        reason = f"taken right after the saturated exposure {one.after_saturated}: never combined"
    elif one.exposure in choice.repeated:
        reason = (
            f"points where exposure {choice.repeated[one.exposure]} does, within "
            f"{selection.distinct_pointings:g} arcsec: its stars lie on the same pixels"
        )
    elif not enough:
        reason = f"kept for verification: {len(choice.usable)} usable exposures, {selection.minimum} needed"
    elif _same(one, choice):
        n_usable = len(choice.usable)
        reason = f"surplus: {selection.target} of {n_usable} good exposures are taken from the middle"
    else:
        reason = "in another set of the day, kept for verification"
    return Role.VERIFICATION, reason, evidence


def _same(one: Candidate, choice: Choice) -> bool:
    return any(one is member for member in choice.members)
