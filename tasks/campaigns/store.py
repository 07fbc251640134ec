"""Campaigns in the ledger: found by name, or the latest when no name is given."""

from infra.errors import UsageError
from infra.ledger import CalibrationState
from infra.workspace import Workspace
from tasks.campaigns.model import CampaignRecord

__all__ = ["keys_in_state", "latest_campaign", "load_campaign"]


def load_campaign(workspace: Workspace, name: str | None) -> CampaignRecord:
    """Return a campaign by its name or the end of it; without a name, the one opened last.

    Raises
    ------
    UsageError
        There is no such campaign.
    """
    if name is None:
        return latest_campaign(workspace)
    return CampaignRecord.from_ledger(workspace.ledger.campaign(name))


def latest_campaign(workspace: Workspace) -> CampaignRecord:
    """Return the campaign of the instrument that was opened last."""
    campaigns = workspace.ledger.campaigns(workspace.instrument)
    if not campaigns:
        raise UsageError(
            f"no campaign has been opened in {workspace.repository}",
            "open one with: calprod run REPO --day-obs DAY",
        )
    return CampaignRecord.from_ledger(campaigns[-1])


def keys_in_state(
    workspace: Workspace, campaign: CampaignRecord, *states: CalibrationState
) -> tuple[str, ...]:
    """Return the keys of the calibrations that are in one of the states, in the order to make them."""
    found = workspace.ledger.states(str(campaign.name))
    return tuple(str(one.key) for one in campaign.calibrations if found.get(str(one.key)) in states)
