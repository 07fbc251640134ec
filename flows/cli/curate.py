"""``calprod curate``: a matrix or a list of defects that a person has approved, from a file."""

from pathlib import Path
from typing import Literal

import click

from flows.cli.options import as_json, day_obs, profile_option, repository_argument, word
from flows.cli.output import console, print_json

type _Type = Literal["crosstalk", "defects", "manual_defects"]


@click.command("curate", short_help="bring in a crosstalk matrix or defects from a file")
@repository_argument
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--type",
    "dataset_type",
    type=click.Choice(["crosstalk", "defects", "manual_defects"]),
    required=True,
    help="What the file holds.",
)
@click.option(
    "--detector",
    type=int,
    metavar="N",
    help="Detector; by default the one named in the file, or the only one.",
)
@click.option("--author", required=True, metavar="NAME", help="Who brings it in.")
@click.option("--reason", required=True, metavar="TEXT", help="Why, or where it comes from.")
@click.option(
    "--begin", type=day_obs, metavar="DAY", help="First day_obs of validity; by default it is open."
)
@click.option("--end", type=day_obs, metavar="DAY", help="Last day_obs of validity; by default it is open.")
@click.option("--ticket", type=word, metavar="TICKET", help="Ticket; by default the profile's.")
@click.option(
    "--date", "day", type=day_obs, metavar="DAY", help="Day in the name of the collection; today by default."
)
@click.option("--chain", is_flag=True, help="Let all users find it, through the default chain.")
@click.option(
    "--reviewer",
    "reviewers",
    multiple=True,
    metavar="NAME",
    help="Who agrees to --chain, besides the author, where the profile asks for several.",
)
@profile_option
@as_json
def command(
    repository: Path,
    file: Path,
    dataset_type: _Type,
    detector: int | None,
    author: str,
    reason: str,
    begin: int | None,
    end: int | None,
    ticket: str | None,
    day: int | None,
    chain: bool,
    reviewers: tuple[str, ...],
    profile: Path | None,
    as_json: bool,
) -> None:
    """Certify the calibration in FILE, under the name of its curator, in REPO.

    FILE is a crosstalk matrix as Rubin's ip_isr writes it (ECSV, FITS or YAML), or a table of defects with
    columns x0, y0, width and height. It goes into INSTRUMENT/calib/TICKET/curated/DATE and into the chain of
    the ticket; into the default chain only with --chain. Doing it again changes nothing.

    \b
    Example: calprod curate repo crosstalk.ecsv --type crosstalk --author "A. Curator" --reason DM-43525
    """
    from infra.workspace import open_workspace
    from tasks.curation.act import Curation, curate_file
    from tasks.curation.summary import curation_lines, curation_summary

    curation = Curation(
        path=file.resolve(),
        dataset_type=dataset_type,
        author=author,
        reason=reason,
        detector=detector,
        ticket=ticket,
        day=day,
        begin=begin,
        end=end,
        chain=chain,
        reviewers=reviewers,
    )
    with open_workspace(repository, profile) as workspace:
        outcome = curate_file(workspace, curation)
    if as_json:
        print_json(curation_summary(curation, outcome))
        return
    for line in curation_lines(curation, outcome):
        console.print(line, markup=False)
