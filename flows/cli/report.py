"""``calprod report``: where the report of a campaign is; make it again."""

from pathlib import Path

import click

from flows.cli.options import profile_option, repository_option


@click.command("report", short_help="make the report of a campaign, and say where it is")
@click.argument("campaign", required=False)
@repository_option
@profile_option
def command(campaign: str | None, repository: Path, profile: Path | None) -> None:
    """Write the report of CAMPAIGN (the latest by default) as it stands now, and print its path.

    One HTML file that opens without a network.

    \b
    Example: calprod report 20240318a -b repo
    """
    from flows.prefect_settings import apply_prefect_settings

    apply_prefect_settings(repository.resolve() / "calprod" / "prefect")
    from infra.workspace import open_workspace
    from tasks.campaigns.store import load_campaign
    from tasks.report import write_report

    with open_workspace(repository, profile) as workspace:
        click.echo(write_report(workspace, load_campaign(workspace, campaign)))
