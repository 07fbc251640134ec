"""The replay script of a campaign, from what the ledger says was done."""

from infra.workspace import Workspace
from tasks.campaigns.model import CampaignRecord
from tasks.campaigns.replay import ReplayStep, replay_script
from tasks.campaigns.requests import pipelines_directory

__all__ = ["SCRIPT_NAME", "campaign_script"]

SCRIPT_NAME = "replay.sh"
"""Name of the script in the campaign's directory."""

_TITLES = {
    "generate": "make {key}",
    "verify": "verify {key}",
    "certify": "certify {key}",
    "chain": "chain what was certified",
    "export": "export",
    "sync": "deliver to {site}",
}
_NEEDS = {"export": "EXPORTS", "sync": "SITE"}


def campaign_script(workspace: Workspace, campaign: CampaignRecord) -> str:
    """Return the replay script of everything a campaign has done so far.

    A step that was done more than once, because a run was killed and started again, stands in it once, as
    it was done last.
    """
    found: dict[tuple[str, str], ReplayStep] = {}
    for entry in workspace.ledger.entries(campaign=str(campaign.name)):
        title = _TITLES.get(entry.step)
        if title is None or entry.status != "done" or not entry.command:
            continue
        # These concern the whole round, whatever number of calibrations noted it.
        once = entry.command if entry.step in ("chain", "export", "sync") else str(entry.calibration)
        words = title.format(key=entry.calibration, site=entry.site)
        found[entry.step, once] = ReplayStep(
            words, tuple(entry.command.splitlines()), needs=_NEEDS.get(entry.step)
        )
    return replay_script(
        str(campaign.name),
        campaign.name.instrument,
        found.values(),
        pipelines=str(pipelines_directory()),
        summary=f"{', '.join(str(one.key) for one in campaign.calibrations)} from {campaign.day_obs},"
        f" by {campaign.producer}",
        name=SCRIPT_NAME,
    )
