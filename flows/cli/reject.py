"""``calprod reject``: refuse calibrations of a campaign."""

from pathlib import Path

import click

from flows.cli.decision import give_answer
from flows.cli.options import comma_separated, profile_option, repository_option


@click.command("reject", short_help="refuse calibrations of a campaign")
@click.argument("campaign")
@repository_option
@click.option("--reviewer", required=True, metavar="NAME", help="Who decides, as named in the profile.")
@click.option("--reason", required=True, metavar="TEXT", help="Why.")
@click.option("--only", callback=comma_separated, metavar="NAMES", help="Only these: bias,dark or flat-r.")
@profile_option
def command(
    campaign: str,
    repository: Path,
    reviewer: str,
    reason: str,
    only: tuple[str, ...],
    profile: Path | None,
) -> None:
    """Reject calibrations of CAMPAIGN that wait for a decision; what was made is kept for the record.

    \b
    Example: calprod reject 20240318a -b repo --reviewer vera --reason "light leak" --only dark
    """
    give_answer(
        campaign,
        repository,
        profile,
        decision="reject",
        reviewer=reviewer,
        calibrations=list(only),
        reason=reason,
    )
