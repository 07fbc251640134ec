"""``calprod run``: generate and verify the calibrations of a day, up to the gate."""

from pathlib import Path

import click

from flows.cli.options import comma_separated, day_obs, profile_option, repository_argument, word
from flows.cli.output import console
from flows.cli.plan import print_plan
from flows.cli.progress import showing_progress
from flows.cli.summary import print_states


@click.command("run", short_help="generate and verify calibrations, up to the gate")
@repository_argument
@click.option("--day-obs", type=day_obs, required=True, help="Observing day, such as 20240318.")
@click.option("--calib", callback=comma_separated, metavar="NAMES", help="Only these: bias,dark or flat-r.")
@click.option(
    "--exposures", callback=comma_separated, metavar="IDS", help="Combine these exposures and no others."
)
@click.option(
    "--override-reason", metavar="TEXT", help="Why exposures that the rules forbid are used all the same."
)
@click.option("--ticket", type=word, metavar="TICKET", help="Ticket in the names of collections.")
@click.option("--tag", type=word, metavar="WORD", help="Short word in the names of collections.")
@click.option("--new", is_flag=True, help="Open another campaign though one of the day is unfinished.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@profile_option
def command(
    repository: Path,
    day_obs: int,
    calib: tuple[str, ...],
    exposures: tuple[str, ...],
    override_reason: str | None,
    ticket: str | None,
    tag: str | None,
    new: bool,
    dry_run: bool,
    profile: Path | None,
) -> None:
    """Make the calibrations of a day and verify them; then they wait for a decision.

    A run that was killed is started again with the same words and goes on where it stopped.

    \b
    Example: calprod run repo --day-obs 20240318 --calib bias,dark
    """
    from flows.prefect_settings import apply_prefect_settings

    chosen = exposure_ids(exposures)
    if dry_run:
        _say_what_would_be_done(repository, profile, day_obs, calib, chosen, override_reason)
        return
    apply_prefect_settings(repository.resolve() / "calprod" / "prefect")
    from flows.local_server import start_local_server
    from flows.parameters import ProduceParameters
    from flows.produce import produce
    from infra.workspace import open_workspace

    with open_workspace(repository, profile):
        pass  # a wrong repository or profile is refused before a server is started
    start_local_server()
    parameters = ProduceParameters(
        repository=repository.resolve(),
        profile=profile.resolve() if profile else None,
        day_obs=day_obs,
        calibrations=calib,
        exposures=chosen,
        override_reason=override_reason,
        ticket=ticket,
        tag=tag,
        new=new,
    )
    with showing_progress(f"producing calibrations of {day_obs}"):
        campaign = produce(parameters)
    print_states(repository, profile, campaign)
    console.print(
        f"decide with: calprod approve {campaign} -b {repository} --reviewer NAME --begin {day_obs}"
    )


def exposure_ids(texts: tuple[str, ...]) -> tuple[int, ...]:
    """Read exposure IDs; a wrong one is a usage error."""
    wrong = [text for text in texts if not text.isdigit()]
    if wrong:
        raise click.BadParameter(
            f"'{wrong[0]}' is not an exposure ID, such as 2024031800012", param_hint="--exposures"
        )
    return tuple(int(text) for text in texts)


def _say_what_would_be_done(
    repository: Path,
    profile: Path | None,
    day: int,
    calib: tuple[str, ...],
    exposures: tuple[int, ...],
    reason: str | None,
) -> None:
    from infra.butler.repository import open_butler
    from infra.workspace import open_workspace
    from tasks.campaigns.gather import plan_day
    from tasks.selection.explicit import Overrides

    overrides = Overrides(frozenset(exposures), reason) if exposures else None
    with open_workspace(repository, profile) as workspace, open_butler(workspace.repository) as butler:
        plan = plan_day(workspace, butler, day, calibrations=calib, overrides=overrides)
    print_plan(plan)
    for key in plan.keys():  # noqa: SIM118 - a plan is no dict
        console.print(
            f"would combine {len(plan.generation(key))} exposures into {key}"
            f" and test it on {len(plan.verification(key))} more"
        )
