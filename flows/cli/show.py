"""``calprod show``: collections, datasets, digests and verdict of a campaign."""

from pathlib import Path
from typing import Any

import click

from flows.cli.options import as_json, profile_option, repository_option
from flows.cli.output import console, print_json, print_table


@click.command("show", short_help="collections, datasets, digests and verdict of a campaign")
@click.argument("campaign", required=False)
@repository_option
@profile_option
@as_json
def command(campaign: str | None, repository: Path, profile: Path | None, as_json: bool) -> None:
    """Show what CAMPAIGN (the latest by default) made, and every test that failed.

    \b
    Example: calprod show 20240318a -b repo
    """
    from infra.workspace import open_workspace
    from tasks.campaigns.store import load_campaign
    from tasks.campaigns.summary import campaign_summary

    with open_workspace(repository, profile) as workspace:
        summary = campaign_summary(workspace, load_campaign(workspace, campaign))
    if as_json:
        print_json(summary)
        return
    print_table(
        ("calibration", "state", "verdict", "failures", "warnings", "run"),
        [
            (
                one["calibration"],
                one["state"],
                one["verdict"],
                len(one["failures"]),
                len(one["warnings"]),
                one["run"],
            )
            for one in summary["calibrations"]
        ],
        title=f"{summary['campaign']}, from {summary['day_obs']} by {summary['producer']}",
    )
    print_table(
        ("calibration", "detector", "uuid", "digest"),
        [
            (
                one["calibration"],
                dataset["detector"],
                dataset["uuid"],
                (dataset["digest"] or "unreadable")[:16],
            )
            for one in summary["calibrations"]
            for dataset in one["datasets"]
        ],
    )
    for one in summary["calibrations"]:
        for dataset in one["datasets"]:
            if dataset["problem"]:
                console.print(f"[red]damaged[/red] {dataset['problem']}")
    _print_tests("failed", [test for one in summary["calibrations"] for test in one["failures"]])
    _print_tests("warned", [test for one in summary["calibrations"] for test in one["warnings"]])


def _print_tests(word: str, tests: list[dict[str, Any]]) -> None:
    if not tests:
        return
    columns = ("calibration", "exposure", "detector", "amplifier", "test", "value", "limit", "unit", "reason")
    print_table(columns, [tuple(_short(test.get(name)) for name in columns) for test in tests], title=word)
    console.print()


def _short(value: object) -> object:
    return f"{value:.5g}" if isinstance(value, float) else value
