"""``calprod demo``: the whole way, on simulated frames."""

import shutil
from pathlib import Path

import click

from flows.cli.output import console, print_table
from flows.cli.progress import showing_progress
from infra.errors import UsageError

_MARK = ".calprod-demo"


@click.command("demo", short_help="a simulated night, all the way to two matching sites")
@click.argument(
    "directory", metavar="[DIR]", default="calprod-demo", type=click.Path(path_type=Path, file_okay=False)
)
@click.option("--night", default="demo", show_default=True, metavar="SPEC", help="Night specification.")
@click.option("--full", is_flag=True, help="Full-size frames instead of reduced ones.")
@click.pass_context
def command(context: click.Context, directory: Path, night: str, full: bool) -> None:
    """Simulate a LATISS calibration night in DIR and take it all the way to two matching sites.

    \b
    Example: calprod demo
    """
    from flows.prefect_settings import apply_prefect_settings

    _clear(directory)
    apply_prefect_settings(directory.resolve() / "prefect")
    from flows.demo import run_demo
    from flows.local_server import start_local_server

    start_local_server()

    with showing_progress("calprod demo"):
        demo = run_demo(directory, night, full=full)
    from infra.workspace import open_workspace
    from tasks.campaigns.store import load_campaign
    from tasks.campaigns.summary import campaign_summary
    from tasks.compare import compare_all

    with open_workspace(demo.repository) as workspace:
        campaign = load_campaign(workspace, demo.campaign)
        summary = campaign_summary(workspace, campaign)
        comparison = compare_all(workspace)
        report = workspace.campaign_directory(campaign.name.rerun) / "report.html"
    console.print()
    _print_faults(demo.faults, campaign.plan["exposures"])
    console.print()
    print_table(
        ("calibration", "state", "verdict", "certified in", "digest"),
        [
            (
                one["calibration"],
                one["state"],
                one["verdict"],
                ", ".join(one["certified"]),
                (data["digest"] or "unreadable")[:16],
            )
            for one in summary["calibrations"]
            for data in one["datasets"]
        ],
        title="What was certified where",
    )
    console.print()
    console.print(f"report         {report}")
    console.print(f"replay script  {report.with_name('replay.sh')}")
    console.print(f"look around    calprod status -b {demo.repository}")
    if comparison.match:
        console.print(f"[green]{len(comparison.fingerprints)} sites match[/green]")
    else:
        for difference in (*comparison.differences, *comparison.problems):
            console.print(f"[red]differ[/red] {difference}")
    context.exit(0 if comparison.match else 1)


def _print_faults(faults: dict[int, str], plan: list[dict[str, object]]) -> None:
    """Show every planted fault beside what the plan says of that exposure; nothing for a sound night."""
    if not faults:
        return
    said = {row["exposure"]: row for row in plan if row["role"] == "excluded"}
    print_table(
        ("exposure", "planted fault", "what the plan says"),
        [
            (exposure, fault, said.get(exposure, {}).get("reason", "NOT NAMED"))
            for exposure, fault in faults.items()
        ],
        title="Faults planted in the night",
    )


def _clear(directory: Path) -> None:
    """Remove an earlier demo, and nothing else."""
    if directory.exists() and any(directory.iterdir()):
        if not (directory / _MARK).is_file():
            raise UsageError(f"{directory} holds something that is no demo", "choose an empty directory")
        shutil.rmtree(directory)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / _MARK).write_text("Made by calprod demo; a new demo removes this directory.\n")
