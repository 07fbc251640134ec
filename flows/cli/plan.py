"""``calprod plan``: every exposure of a day with its one reason."""

from pathlib import Path

import click

from flows.cli.options import as_json, comma_separated, day_obs, profile_option, repository_argument
from flows.cli.output import console, print_json, print_table
from tasks.selection.model import Plan


@click.command("plan", short_help="every exposure of a day with its one reason")
@repository_argument
@click.option("--day-obs", type=day_obs, required=True, help="Observing day, such as 20240318.")
@click.option("--calib", callback=comma_separated, metavar="NAMES", help="Only these: bias,dark or flat-r.")
@profile_option
@as_json
def command(
    repository: Path, day_obs: int, calib: tuple[str, ...], profile: Path | None, as_json: bool
) -> None:
    """Say for every exposure of a day whether it makes a calibration, tests it, or is left out, and why.

    \b
    Example: calprod plan repo --day-obs 20240318
    """
    from infra.butler.repository import open_butler
    from infra.workspace import open_workspace
    from tasks.campaigns.gather import plan_day

    with open_workspace(repository, profile) as workspace, open_butler(workspace.repository) as butler:
        plan = plan_day(workspace, butler, day_obs, calibrations=calib)
    if as_json:
        print_json(plan.to_json())
        return
    print_plan(plan)


def print_plan(plan: Plan) -> None:
    """Print a plan as a table, with its warnings and shortages after it."""
    print_table(
        ("exposure", "calibration", "role", "reason"),
        [(row.exposure, row.calibration or "", row.role, row.reason) for row in plan.exposures],
        title=f"{plan.instrument} {plan.day_obs}",
    )
    for warning in plan.warnings:
        console.print(f"[yellow]warning[/yellow] {warning}")
    for shortage in plan.shortages:
        console.print(f"[yellow]short[/yellow] {shortage.calibration}: {shortage.reason}; {shortage.advice}")
