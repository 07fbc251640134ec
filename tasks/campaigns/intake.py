"""Taking raws in: the Butler gets the files, the ledger what they said and showed."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path

from infra.butler.repository import open_butler
from infra.errors import UsageError
from infra.instruments.described import repository_description
from infra.progress import advance
from infra.raws.candidates import RAW_SUFFIXES
from infra.raws.ingest import Transfer, ingest_raws
from infra.raws.report import IngestReport
from infra.workspace import open_workspace

__all__ = ["take_in"]


def take_in(
    repository: Path, profile: Path | None, files: Iterable[Path], *, transfer: Transfer = "direct"
) -> IngestReport:
    """Ingest raws and note in the ledger what was refused, and the header and pixels of what was not.

    Parameters
    ----------
    repository
        Root of the repository.
    profile
        Profile other than the repository's own.
    files
        Raw files, or directories whose raws are all taken.
    transfer
        ``direct``, ``copy``, ``symlink`` or ``hardlink``.

    Raises
    ------
    UsageError
        A file does not exist, or a directory holds no raw.
    """
    paths = _expanded(files)
    with open_workspace(repository, profile) as workspace:
        with open_butler(workspace.repository, writeable=True) as butler:
            report = ingest_raws(
                butler,
                paths,
                transfer=transfer,
                state_keys=workspace.profile.camera_state_keys,
                description=repository_description(workspace.repository),
                on_progress=partial(advance, "reading raws"),
            )
        workspace.ledger.add_observations(workspace.instrument, report.observations)
        workspace.ledger.add_refusals(report.refused)
    return report


def _expanded(files: Iterable[Path]) -> list[Path]:
    found: list[Path] = []
    for path in files:
        if path.is_dir():
            inside = sorted(one for one in path.iterdir() if one.name.lower().endswith(RAW_SUFFIXES))
            if not inside:
                raise UsageError(
                    f"{path} holds no raw file", f"names of raws end in {', '.join(RAW_SUFFIXES)}"
                )
            found += inside
        elif path.is_file():
            found.append(path)
        else:
            raise UsageError(f"there is no file {path}")
    return [path.absolute() for path in found]
