"""``calprod simulate``: the raw files of a calibration night, with the truth beside them."""

from pathlib import Path

import click

from flows.cli.output import console
from flows.cli.progress import showing_progress


@click.command("simulate", short_help="write the raw files of a simulated calibration night")
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--night",
    metavar="SPEC",
    default="demo",
    show_default=True,
    help="Night specification: a YAML file, or one that comes with calprod (demo, complete, comcam …).",
)
@click.option("--full", is_flag=True, help="Write the real 576 × 2048 segments instead of reduced ones.")
def command(directory: Path, night: str, full: bool) -> None:
    """Write a simulated calibration night into DIR: raws, and DIR/truth beside them.

    \b
    Example: calprod simulate night --night demo
    """
    from infra.progress import advance
    from infra.simulator import load_night_spec, simulate_night

    specification = load_night_spec(night)
    with showing_progress(f"simulating {night}"):
        truth = simulate_night(
            specification,
            directory,
            full=full,
            progress=lambda done, total: advance("simulating", done, total),
        )
    console.print(f"{len(truth.exposures)} exposures of {truth.day_obs} in {directory}")
