"""The exposures at the start of a set, which are never combined: the clearing before them is incomplete."""

from collections.abc import Mapping, Sequence

from infra.settings.selection import SelectionSettings
from tasks.selection.candidates import Candidate
from tasks.selection.model import EvidenceValue
from tasks.selection.state import CameraState, deviation

__all__ = ["artefact_evidence", "first_exposures", "good_members"]


def good_members(
    members: Sequence[Candidate], selection: SelectionSettings, state: CameraState
) -> list[Candidate]:
    """Return the exposures of a set that nothing speaks against, in the order taken.

    Parameters
    ----------
    members
        The set in the order taken.
    selection
        The calibration's selection rules.
    state
        Camera state that they must have, where the rules ask for one.
    """
    good = [one for one in members if not one.objections]
    return [one for one in good if not selection.same_state or deviation(one.record, state) is None]


def first_exposures(
    members: Sequence[Candidate], selection: SelectionSettings, state: CameraState
) -> dict[int, str]:
    """Return the exposures at the start of a set that must not be combined, each with what it is.

    Bad ones before them do not count. Where too few would remain fewer are dropped, but never none, unless
    all exposures of the day are one set: the sky is not observed in sequences that begin with a clearing.

    Parameters
    ----------
    members
        The whole set in the order taken.
    selection
        The calibration's selection rules.
    state
        Camera state of the exposures that are combined.
    """
    good = good_members(members, selection, state)
    n_dropped = selection.drop_first if selection.sets == "all" else max(1, selection.drop_first)
    while n_dropped > 1 and _n_combinable(good[n_dropped:]) < selection.minimum:
        n_dropped -= 1
    firsts: dict[int, str] = {}
    for one in good[:n_dropped]:
        which = "first exposure of its set" if one.position == 0 else "first good exposure of its set"
        firsts[one.exposure] = f"among the first {n_dropped} exposures of its set" if firsts else which
    return firsts


def artefact_evidence(one: Candidate, firsts: Mapping[int, str]) -> dict[str, EvidenceValue]:
    """Return what verification must know of an exposure that has an artefact with any calibration.

    Parameters
    ----------
    one
        The exposure.
    firsts
        What `first_exposures` says of its set.
    """
    evidence: dict[str, EvidenceValue] = {}
    if one.exposure in firsts:
        evidence["artefact"] = firsts[one.exposure]
    if one.after_saturated is not None:
        evidence["after_saturated"] = one.after_saturated
        evidence.setdefault("artefact", f"taken right after the saturated exposure {one.after_saturated}")
    return evidence


def _n_combinable(good: Sequence[Candidate]) -> int:
    return sum(one.after_saturated is None for one in good)
