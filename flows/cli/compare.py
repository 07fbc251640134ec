"""``calprod compare``: prove that sites resolve the same calibrations."""

from dataclasses import asdict
from pathlib import Path

import click

from flows.cli.options import as_json, profile_option, repository_option
from flows.cli.output import console, print_json, print_table


@click.command("compare", short_help="prove that sites resolve the same calibrations")
@click.argument("sites", nargs=-1, metavar="[SITE]...")
@repository_option
@click.option(
    "--fresh", is_flag=True, help="Read every byte instead of trusting files that have not changed."
)
@profile_option
@as_json
@click.pass_context
def command(
    context: click.Context,
    sites: tuple[str, ...],
    repository: Path,
    fresh: bool,
    profile: Path | None,
    as_json: bool,
) -> None:
    """Compare what the default chain resolves to here and at SITEs (all by default).

    Type, data ID, UUID, validity range and checksum of every calibration, the order of chains, and the
    permissions each site's profile asks for. The exit status is 1 when anything differs.

    \b
    Example: calprod compare -b repo
    """
    from flows.prefect_settings import apply_prefect_settings

    apply_prefect_settings(repository.resolve() / "calprod" / "prefect")
    from infra.workspace import open_workspace
    from tasks.compare import compare_all

    with open_workspace(repository, profile) as workspace:
        result = compare_all(workspace, sites, fresh=fresh)
    if as_json:
        print_json(
            {
                "match": result.match,
                "sites": [
                    {"site": one.site, "digest": one.digest, "datasets": one.datasets}
                    for one in result.fingerprints
                ],
                "differences": [asdict(one) for one in result.differences],
                "permissions": list(result.problems),
            }
        )
    else:
        print_table(
            ("site", "chain", "datasets", "digest"),
            [(one.site, one.chain, one.datasets, one.digest[:16]) for one in result.fingerprints],
        )
        for difference in result.differences:
            console.print(f"[red]differ[/red] {difference}")
        for problem in result.problems:
            console.print(f"[red]permission[/red] {problem}")
        if result.match:
            console.print(f"[green]{len(result.fingerprints)} sites match[/green]")
    context.exit(0 if result.match else 1)
