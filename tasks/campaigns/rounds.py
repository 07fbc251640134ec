"""A release round: the calibrations of a campaign that are released together."""

from dataclasses import dataclass

from infra.ledger import CalibrationState, Entry, Step, next_rerun
from infra.ledger.clock import now
from infra.workspace import Workspace
from tasks.campaigns.model import CampaignRecord
from tasks.campaigns.store import keys_in_state

__all__ = ["ReleaseRound", "begin_round", "finish_round", "rounds"]

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
    return tuple(_round(entry) for entry in _started(workspace, str(campaign.name)))


def begin_round(workspace: Workspace, campaign: CampaignRecord) -> ReleaseRound | None:
    """Return the round to work on: the unfinished one, else a new one of what is approved.

    What is approved later makes a round of its own, because a bundle is never overwritten.
    """
    started = _started(workspace, str(campaign.name))
    finished = {
        entry.parameters["cert_rerun"]
        for entry in workspace.ledger.entries(campaign=str(campaign.name), step=_STEP)
        if entry.status == "done"
    }
    for entry in started:
        if entry.parameters["cert_rerun"] not in finished:
            return _round(entry)
    keys = keys_in_state(workspace, campaign, CalibrationState.APPROVED)
    if not keys:
        return None
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


def _started(workspace: Workspace, campaign: str) -> list[Entry]:
    entries = workspace.ledger.entries(campaign=campaign, step=_STEP)
    return [entry for entry in entries if entry.status == "started"]


def _round(entry: Entry) -> ReleaseRound:
    return ReleaseRound(str(entry.parameters["cert_rerun"]), tuple(entry.parameters["keys"]))
