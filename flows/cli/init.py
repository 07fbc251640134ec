"""``calprod init``: a Butler repository that knows its instrument, its profile and its ledger."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flows.cli.options import repository_argument
from flows.cli.output import console
from infra.errors import UsageError

if TYPE_CHECKING:
    from infra.instruments.described import CameraDescription


@click.command("init", short_help="make a Butler repository for an instrument")
@repository_argument
@click.option("--instrument", metavar="NAME", help="LATISS, LSSTComCam or LSSTCam.")
@click.option(
    "--camera",
    "camera_file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Description of any other camera (YAML), or the name of one that is shipped, such as stl1001e.",
)
@click.option(
    "--registry",
    metavar="URL",
    help="PostgreSQL database of the registry (postgresql://user@host/name); SQLite by default.",
)
@click.option("--namespace", metavar="SCHEMA", help="Schema in that database.")
@click.option(
    "--profile",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Profile to copy into the repository, or the name of one that is shipped, such as latiss-2024-04;"
    " by default the instrument's own.",
)
def command(
    repository: Path,
    instrument: str | None,
    camera_file: Path | None,
    registry: str | None,
    namespace: str | None,
    profile: Path | None,
) -> None:
    """Make a Butler repository at REPO, register the instrument and put its profile there to edit.

    A repository that exists is adopted: the instrument is registered, nothing else is touched.
    A camera that is not Rubin's is described by a file; docs/cameras.md says how.

    \b
    Example: calprod init repo --instrument LATISS
    Example: calprod init repo --camera my_camera.yaml
    """
    if (instrument is None) == (camera_file is None):
        raise UsageError(
            "the instrument is not named, or twice", "give either --instrument NAME or --camera FILE"
        )
    name = initialise(
        repository,
        instrument,
        camera_file=camera_file,
        registry=registry,
        namespace=namespace,
        profile=profile,
    )
    console.print(f"{repository} is ready for {name}")
    console.print(
        f"edit {repository / 'calprod' / 'profile.yaml'} to say which calibrations to make, and how"
    )


def initialise(
    repository: Path,
    instrument: str | None = None,
    *,
    camera_file: Path | None = None,
    registry: str | None = None,
    namespace: str | None = None,
    profile: Path | None = None,
) -> str:
    """Make or adopt a repository and return the instrument's name; see `command`."""
    from infra.butler.repository import create_repository, open_butler, register_instrument
    from infra.files import write_atomically
    from infra.instruments.class_names import instrument_class_name
    from infra.settings import load_profile
    from infra.workspace import open_workspace, profile_path

    description = _description(repository, instrument, camera_file)
    instrument = description.instrument if description else str(instrument)
    class_name = instrument_class_name(instrument)  # an unknown name is refused before anything is made
    content = _profile(instrument, description, profile)
    target = profile_path(repository)
    if target.is_file():
        _refuse_other_instrument(target, load_profile(target).instrument, instrument)
    made = not (repository / "butler.yaml").is_file()
    if made:
        create_repository(repository, registry=registry, namespace=namespace)
    try:
        if camera_file is not None:
            _keep_description(repository, camera_file)
        with open_butler(repository, writeable=True) as butler:
            register_instrument(butler, class_name)
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(target, content)
        with open_workspace(repository):
            pass  # opening the ledger makes its tables
    except BaseException:
        if made:
            shutil.rmtree(repository, ignore_errors=True)
        raise
    return instrument


def _description(
    repository: Path, instrument: str | None, camera_file: Path | None
) -> "CameraDescription | None":
    """Return the description of the camera, made known to this process; None for one of Rubin's."""
    from infra.instruments import CAMERAS

    if instrument in CAMERAS:
        return None
    from infra.instruments.described import describe_instrument, load_description, repository_description

    held = repository_description(repository)
    if camera_file is None:
        return held if held is not None and held.instrument == instrument else None
    given = load_description(camera_file)
    if held is not None and held.digest != given.digest:
        raise UsageError(
            f"{repository} describes its camera otherwise than {camera_file}"
            f" ({held.digest[:12]}, not {given.digest[:12]})",
            "what it holds was made by its own calprod/camera.yaml: edit that, or make another repository",
        )
    describe_instrument(given)
    return given


def _keep_description(repository: Path, camera_file: Path) -> None:
    from infra.files import write_atomically
    from infra.instruments.described import CAMERA_FILE
    from infra.instruments.described.finding import camera_path

    target = repository / CAMERA_FILE
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(target, camera_path(camera_file).read_bytes())


def _profile(instrument: str, description: "CameraDescription | None", profile: Path | None) -> bytes:
    """Return the content of the profile that the repository gets if it has none."""
    from infra.settings import builtin_profile_path, load_profile

    if profile is None and description is not None:
        from infra.instruments.described.profile import profile_for

        return profile_for(description).encode()
    source = _found(profile) if profile else builtin_profile_path(instrument)
    _refuse_other_instrument(source, load_profile(source).instrument, instrument)
    return source.read_bytes()


def _found(profile: Path) -> Path:
    """Return a profile's file: the one given, or what is shipped under that name."""
    from infra.settings import builtin_profile_path

    is_name = profile.parent == Path() and profile.suffix not in (".yaml", ".yml")
    if profile.is_file() or not is_name:
        return profile
    return builtin_profile_path(profile.name)


def _refuse_other_instrument(path: Path, found: str, instrument: str) -> None:
    if found != instrument:
        raise UsageError(
            f"the profile {path} is about {found}, not {instrument}",
            f"give a profile of {instrument} with --profile FILE, or use a repository for each",
        )
