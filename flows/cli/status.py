"""``calprod status``: campaigns and the state of each calibration."""

from pathlib import Path

import click

from flows.cli.options import as_json, profile_option, repository_option
from flows.cli.output import console, print_json, print_table


@click.command("status", short_help="campaigns and the state of each calibration")
@repository_option
@profile_option
@as_json
def command(repository: Path, profile: Path | None, as_json: bool) -> None:
    """List the campaigns of a repository, the latest first, with the state of each calibration.

    \b
    Example: calprod status -b repo
    """
    from infra.workspace import open_workspace

    rows = []
    with open_workspace(repository, profile) as workspace:
        broken = workspace.ledger.verify()
        for campaign in reversed(workspace.ledger.campaigns(workspace.instrument)):
            for key, status in workspace.ledger.statuses(campaign.name).items():
                rows.append((campaign.name, campaign.day_obs, key, str(status), status.since[:19]))
    if as_json:
        names = ("campaign", "day_obs", "calibration", "state", "since")
        print_json([dict(zip(names, row, strict=True)) for row in rows])
    elif rows:
        print_table(("campaign", "day_obs", "calibration", "state", "since (UTC)"), rows)
    else:
        console.print("no campaign yet; open one with: calprod run REPO --day-obs DAY")
    for link in broken:
        console.print(f"[red]ledger[/red] {link}")
