"""``calprod status``: campaigns, the state of each calibration, and what is out of date."""

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

    A certified calibration is out of date when something it was made with has been made anew and certified
    since: a new PTC asks for a new linearizer.

    \b
    Example: calprod status -b repo
    """
    from infra.workspace import open_workspace
    from tasks.campaigns.overview import overview

    with open_workspace(repository, profile) as workspace:
        broken = workspace.ledger.verify()
        rows, others = overview(workspace)
    if as_json:
        print_json([*(row.plain() for row in rows), *(one.plain() for one in others)])
    elif rows:
        columns = ("campaign", "day_obs", "calibration", "state", "since (UTC)", "out of date")
        print_table(
            columns,
            [
                (row.campaign, row.day_obs, row.calibration, row.state, row.since[:19], row.words)
                for row in rows
            ],
        )
    else:
        console.print("no campaign yet; open one with: calprod run REPO --day-obs DAY")
    if not as_json:
        for one in others:
            console.print(f"[yellow]out of date[/yellow] {one}")
    for link in broken:
        console.print(f"[red]ledger[/red] {link}")
