"""``calprod approve``: let calibrations of a campaign be released."""

from pathlib import Path

import click

from flows.cli.decision import give_answer
from flows.cli.options import comma_separated, day_obs, profile_option, repository_option


@click.command("approve", short_help="let calibrations of a campaign be released")
@click.argument("campaign")
@repository_option
@click.option("--reviewer", required=True, metavar="NAME", help="Who decides, as named in the profile.")
@click.option("--begin", type=day_obs, required=True, help="First day_obs of validity.")
@click.option("--end", type=day_obs, help="Last day_obs of validity, itself covered; open by default.")
@click.option("--only", callback=comma_separated, metavar="NAMES", help="Only these: bias,dark or flat-r.")
@click.option("--accept-failures", metavar="REASON", help="Why known failures are tolerable.")
@profile_option
def command(
    campaign: str,
    repository: Path,
    reviewer: str,
    begin: int,
    end: int | None,
    only: tuple[str, ...],
    accept_failures: str | None,
    profile: Path | None,
) -> None:
    """Approve calibrations of CAMPAIGN that wait for a decision.

    The approval is bound to everything the report shows; if any of it changes before the release, the
    approval is void.

    \b
    Example: calprod approve 20240318a -b repo --reviewer vera --begin 20240318
    """
    give_answer(
        campaign,
        repository,
        profile,
        decision="approve",
        reviewer=reviewer,
        calibrations=list(only),
        begin_day_obs=begin,
        end_day_obs=end,
        accepted_failures=accept_failures,
    )
