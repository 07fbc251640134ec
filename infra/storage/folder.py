"""Bundles in a folder of this machine."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.errors import ReleaseError
from infra.files import publish_directory, write_atomically
from infra.storage.bundle import Bundle, Checkpoint, Publication, no_checkpoint
from infra.storage.checksums import ChecksumCache, copy_verified
from infra.storage.manifest import MANIFEST_NAME, BundleFile, Manifest

__all__ = ["FolderBundle", "publish_to_folder"]


class FolderBundle(Bundle):
    """A bundle in a folder.

    Parameters
    ----------
    folder
        Folder that holds ``manifest.json``.

    Raises
    ------
    ReleaseError
        There is no complete bundle, or its manifest is damaged.
    """

    def __init__(self, folder: Path) -> None:
        try:
            text = (folder / MANIFEST_NAME).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            raise ReleaseError(
                f"there is no complete bundle at {folder}: it has no {MANIFEST_NAME}",
                "export it (again); the manifest is written last",
            ) from None
        super().__init__(str(folder), Manifest.from_json(text, where=str(folder / MANIFEST_NAME)))
        self._folder = folder
        self._resolved = os.path.realpath(folder)

    def problems(self, checksums: ChecksumCache) -> tuple[str, ...]:
        """Say which files are missing or differ from the manifest; every byte is read, or known unchanged."""
        found = []
        for file in self.manifest.files():
            difference = _difference(self._path(file), file, checksums)
            if difference:
                found.append(f"{file.path} {difference}")
        return tuple(found)

    @contextmanager
    def local(self, file: BundleFile) -> Iterator[Path]:
        """Give the file's own path."""
        yield self._path(file)

    def _path(self, file: BundleFile) -> Path:
        path = self._folder / file.path
        # The manifest's path is plain, but a link planted in the folder could still lead elsewhere.
        if os.path.realpath(path) != f"{self._resolved}/{file.path}":
            raise ReleaseError(
                f"{path} leads out of the bundle", "the bundle was tampered with; fetch it again"
            )
        return path


def publish_to_folder(
    bundle: Bundle,
    parent: Path,
    checksums: ChecksumCache,
    *,
    checkpoint: Checkpoint = no_checkpoint,
) -> Publication:
    """Copy a bundle to ``parent/<name>``, which appears when it is complete, and never before.

    Parameters
    ----------
    bundle
        What to copy.
    parent
        Folder that holds bundles.
    checksums
        Checksums known so far; none of what was known before is computed again.
    checkpoint
        Called before each step.

    Raises
    ------
    ReleaseError
        Something else has that name, or a file changed while it was copied.

    Notes
    -----
    Files are gathered under a hidden name, which a second attempt takes up where the first was stopped. A
    lock on it keeps two exporters of one name apart; the lock goes with the process that held it.
    """
    name, digest = bundle.manifest.name, bundle.manifest.digest()
    final, partial = parent / name, parent / f".{name}.partial"
    with _locked(partial, final):
        there = _existing_digest(final)
        if there is None:
            checkpoint("gather")
            written, kept, size = _fill(bundle, partial, checksums, checkpoint)
            _remove_strays(partial, bundle.manifest)
            checkpoint("write manifest")
            write_atomically(partial / MANIFEST_NAME, bundle.manifest.to_json())
            checkpoint("show bundle")
            publish_directory(partial, final)
            checkpoint("bundle shown")
            return Publication(str(final), digest, written + 1, kept, size)
        if there != digest:
            raise ReleaseError(
                f"{final} exists and holds another release (manifest {there[:12]}…, not {digest[:12]}…)",
                "a bundle is never overwritten: release under another certification rerun",
            )
        written, kept, size = _fill(bundle, final, checksums, checkpoint)
        return Publication(str(final), digest, written, kept, size)


def _existing_digest(final: Path) -> str | None:
    """Digest of the bundle already there; None when nothing has that name."""
    if not final.exists():
        return None
    return FolderBundle(final).manifest.digest()


def _fill(
    bundle: Bundle, folder: Path, checksums: ChecksumCache, checkpoint: Checkpoint
) -> tuple[int, int, int]:
    """Copy what is missing or different; return files written, files kept, bytes written."""
    written = kept = size = 0
    for file in bundle.manifest.files():
        target = folder / file.path
        if _difference(target, file, checksums) is None:
            kept += 1
            continue
        checkpoint(f"copy {file.path}")
        with bundle.local(file) as source:
            copy_verified(source, target, file.sha256)
        written, size = written + 1, size + file.size
    return written, kept, size


def _difference(path: Path, file: BundleFile, checksums: ChecksumCache) -> str | None:
    """Say how the file at ``path`` differs from what it should be; None when it is right."""
    if path.is_symlink() or not path.is_file():
        return "is missing"
    size = path.stat().st_size
    if size != file.size:
        return f"has {size} bytes, expected {file.size}"
    if checksums.sha256(path) != file.sha256:
        return "has another checksum"
    return None


def _remove_strays(folder: Path, manifest: Manifest) -> None:
    """Remove what an attempt at another release, or one that was killed, left in the hidden folder."""
    wanted = {folder / file.path for file in manifest.files()}
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and not path.is_symlink():
            if not any(path.iterdir()):
                path.rmdir()
        elif path not in wanted:
            path.unlink()


@contextmanager
def _locked(partial: Path, final: Path) -> Iterator[None]:
    """Hold the only right to write under ``partial``, which is made if there is no bundle yet."""
    while True:
        held = final
        if not final.exists():
            partial.mkdir(parents=True, exist_ok=True)
            held = partial
        try:
            handle = os.open(held, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            continue  # another exporter has just finished and renamed it
        except NotADirectoryError:
            raise ReleaseError(f"{held} is in the way: it is not a folder", "move it away") from None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            # While waiting, the folder may have been given its final name; then begin again.
            if held.exists() and os.path.samestat(os.fstat(handle), held.stat()):
                yield
                return
        finally:
            os.close(handle)
