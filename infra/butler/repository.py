"""Making and opening Butler repositories."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml
from lsst.daf.butler import Butler, Config, DatasetRef, MissingCollectionError, MissingDatasetTypeError
from lsst.pipe.base import Instrument
from lsst.utils import doImportType
from sqlalchemy.exc import OperationalError

from infra.errors import RepositoryError, UsageError

__all__ = [
    "create_repository",
    "datasets_of_run",
    "open_butler",
    "register_instrument",
]

_DATASTORE_NAME = "calprod"


def create_repository(root: Path, *, registry: str | None = None, namespace: str | None = None) -> None:
    """Make an empty Butler repository.

    Parameters
    ----------
    root
        Directory to make; it must be empty or absent.
    registry
        Address of a PostgreSQL database (``postgresql://user@host/name``); SQLite in ``root`` by default.
    namespace
        Schema within that database, so that several repositories can share it.

    Raises
    ------
    UsageError
        ``root`` holds something already.
    RepositoryError
        The database refused.

    Notes
    -----
    The datastore is named explicitly: the default name holds the root as it was spelled, and another
    spelling of the same root would then lose the locations of its files. Checksums are recorded.
    """
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise UsageError(
            f"{root} exists and is not an empty directory", "choose another place for the repository"
        )
    existed = root.exists()
    config: dict[str, object] = {"datastore": {"name": _DATASTORE_NAME, "checksum": True}}
    if registry is not None:
        # The Butler speaks psycopg 2 only; SQLAlchemy would take the newer driver for a plain address.
        address = registry.replace("postgresql://", "postgresql+psycopg2://", 1)
        config["registry"] = {"db": address, **({"namespace": namespace} if namespace else {})}
    try:
        Butler.makeRepo(str(root), config=Config.fromYaml(yaml.safe_dump(config)))
    except Exception as error:
        # A half-made directory would make the next attempt fail for another reason.
        shutil.rmtree(root, ignore_errors=True)
        if existed:
            root.mkdir()
        raise RepositoryError(
            f"cannot make a repository at {root}: {error}",
            "check the database address; a PostgreSQL administrator must once have run there:"
            " CREATE EXTENSION btree_gist",
        ) from error


@contextmanager
def open_butler(root: Path, *, writeable: bool = False) -> Iterator[Butler]:
    """Open the repository at ``root`` and close it afterwards.

    Raises
    ------
    UsageError
        There is no repository at ``root``.
    """
    if not (root / "butler.yaml").is_file():
        raise UsageError(
            f"{root} is not a Butler repository: it holds no butler.yaml",
            "make one with: calprod init REPO --instrument LATISS",
        )
    try:
        butler = _open(root, writeable=writeable)
    except Exception as error:
        raise RepositoryError(f"cannot open the repository at {root}: {error}") from error
    with butler:
        yield butler


def _open(root: Path, *, writeable: bool) -> Butler:
    try:
        return Butler.from_config(str(root), writeable=writeable)
    except OperationalError as error:
        # A process that was killed in the middle of a write leaves SQLite a journal to roll back, which a
        # connection that only reads may not do.
        if writeable or "readonly database" not in str(error):
            raise
    Butler.from_config(str(root), writeable=True).close()
    return Butler.from_config(str(root), writeable=False)


def datasets_of_run(butler: Butler, dataset_type: str, run: str) -> tuple[DatasetRef, ...]:
    """Return the datasets of a type that a RUN holds; none where the RUN or the type is not yet known."""
    try:
        return tuple(butler.query_datasets(dataset_type, collections=[run], find_first=False, explain=False))
    except (MissingDatasetTypeError, MissingCollectionError):
        return ()


def register_instrument(butler: Butler, class_name: str, *, update: bool = False) -> None:
    """Register an instrument with its detectors, filters and raw dataset type; repeating it is harmless.

    Parameters
    ----------
    butler
        A writeable Butler.
    class_name
        Full name of a `lsst.pipe.base.Instrument` subclass, as ``butler register-instrument`` takes it.
    update
        Replace records that differ.
    """
    instrument_class = doImportType(class_name)
    if not issubclass(instrument_class, Instrument):
        raise UsageError(f"{class_name} is not an instrument class")
    instrument_class().register(butler.registry, update=update)
