"""``calprod sync``: bring a site to what was released."""

from pathlib import Path

import click

from flows.cli.options import profile_option, repository_option
from flows.cli.output import console
from flows.cli.progress import showing_progress


@click.command("sync", short_help="bring a site to what was released")
@click.argument("site")
@repository_option
@profile_option
def command(site: str, repository: Path, profile: Path | None) -> None:
    """Deliver every release to SITE that it does not hold yet, and restore what it lost.

    \b
    Example: calprod sync summit -b repo
    """
    from infra.workspace import open_workspace
    from tasks.campaigns.model import CampaignRecord
    from tasks.campaigns.rounds import rounds
    from tasks.export import export_round
    from tasks.sync import remote_settings, sync_round

    changed = delivered = 0
    with showing_progress(f"syncing {site}"), open_workspace(repository, profile) as workspace:
        remote_settings(workspace, site)
        for opened in workspace.ledger.campaigns(workspace.instrument):
            campaign = CampaignRecord.from_ledger(opened)
            for current in rounds(workspace, campaign):
                bundle = export_round(workspace, campaign, current).address
                changed += sync_round(workspace, campaign, current, bundle, site).changed
                delivered += 1
    console.print(f"{site}: {delivered} releases, {changed} of them changed something there")
