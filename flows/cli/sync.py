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
    from flows.prefect_settings import apply_prefect_settings

    apply_prefect_settings(repository.resolve() / "calprod" / "prefect")
    from infra.workspace import open_workspace
    from tasks.sync import sync_site

    with showing_progress(f"syncing {site}"), open_workspace(repository, profile) as workspace:
        reports = sync_site(workspace, site)
    changed = sum(report.changed for report in reports)
    console.print(f"{site}: {len(reports)} tickets, {changed} of them changed something there")
