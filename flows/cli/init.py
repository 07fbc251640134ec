"""``calprod init``: a Butler repository that knows its instrument, its profile and its ledger."""

import shutil
from pathlib import Path

import click

from flows.cli.options import repository_argument
from flows.cli.output import console
from infra.errors import UsageError


@click.command("init", short_help="make a Butler repository for an instrument")
@repository_argument
@click.option("--instrument", required=True, metavar="NAME", help="LATISS, LSSTComCam or LSSTCam.")
@click.option(
    "--registry",
    metavar="URL",
    help="PostgreSQL database of the registry (postgresql://user@host/name); SQLite by default.",
)
@click.option("--namespace", metavar="SCHEMA", help="Schema in that database.")
@click.option(
    "--profile",
    metavar="FILE",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Profile to copy into the repository; by default the instrument's own.",
)
def command(
    repository: Path, instrument: str, registry: str | None, namespace: str | None, profile: Path | None
) -> None:
    """Make a Butler repository at REPO, register the instrument and put its profile there to edit.

    A repository that exists is adopted: the instrument is registered, nothing else is touched.

    \b
    Example: calprod init repo --instrument LATISS
    """
    initialise(repository, instrument, registry=registry, namespace=namespace, profile=profile)
    console.print(f"{repository} is ready for {instrument}")
    console.print(
        f"edit {repository / 'calprod' / 'profile.yaml'} to say which calibrations to make, and how"
    )


def initialise(
    repository: Path,
    instrument: str,
    *,
    registry: str | None = None,
    namespace: str | None = None,
    profile: Path | None = None,
) -> None:
    """Make or adopt a repository; see `command`."""
    from infra.butler.repository import create_repository, open_butler, register_instrument
    from infra.files import write_atomically
    from infra.instruments import camera
    from infra.instruments.butler_instruments import instrument_class_name
    from infra.settings import builtin_profile_path, load_profile
    from infra.workspace import open_workspace, profile_path

    camera(instrument)  # an unknown name is refused before anything is made
    source = profile or builtin_profile_path(instrument)
    _refuse_other_instrument(source, load_profile(source).instrument, instrument)
    target = profile_path(repository)
    if target.is_file():
        _refuse_other_instrument(target, load_profile(target).instrument, instrument)
    made = not (repository / "butler.yaml").is_file()
    if made:
        create_repository(repository, registry=registry, namespace=namespace)
    try:
        with open_butler(repository, writeable=True) as butler:
            register_instrument(butler, instrument_class_name(instrument))
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(target, source.read_bytes())
        with open_workspace(repository):
            pass  # opening the ledger makes its tables
    except BaseException:
        if made:
            shutil.rmtree(repository, ignore_errors=True)
        raise


def _refuse_other_instrument(path: Path, found: str, instrument: str) -> None:
    if found != instrument:
        raise UsageError(
            f"the profile {path} is about {found}, not {instrument}",
            f"give a profile of {instrument} with --profile FILE, or use a repository for each",
        )
