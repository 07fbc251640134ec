"""``calprod trend``: a metric over time."""

from dataclasses import asdict
from pathlib import Path

import click

from flows.cli.options import as_json, profile_option, repository_option
from flows.cli.output import console, print_json, print_table


@click.command("trend", short_help="a metric over time")
@click.argument("metric")
@repository_option
@click.option("--detector", type=int, metavar="N", help="Only this detector.")
@click.option("--amplifier", metavar="NAME", help="Only this amplifier.")
@profile_option
@as_json
def command(
    metric: str,
    repository: Path,
    detector: int | None,
    amplifier: str | None,
    profile: Path | None,
    as_json: bool,
) -> None:
    """Show METRIC, such as bias.mean or flat.noise_ratio, by the time its exposures were taken.

    \b
    Example: calprod trend bias.noise -b repo --amplifier C10
    """
    from infra.workspace import open_workspace

    with open_workspace(repository, profile) as workspace:
        found = workspace.ledger.metrics(metric, detector=detector, amplifier=amplifier)
    if as_json:
        print_json([asdict(one) for one in found])
        return
    if not found:
        console.print(f"nothing has been measured under the name '{metric}'")
        return
    print_table(
        ("observed (TAI)", "exposure", "detector", "amplifier", "group", "value", "unit", "campaign"),
        [
            (
                one.observed,
                one.exposure,
                one.detector,
                one.amplifier,
                one.group,
                f"{one.value:.5g}",
                one.unit,
                one.campaign,
            )
            for one in found
        ],
    )
