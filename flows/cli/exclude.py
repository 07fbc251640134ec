"""``calprod exclude``: keep an exposure, detector or amplifier out of every selection."""

from datetime import UTC, datetime
from pathlib import Path

import click

from flows.cli.options import as_json, profile_option, repository_argument
from flows.cli.output import console, print_json, print_table
from infra.ledger import Exclusion


@click.command("exclude", short_help="keep an exposure, detector or amplifier out of every selection")
@repository_argument
@click.option("--exposure", type=int, metavar="ID", help="Exposure; every one by default.")
@click.option("--detector", type=int, metavar="N", help="Detector; all by default.")
@click.option("--amplifier", metavar="NAME", help="Amplifier of the detector; all by default.")
@click.option("--calib", "calibration", metavar="NAME", help="Calibration it matters for; all by default.")
@click.option("--reason", metavar="TEXT", help="Why.")
@click.option("--author", metavar="NAME", help="Who says so; your account by default.")
@click.option("--expires", type=click.DateTime(["%Y-%m-%d"]), help="When it ends (UTC); never by default.")
@click.option("--lift", type=int, metavar="NUMBER", help="Take back the exclusion with this number.")
@click.option("--list", "listing", is_flag=True, help="List what is excluded.")
@profile_option
@as_json
def command(
    repository: Path,
    exposure: int | None,
    detector: int | None,
    amplifier: str | None,
    calibration: str | None,
    reason: str | None,
    author: str | None,
    expires: datetime | None,
    lift: int | None,
    listing: bool,
    profile: Path | None,
    as_json: bool,
) -> None:
    """Note that something must not be used, with the reason; every plan then shows it.

    \b
    Example: calprod exclude repo --exposure 2024031800017 --reason "dome lights on"
    """
    from flows.parameters import current_user
    from infra.workspace import open_workspace

    who = author or current_user()
    with open_workspace(repository, profile) as workspace:
        if listing:
            found = workspace.ledger.exclusions(workspace.instrument)
            _show(found, as_json)
            return
        if not reason:
            raise click.UsageError("say why with --reason TEXT")
        if lift is not None:
            workspace.ledger.lift_exclusion(lift, who, reason)
            console.print(f"exclusion {lift} is lifted")
            return
        made = workspace.ledger.add_exclusion(
            Exclusion(
                instrument=workspace.instrument,
                reason=reason,
                author=who,
                exposure=exposure,
                detector=detector,
                amplifier=amplifier,
                calibration=calibration,
                expires=expires.replace(tzinfo=UTC) if expires else None,
            )
        )
    console.print(
        f"excluded; take it back with: calprod exclude {repository} --lift {made.sequence} --reason TEXT"
    )


def _show(found: tuple[Exclusion, ...], as_json: bool) -> None:
    columns = ("sequence", "exposure", "detector", "amplifier", "calibration", "reason", "author", "expires")
    rows = [tuple(getattr(one, name) for name in columns) for one in found]
    if as_json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        print_table(("number", *columns[1:]), rows)
