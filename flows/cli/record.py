"""``calprod record``: a campaign as a plain shell script of public commands."""

from pathlib import Path

import click

from flows.cli.options import profile_option, repository_option


@click.command("record", short_help="the campaign as a plain shell script of public commands")
@click.argument("campaign", required=False)
@repository_option
@profile_option
def command(campaign: str | None, repository: Path, profile: Path | None) -> None:
    """Print the ``butler`` and ``pipetask`` commands that do what CAMPAIGN did, with all values filled in.

    Run in an empty copy of the repository the script gives the same images.

    \b
    Example: calprod record 20240318a -b repo > replay.sh
    """
    from infra.workspace import open_workspace
    from tasks.campaigns.script import campaign_script
    from tasks.campaigns.store import load_campaign

    with open_workspace(repository, profile) as workspace:
        click.echo(campaign_script(workspace, load_campaign(workspace, campaign)), nl=False)
