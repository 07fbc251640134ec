"""Where the description of a camera is found: in the repository that holds the raws."""

import functools
import os
from importlib import resources
from pathlib import Path

from infra.errors import ProfileError, UsageError
from infra.instruments import ENVIRONMENT, register_camera
from infra.instruments.described.description import CameraDescription
from infra.instruments.described.layout import camera_model
from infra.settings.loading import load_model

__all__ = [
    "CAMERA_FILE",
    "describe_instrument",
    "description_of",
    "load_description",
    "repository_description",
]

CAMERA_FILE = "calprod/camera.yaml"
"""Place of the description in a repository."""

_known: dict[str, CameraDescription] = {}


def load_description(reference: str | Path) -> CameraDescription:
    """Read the description of a camera.

    Parameters
    ----------
    reference
        YAML file, or the name of a description that is shipped, such as ``stl1001e``.

    Raises
    ------
    infra.errors.ProfileError
        Naming the file, the line, the key and what was expected there.
    """
    return _load(path := camera_path(reference), _version(path))


def camera_path(reference: str | Path) -> Path:
    """Return the file of a description: a path, or the name of one that is shipped."""
    path = Path(reference)
    if path.is_file() or path.suffix or len(path.parts) > 1:
        return path
    with resources.as_file(resources.files("deployments") / "cameras") as folder:
        known = sorted(entry.stem for entry in folder.glob("*.yaml"))
        if path.name not in known:
            raise UsageError(
                f"there is no camera file '{reference}'", f"name a YAML file, or one of {', '.join(known)}"
            )
        return folder / f"{path.name}.yaml"


def describe_instrument(description: CameraDescription) -> None:
    """Make a described camera known to this process under its name."""
    _known[description.instrument] = description
    register_camera(camera_model(description))


def repository_description(repository: Path) -> CameraDescription | None:
    """Return the description that a repository holds, made known to this process; None if it holds none."""
    path = repository / CAMERA_FILE
    if not path.is_file():
        return None
    description = load_description(path)
    describe_instrument(description)
    return description


def description_of(instrument: str, raw: Path | None = None) -> CameraDescription:
    """Return the description of an instrument's camera.

    Parameters
    ----------
    instrument
        Name of the instrument in the Butler.
    raw
        A file of its repository, such as a raw as the Butler keeps it.

    Raises
    ------
    infra.errors.UsageError
        If no description is at hand.

    Notes
    -----
    Looked for in this order: ``calprod/camera.yaml`` in the folders above the raw, what this process was told
    (by opening the repository), and the file that CALPROD_CAMERA names. Whoever reads a raw through a Butler
    alone, such as ``pipetask``, has only the first, which is why raws of a described camera always have a
    place inside their repository, be it a symbolic link.
    """
    for folder in () if raw is None else raw.parents:
        if (folder / CAMERA_FILE).is_file():
            found = load_description(folder / CAMERA_FILE)
            if found.instrument == instrument:
                return found
    if instrument in _known:
        return _known[instrument]
    named = os.environ.get(ENVIRONMENT)
    if named:
        found = load_description(named)
        if found.instrument == instrument:
            return found
    raise UsageError(
        f"no description of the camera {instrument} is at hand",
        f"set {ENVIRONMENT} to its YAML file, or ingest its raws with calprod ingest,"
        f" which gives them a place beside {CAMERA_FILE} of their repository",
    )


def _version(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError as error:
        raise ProfileError(
            f"{path}: cannot be read ({error.strerror})", "name a YAML file that exists"
        ) from error
    return status.st_mtime_ns, status.st_size


@functools.lru_cache(maxsize=16)
def _load(path: Path, version: tuple[int, int]) -> CameraDescription:
    """Read a file again only when it has changed."""
    return load_model(CameraDescription, path)
