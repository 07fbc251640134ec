"""A person's own choice of exposures, and what it takes to use one that the rules forbid."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from infra.errors import SelectionError, UsageError
from infra.naming import CalibrationKey
from infra.settings.selection import SelectionSettings
from tasks.selection.candidates import Candidate
from tasks.selection.firsts import artefact_evidence, first_exposures
from tasks.selection.model import PlannedExposure, Role
from tasks.selection.state import CameraState, deviation, reference_state

__all__ = ["Overrides", "assign_listed", "check_listed"]


@dataclass(frozen=True, slots=True)
class Overrides:
    """Exposures named by a person instead of chosen by the rules."""

    exposures: frozenset[int]
    """The only exposures that may be combined."""
    reason: str | None = None
    """Why exposures that the rules forbid are used all the same; recorded with each of them."""


def check_listed(overrides: Overrides, known: Mapping[int, str], refused: Mapping[int, str]) -> None:
    """Refuse a list that names exposures nobody has.

    Parameters
    ----------
    overrides
        The list.
    known
        Observation type of every exposure of the days at hand.
    refused
        Reason of every exposure refused at ingest.

    Raises
    ------
    UsageError
        The list is empty, or holds an unknown exposure.
    """
    if not overrides.exposures:
        raise UsageError("the list of exposures is empty", "name at least one, or leave the option out")
    for exposure in sorted(overrides.exposures - set(known)):
        if exposure in refused:
            raise UsageError(
                f"exposure {exposure} was refused at ingest: {refused[exposure]}", "leave it out"
            )
        raise UsageError(
            f"exposure {exposure} is not among those of the days at hand",
            "see: calprod plan REPO --day-obs DAY",
        )


def assign_listed(
    key: CalibrationKey,
    sets: Sequence[Sequence[Candidate]],
    selection: SelectionSettings,
    state_keys: Sequence[str],
    overrides: Overrides,
    day_obs: int,
) -> tuple[list[PlannedExposure], CameraState]:
    """Return the rows of a list made by hand, those listed being combined, and the camera state they share.

    Parameters
    ----------
    key
        The calibration.
    sets
        Whole sets, of the day and of the other days that the list reaches into.
    selection
        The calibration's selection rules.
    state_keys
        Header cards that must agree.
    overrides
        The list.
    day_obs
        Day of the plan; of another day only what is listed has a row.

    Raises
    ------
    SelectionError
        A listed exposure is one the rules forbid, or there are too few, and no reason is given.
    """
    members = [one for each in sets for one in each]
    listed = [one for one in members if one.exposure in overrides.exposures]
    state = reference_state([one.record for one in listed if not one.objections], state_keys)
    firsts = {
        exposure: which
        for each in sets
        for exposure, which in first_exposures(each, selection, state).items()
    }
    objections = {one.exposure: _objection(one, state, selection, firsts) for one in listed}
    forbidden = {exposure: text for exposure, text in objections.items() if text}
    if len(listed) < selection.minimum and listed:
        forbidden[listed[0].exposure] = forbidden.get(listed[0].exposure) or _too_few(key, listed, selection)
    if forbidden and not overrides.reason:
        named = "; ".join(f"{exposure}: {text}" for exposure, text in sorted(forbidden.items()))
        raise SelectionError(
            f"{key}: the rules forbid {len(forbidden)} of the exposures listed ({named})",
            "leave them out, or say why they are used all the same with --override-reason",
        )
    rows = [
        _listed_row(one, key, objections[one.exposure], overrides)
        if one.exposure in overrides.exposures
        else _other_row(one, key, state, selection, firsts, bool(listed))
        for one in members
        if one.exposure in overrides.exposures or one.record.day_obs == day_obs
    ]
    return rows, state


def _too_few(key: CalibrationKey, listed: Sequence[Candidate], selection: SelectionSettings) -> str:
    return f"only {len(listed)} exposures are listed for {key}, {selection.minimum} needed"


def _objection(
    one: Candidate, state: CameraState, selection: SelectionSettings, firsts: Mapping[int, str]
) -> str:
    """Return everything the rules have against combining one exposure; empty for nothing."""
    texts = [finding.reason for finding in one.objections]
    differs = deviation(one.record, state) if selection.same_state else None
    texts += [differs.reason] if differs is not None else []
    # A frame that is bad besides is still the first of its set.
    is_first = one.position == 0 and selection.sets != "all"
    which = firsts.get(one.exposure, "first exposure of its set" if is_first else None)
    texts += [which] if which else []
    if one.after_saturated is not None:
        texts.append(f"taken right after the saturated exposure {one.after_saturated}")
    return "; ".join(texts)


def _listed_row(one: Candidate, key: CalibrationKey, objection: str, overrides: Overrides) -> PlannedExposure:
    if not objection:
        return PlannedExposure(one.exposure, key, Role.GENERATION, "listed by hand", one.notes)
    reason = f"listed by hand although {objection}; override: {overrides.reason}"
    evidence = {**one.notes, "override": overrides.reason, "objection": objection}
    return PlannedExposure(one.exposure, key, Role.GENERATION, reason, evidence)


def _other_row(
    one: Candidate,
    key: CalibrationKey,
    state: CameraState,
    selection: SelectionSettings,
    firsts: Mapping[int, str],
    any_listed: bool,
) -> PlannedExposure:
    """Return the row of an exposure of the day that is not on the list."""
    if one.objections:
        return PlannedExposure(one.exposure, key, Role.EXCLUDED, *one.objection())
    differs = deviation(one.record, state) if selection.same_state and any_listed else None
    if differs is not None:
        return PlannedExposure(
            one.exposure, key, Role.EXCLUDED, differs.reason, {**differs.evidence, **one.notes}
        )
    if not any_listed:
        reason = f"no exposure of {key} is on the list made by hand"
        return PlannedExposure(one.exposure, key, Role.EXCLUDED, reason, one.notes)
    evidence = {"position": one.position + 1, **artefact_evidence(one, firsts), **one.notes}
    if one.exposure in firsts and not selection.verification.first_exposures:
        reason = f"{firsts[one.exposure]}: the profile keeps them out of verification"
        return PlannedExposure(one.exposure, key, Role.EXCLUDED, reason, evidence)
    reason = "good, but not on the list made by hand: kept for verification"
    return PlannedExposure(one.exposure, key, Role.VERIFICATION, reason, evidence)
