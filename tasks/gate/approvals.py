"""What passed the gate, proved to be what was approved."""

from collections.abc import Collection
from dataclasses import dataclass

from infra.butler.repository import open_butler
from infra.butler.validity import Validity
from infra.errors import GateError
from infra.ledger import CalibrationState, Entry, Step
from infra.storage import ChecksumCache
from infra.workspace import Workspace
from tasks.campaigns.model import CampaignRecord
from tasks.campaigns.store import keys_in_state
from tasks.gate.binding import approval_digest
from tasks.gate.candidates import Candidate, candidate_now

__all__ = ["Approval", "approvals", "past_the_gate"]

_PAST_THE_GATE = (
    CalibrationState.APPROVED,
    CalibrationState.CERTIFIED,
    CalibrationState.CHAINED,
    CalibrationState.EXPORTED,
    CalibrationState.DEPLOYED,
)


@dataclass(frozen=True, slots=True)
class Approval:
    """One calibration that may be released, unchanged since it was approved."""

    key: str
    candidate: Candidate
    validity: Validity
    digest: str
    """Digest of what was approved, and for which days."""
    reviewers: tuple[str, ...]


def past_the_gate(workspace: Workspace, campaign: CampaignRecord) -> tuple[str, ...]:
    """Return the calibrations that were approved, whatever has been done with them since."""
    return keys_in_state(workspace, campaign, *_PAST_THE_GATE)


def approvals(
    workspace: Workspace, campaign: CampaignRecord, keys: Collection[str] | None = None
) -> tuple[Approval, ...]:
    """Return calibrations that passed the gate, proved to be what was approved.

    Parameters
    ----------
    workspace
        Profile and ledger.
    campaign
        The campaign.
    keys
        Only these; all that were approved by default.

    Raises
    ------
    GateError
        One of ``keys`` is not approved, or something under an approval changed: a file, a verdict, a
        configuration. That approval is void.
    """
    passed = past_the_gate(workspace, campaign)
    if missing := [key for key in keys or () if key not in passed]:
        states = workspace.ledger.states(str(campaign.name))
        listed = ", ".join(f"{key} is {states.get(key, 'unknown')}" for key in missing)
        raise GateError(f"{listed} in {campaign.name}, not approved", "see: calprod status")
    found: list[Approval] = []
    void: list[str] = []
    with open_butler(workspace.repository) as butler, ChecksumCache.open() as checksums:
        for key in passed if keys is None else [key for key in passed if key in keys]:
            entry = _approval_entry(workspace, campaign, key)
            candidate = candidate_now(workspace, butler, campaign, key, checksums)
            if candidate.digest != entry.digest:
                _void(workspace, campaign, key)
                void.append(f"{key} (digest {str(entry.digest)[:12]}, now {candidate.digest[:12]})")
                continue
            begin, end = entry.parameters["begin_day_obs"], entry.parameters["end_day_obs"]
            found.append(
                Approval(
                    key=key,
                    candidate=candidate,
                    validity=Validity.from_days(begin, end),
                    digest=approval_digest(candidate.digest, begin_day=begin, end_day=end),
                    reviewers=tuple(entry.parameters["approvals"]),
                )
            )
    if void:
        raise GateError(
            f"the approval of {', '.join(void)} of {campaign.name} is void: what was approved has changed",
            "restore it and open the gate again with: calprod run; or make it anew with: calprod run --new",
        )
    return tuple(found)


def _approval_entry(workspace: Workspace, campaign: CampaignRecord, key: str) -> Entry:
    entries = workspace.ledger.entries(campaign=str(campaign.name), step="approve", calibration=key)
    return next(
        entry for entry in reversed(entries) if entry.status == "done" and entry.outcome == "approved"
    )


def _void(workspace: Workspace, campaign: CampaignRecord, key: str) -> None:
    """Record that an approval no longer holds, where the calibration has not been certified yet."""
    if workspace.ledger.states(str(campaign.name))[key] is CalibrationState.APPROVED:
        workspace.ledger.record(
            Step(
                step="approve",
                status="done",
                who="calprod",
                campaign=str(campaign.name),
                calibration=key,
                outcome="expired",
                parameters={"reason": "what was approved has changed since"},
            )
        )
