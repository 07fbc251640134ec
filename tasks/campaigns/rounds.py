"""A release round: the calibrations of a campaign that are released together."""

from dataclasses import dataclass

from infra.ledger import CalibrationState, Step, next_rerun
from infra.ledger.clock import now
from infra.progress import say
from infra.workspace import Workspace
from tasks.campaigns.model import CampaignRecord
from tasks.campaigns.store import keys_in_state
from tasks.gate.approvals import past_the_gate
from tasks.gate.decide import refuse_rejected_priors

__all__ = ["ReleaseRound", "begin_round", "finish_round", "released_rounds", "rerun_order", "rounds"]

_STEP = "release"


@dataclass(frozen=True, slots=True)
class ReleaseRound:
    """What is released together."""

    cert_rerun: str
    """Last part of the names of the certified collections and of the bundle, such as ``20240405a``."""
    keys: tuple[str, ...]
    """Calibration keys."""


def rounds(workspace: Workspace, campaign: CampaignRecord) -> tuple[ReleaseRound, ...]:
    """Return every round of a campaign that was ever begun, in order."""
    entries = workspace.ledger.entries(campaign=str(campaign.name), step=_STEP)
    found = {}
    for entry in entries:
        if entry.status == "started":  # the last word counts: a round can lose members until it is certified
            found[str(entry.parameters["cert_rerun"])] = tuple(entry.parameters["keys"])
    return tuple(ReleaseRound(cert_rerun, keys) for cert_rerun, keys in found.items())


def rerun_order(cert_rerun: str) -> tuple[str, int, str]:
    """Return what puts reruns in the order of time: ``20240405z`` stands before ``20240405aa``."""
    return cert_rerun[:8], len(cert_rerun), cert_rerun


def released_rounds(workspace: Workspace, campaign: CampaignRecord) -> tuple[ReleaseRound, ...]:
    """Return the rounds whose calibrations users find: those that are chained, or further."""
    chained = keys_in_state(
        workspace, campaign, CalibrationState.CHAINED, CalibrationState.EXPORTED, CalibrationState.DEPLOYED
    )
    return tuple(one for one in rounds(workspace, campaign) if one.keys and set(one.keys) <= set(chained))


def begin_round(workspace: Workspace, campaign: CampaignRecord) -> ReleaseRound | None:
    """Return the round to work on: the unfinished one, else a new one of what is approved.

    What is approved later makes a round of its own, because a bundle is never overwritten.
    """
    finished = {
        entry.parameters["cert_rerun"]
        for entry in workspace.ledger.entries(campaign=str(campaign.name), step=_STEP)
        if entry.status == "done"
    }
    passed = past_the_gate(workspace, campaign)
    for current in rounds(workspace, campaign):
        if current.cert_rerun in finished:
            continue
        # What lost its approval before it was certified leaves the round; the others need not wait for it.
        left = ReleaseRound(current.cert_rerun, tuple(key for key in current.keys if key in passed))
        if left != current:
            gone = ", ".join(key for key in current.keys if key not in passed)
            say(f"{gone}: no longer approved, left out of {current.cert_rerun}")
            _record(workspace, campaign, left, "started")
        if left.keys:
            return left
        finish_round(workspace, campaign, left)
    keys = keys_in_state(workspace, campaign, CalibrationState.APPROVED)
    if not keys:
        return None
    refuse_rejected_priors(workspace, campaign, keys)
    taken = [
        str(entry.parameters["cert_rerun"])
        for entry in workspace.ledger.entries(step=_STEP)
        if entry.status == "started"
    ]
    cert_rerun = next_rerun(int(now().strftime("%Y%m%d")), taken)
    new = ReleaseRound(cert_rerun, keys)
    _record(workspace, campaign, new, "started")
    return new


def finish_round(workspace: Workspace, campaign: CampaignRecord, current: ReleaseRound) -> None:
    """Note that everything of a round has been done."""
    _record(workspace, campaign, current, "done")


def _record(workspace: Workspace, campaign: CampaignRecord, current: ReleaseRound, status: str) -> None:
    workspace.ledger.record(
        Step(
            step=_STEP,
            status="done" if status == "done" else "started",
            who=campaign.producer,
            campaign=str(campaign.name),
            parameters={"cert_rerun": current.cert_rerun, "keys": current.keys},
        )
    )
