"""Checksums of stored files: computed once per state of a file, and again while a file is copied."""

import hashlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from infra.errors import ReleaseError
from infra.files import open_atomically, sha256_of

__all__ = ["ChecksumCache", "FileState", "copy_verified"]

_BLOCK = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class FileState:
    """What the file system says about a file's content having changed."""

    size: int
    """Size in bytes."""
    modified: int
    """Time of the last write (nanoseconds since 1970, UTC)."""
    changed: int
    """Time of the last change of content or permissions (nanoseconds since 1970, UTC); cannot be set back."""
    inode: int
    """Number of the file within its file system."""

    @classmethod
    def of(cls, path: Path) -> "FileState":
        """Return the state of the file at ``path``; FileNotFoundError when there is none."""
        status = path.stat()
        return cls(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


class ChecksumCache:
    """SHA-256 of files, recomputed only for those whose state changed since it was last computed.

    Parameters
    ----------
    path
        SQLite file that keeps the checksums for the next run; None keeps them for this object's life only.

    Notes
    -----
    A write that leaves size, times and inode as they were, such as decay of the disk itself, goes unseen;
    pass no cache, or a fresh one, where every byte is to be read.
    """

    def __init__(self, path: Path | None = None) -> None:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(":memory:" if path is None else path, timeout=60.0)
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS checksum (path TEXT PRIMARY KEY, size INTEGER, modified INTEGER, "
            "changed INTEGER, inode INTEGER, sha256 TEXT NOT NULL)"
        )
        known = self._database.execute("SELECT path, size, modified, changed, inode, sha256 FROM checksum")
        self._known = {row[0]: (FileState(*row[1:5]), str(row[5])) for row in known}
        self._fresh: set[str] = set()

    @classmethod
    @contextmanager
    def open(cls, path: Path | None = None) -> Iterator["ChecksumCache"]:
        """Give a cache that is saved and closed when the block ends."""
        cache = cls(path)
        try:
            yield cache
        finally:
            cache.save()
            cache.close()

    def sha256(self, path: Path) -> str:
        """Return the SHA-256 (64 hexadecimal digits) of a file; FileNotFoundError when there is none."""
        state = FileState.of(path)
        key = os.fspath(path)
        known = self._known.get(key)
        if known is not None and known[0] == state:
            return known[1]
        digest = sha256_of(path)
        # A file that was written while it was read is not remembered.
        if FileState.of(path) == state:
            self._known[key] = (state, digest)
            self._fresh.add(key)
        return digest

    def save(self) -> None:
        """Write what is new to the file, for the next run."""
        rows = []
        for key in self._fresh:
            state, digest = self._known[key]
            rows.append((key, state.size, state.modified, state.changed, state.inode, digest))
        with self._database:
            self._database.executemany("INSERT OR REPLACE INTO checksum VALUES (?, ?, ?, ?, ?, ?)", rows)
        self._fresh.clear()

    def close(self) -> None:
        """Close the file."""
        self._database.close()


def copy_verified(source: Path, target: Path, sha256: str, *, mode: int | None = None) -> None:
    """Copy a file so that ``target`` is either as it was, or whole and with the checksum expected.

    Parameters
    ----------
    source
        File to read.
    target
        Final name; its folder is made if missing.
    sha256
        Checksum (64 hexadecimal digits) that the copy must have.
    mode
        Permission bits of the copy; those of the file replaced, or the umask's, by default.

    Raises
    ------
    ReleaseError
        The bytes read have another checksum, or the disk is full or read-only; ``target`` is untouched.
    """
    digest = hashlib.sha256()
    try:
        with open(source, "rb") as reader, open_atomically(target, mode=mode) as writer:
            while block := reader.read(_BLOCK):
                digest.update(block)
                writer.write(block)
            if digest.hexdigest() != sha256:
                raise ReleaseError(
                    f"{source} has checksum {digest.hexdigest()[:12]}…, expected {sha256[:12]}…",
                    "the file changed or was damaged; make the bundle again, or fetch it again",
                )
    except OSError as error:
        raise ReleaseError(
            f"cannot copy {source} to {target}: {error.strerror}",
            "make room or give access there, then run it again: it goes on from here",
        ) from error
