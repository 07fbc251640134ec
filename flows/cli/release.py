"""``calprod release``: certify, chain, export and sync what was approved."""

from pathlib import Path

import click

from flows.cli.options import profile_option, repository_option
from flows.cli.output import console
from flows.cli.progress import showing_progress
from flows.cli.summary import print_states


@click.command("release", short_help="certify, chain, export and sync what was approved; resumable")
@click.argument("campaign")
@repository_option
@profile_option
def command(campaign: str, repository: Path, profile: Path | None) -> None:
    """Release what was approved of CAMPAIGN: certify, chain, export, sync to every site, prove they match.

    It can be killed at any moment and run again.

    \b
    Example: calprod release 20240318a -b repo
    """
    from flows.prefect_settings import apply_prefect_settings

    apply_prefect_settings(repository.resolve() / "calprod" / "prefect")
    from flows.local_server import start_local_server
    from flows.parameters import ReleaseParameters
    from flows.release import release
    from infra.workspace import open_workspace
    from tasks.campaigns.store import load_campaign

    with open_workspace(repository, profile) as workspace:
        name = str(load_campaign(workspace, campaign).name)
    start_local_server()
    parameters = ReleaseParameters(
        repository=repository.resolve(), profile=profile.resolve() if profile else None, campaign=name
    )
    with showing_progress(f"releasing {name}"):
        digest = release(parameters)
    print_states(repository, profile, name)
    console.print(f"every site resolves {digest[:16]}")
