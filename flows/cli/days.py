"""``calprod days``: calibration days, what they hold, which are done."""

from pathlib import Path

import click

from flows.cli.options import as_json, profile_option, repository_argument
from flows.cli.output import print_json, print_table


@click.command("days", short_help="calibration days, what they hold, which are done")
@repository_argument
@profile_option
@as_json
def command(repository: Path, profile: Path | None, as_json: bool) -> None:
    """List the days of REPO that hold calibration exposures, and what was made of them.

    \b
    Example: calprod days repo
    """
    from infra.butler.repository import open_butler
    from infra.workspace import open_workspace
    from tasks.campaigns.days import days_of_repository

    with open_workspace(repository, profile) as workspace, open_butler(workspace.repository) as butler:
        days = days_of_repository(workspace, butler)
    if as_json:
        print_json([day.to_json() for day in days])
        return
    print_table(
        ("day_obs", "state", "sets", "exposures"),
        [(day.day_obs, day.state.value, len(day.sets), day.summary) for day in days],
    )
