"""Stage: write the page that a board decides by."""

from pathlib import Path

from prefect import task

from infra.butler.repository import open_butler
from infra.files import write_atomically
from infra.progress import say
from infra.workspace import Workspace, open_workspace
from tasks.artifacts import link_artifact, verdict_artifact
from tasks.campaigns.model import CampaignRecord
from tasks.campaigns.packet import report_contents, verdict_rows
from tasks.campaigns.store import load_campaign
from tasks.reporting import render_report

__all__ = ["REPORT_NAME", "report", "write_report"]

REPORT_NAME = "report.html"
"""Name of the report in the campaign's directory."""


@task(task_run_name="report")
def report(repository: Path, profile: Path | None, campaign: str) -> str:
    """Write the report of a campaign; returns its path."""
    with open_workspace(repository, profile) as workspace:
        loaded = load_campaign(workspace, campaign)
        path = write_report(workspace, loaded)
        verdict_artifact(loaded, verdict_rows(workspace, loaded))
        instrument = loaded.name.instrument
        link_artifact(f"{instrument}-report", path.as_uri(), "report", f"Report of {loaded.name}")
    return str(path)


def write_report(workspace: Workspace, campaign: CampaignRecord) -> Path:
    """Write the report of a campaign as it stands now, and return its path."""
    path = workspace.campaign_directory(campaign.name.rerun) / REPORT_NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    with open_butler(workspace.repository) as butler:
        page = render_report(report_contents(workspace, butler, campaign))
    write_atomically(path, page)
    say(f"report: {path}")
    return path
