"""``calprod ingest``: raw files into a repository, what they showed into the ledger."""

from pathlib import Path
from typing import Literal

import click

from flows.cli.options import as_json, profile_option, repository_argument
from flows.cli.output import console, print_json, print_table
from flows.cli.progress import showing_progress

type Transfer = Literal["direct", "copy", "symlink", "hardlink"]


@click.command("ingest", short_help="take raw files into a repository")
@repository_argument
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-t",
    "--transfer",
    type=click.Choice(["direct", "copy", "symlink", "hardlink"]),
    default="direct",
    show_default=True,
    help="direct leaves the files where they are.",
)
@profile_option
@as_json
@click.pass_context
def command(
    context: click.Context,
    repository: Path,
    files: tuple[Path, ...],
    transfer: Transfer,
    profile: Path | None,
    as_json: bool,
) -> None:
    """Take raw files, or all raws of directories, into REPO; what is there already is skipped.

    A file that is truncated, unreadable, of another camera or nonsensical is refused with its reason, and
    the rest goes in; the exit status is then 1.

    \b
    Example: calprod ingest repo /data/2024-03-18/*.fits
    """
    from tasks.campaigns.intake import take_in

    with showing_progress("reading raws", to_stderr=as_json):
        report = take_in(repository, profile, files, transfer=transfer)
    if as_json:
        print_json(report.to_json())
    else:
        console.print(
            f"{len(report.ingested)} ingested, {len(report.skipped)} there already,"
            f" {len(report.refused)} refused"
        )
        if report.refused:
            print_table(("refused", "reason"), [(one.path.name, one.reason) for one in report.refused])
    context.exit(1 if report.refused else 0)
