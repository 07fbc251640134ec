"""A person's own choice of flats for a calibration that is made from pairs."""

from collections.abc import Sequence

from infra.errors import SelectionError
from infra.naming import CalibrationKey
from infra.settings.selection import SelectionSettings
from tasks.selection.candidates import Candidate
from tasks.selection.decision import Material
from tasks.selection.model import EvidenceValue, PlannedExposure, Role
from tasks.selection.ramp.candidates import Ramp, pair_rules
from tasks.selection.ramp.pairing import PairedRamp, pair_up
from tasks.selection.state import CameraState, deviation, reference_state

__all__ = ["assign_listed_pairs"]


def assign_listed_pairs(
    key: CalibrationKey,
    ramps: Sequence[Ramp],
    loose: Sequence[Candidate],
    selection: SelectionSettings,
    material: Material,
) -> tuple[list[PlannedExposure], CameraState]:
    """Return the rows of a list made by hand, those listed being used, and the camera state they share.

    Parameters
    ----------
    key
        The calibration.
    ramps
        Whole ramps, of the day and of the other days that the list reaches into.
    loose
        Listed flats that are in no ramp.
    selection
        The calibration's selection rules.
    material
        What the plan is made from, the list among it; of another day only what is listed has a row.

    Raises
    ------
    SelectionError
        A listed exposure is one the rules forbid, or there are too few pairs, and no reason is given.
    """
    assert material.overrides is not None
    wanted, override = material.overrides.exposures, material.overrides.reason
    parts = [Ramp(tuple(one for one in ramp.members if one.exposure in wanted)) for ramp in ramps]
    listed = [*(one for part in parts for one in part.members), *loose]
    state = reference_state([one.record for one in listed if not one.objections], material.state_keys)
    paired = [pair_up(part, selection, material.state_keys, state) for part in parts if part.members]
    forbidden = _forbidden(listed, paired, selection, state)
    if forbidden or _lacks(paired, selection, listed):
        texts = [f"{exposure}: {text}" for exposure, text in sorted(forbidden.items())]
        texts += [_lacks(paired, selection, listed)] if _lacks(paired, selection, listed) else []
        if not override:
            raise SelectionError(
                f"{key}: the rules forbid what is listed ({'; '.join(texts)})",
                "leave it out, or say why it is used all the same with --override-reason",
            )
    evidence = _pair_evidence(paired)
    rows: list[PlannedExposure] = []
    for one in listed:
        why: dict[str, EvidenceValue] = {**evidence.get(one.exposure, {}), **one.notes}
        reason = "listed by hand"
        if one.exposure in forbidden:
            reason = f"listed by hand although {forbidden[one.exposure]}; override: {override}"
            why |= {"override": override, "objection": forbidden[one.exposure]}
        rows.append(PlannedExposure(one.exposure, key, Role.GENERATION, reason, why))
    for ramp in ramps:
        rest = tuple(one for one in ramp.members if one.exposure not in wanted)
        rest = tuple(one for one in rest if one.record.day_obs == material.day_obs)
        rows += _unlisted(key, Ramp(rest), selection, material, state, bool(listed))
    return rows, state


def _forbidden(
    listed: Sequence[Candidate],
    paired: Sequence[PairedRamp],
    selection: SelectionSettings,
    state: CameraState,
) -> dict[int, str]:
    """Return everything the rules have against each listed exposure."""
    single = {exposure: finding.reason for one in paired for exposure, finding in one.single.items()}
    forbidden: dict[int, str] = {}
    for one in listed:
        texts = [finding.reason for finding in one.objections]
        differs = deviation(one.record, state) if selection.same_state else None
        texts += [differs.reason] if differs is not None else []
        texts += [single[one.exposure]] if one.exposure in single else []
        if texts:
            forbidden[one.exposure] = "; ".join(texts)
    return forbidden


def _lacks(paired: Sequence[PairedRamp], selection: SelectionSettings, listed: Sequence[Candidate]) -> str:
    n_pairs, rules = sum(len(one.pairs) for one in paired), pair_rules(selection)
    if not listed or n_pairs >= rules.minimum_pairs:
        return ""
    return f"only {n_pairs} pairs are listed, {rules.minimum_pairs} needed"


def _pair_evidence(paired: Sequence[PairedRamp]) -> dict[int, dict[str, EvidenceValue]]:
    return {exposure: pair.evidence() for one in paired for pair in one.pairs for exposure in pair.exposures}


def _unlisted(
    key: CalibrationKey,
    ramp: Ramp,
    selection: SelectionSettings,
    material: Material,
    state: CameraState,
    any_listed: bool,
) -> list[PlannedExposure]:
    """Return the rows of the flats of a ramp that are not on the list: whole pairs verify."""
    paired = pair_up(ramp, selection, material.state_keys, state if any_listed else None)
    evidence = _pair_evidence([paired])
    rows = []
    for one in ramp.members:
        role, why = Role.EXCLUDED, {**evidence.get(one.exposure, {}), **one.notes}
        if one.objections:
            reason = one.objection()[0]
        elif not any_listed:
            reason = f"no exposure of {key} is on the list made by hand"
        elif one.exposure in evidence:
            role = Role.VERIFICATION
            reason = "good pair, but not on the list made by hand: kept for verification"
        elif one.exposure in paired.single:
            reason = f"not on the list made by hand; {paired.single[one.exposure].reason}"
        else:
            differs = deviation(one.record, state)
            reason = differs.reason if differs is not None else "not on the list made by hand"
        rows.append(PlannedExposure(one.exposure, key, role, reason, why))
    return rows
