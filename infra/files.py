"""Files that are whole or absent: written beside their final name, made durable, then renamed."""

import ctypes
import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

__all__ = [
    "canonical_json",
    "digest_of",
    "open_atomically",
    "publish_directory",
    "replace_directory",
    "sha256_of",
    "synchronise_directory",
    "synchronise_tree",
    "write_atomically",
    "write_json_atomically",
]

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


def write_atomically(path: str | os.PathLike[str], data: bytes | str, *, mode: int | None = None) -> Path:
    """Write a file so that its name only ever shows the old content or all of the new.

    Parameters
    ----------
    path
        Final name. Its folder is made if missing.
    data
        Content; text is written as UTF-8 with the line ends it has.
    mode
        Permission bits. By default those of the file replaced, or what the umask leaves of ``0o666``.

    Returns
    -------
    pathlib.Path
        The final name.
    """
    with open_atomically(path, mode=mode) as stream:
        stream.write(data.encode("utf-8") if isinstance(data, str) else data)
    return Path(path)


@contextmanager
def open_atomically(path: str | os.PathLike[str], *, mode: int | None = None) -> Iterator[IO[bytes]]:
    """Give a binary stream whose content takes the name ``path`` when the block ends without an error.

    Parameters
    ----------
    path
        Final name. Its folder is made if missing.
    mode
        Permission bits; see `write_atomically`.

    Yields
    ------
    typing.IO
        A stream on a hidden temporary file of the same folder, so that the rename stays on one file system.
    """
    final = Path(path)
    final.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{final.name[:100]}.", suffix=".tmp", dir=final.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            os.fchmod(stream.fileno(), _mode_for(final) if mode is None else mode)
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(final)
    except BaseException:
        with suppress(FileNotFoundError):
            temporary.unlink()
        raise
    synchronise_directory(final.parent)


def write_json_atomically(path: str | os.PathLike[str], value: Any, *, indent: int | None = 2) -> Path:
    """Write a value as JSON with sorted keys and a last newline, so that equal values give equal bytes.

    Parameters
    ----------
    path
        Final name.
    value
        What `json` can write; NaN and infinities are refused, since JSON has no word for them.
    indent
        Spaces per level, or None for one line.

    Returns
    -------
    pathlib.Path
        The final name.
    """
    text = json.dumps(value, indent=indent, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return write_atomically(path, text + "\n")


def canonical_json(value: Any) -> str:
    """Give the one JSON text of a value: sorted keys, no spaces, no NaN; equal values give equal texts."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest_of(value: Any) -> str:
    """Give the SHA-256 of a value's canonical JSON, as 64 hexadecimal digits."""
    return hashlib.sha256(canonical_json(value).encode("utf-8")).hexdigest()


def sha256_of(path: str | os.PathLike[str]) -> str:
    """Give the SHA-256 of a file's bytes, as 64 hexadecimal digits."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def synchronise_directory(folder: str | os.PathLike[str]) -> None:
    """Make the names in a folder durable: without this a rename can be lost with the power."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    except OSError as error:
        # Some network file systems cannot synchronise a folder; their servers do so on rename.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(handle)


def synchronise_tree(folder: str | os.PathLike[str]) -> None:
    """Make every file and folder below ``folder`` durable."""
    for parent, _, names in os.walk(folder):
        for name in names:
            entry = Path(parent, name)
            if entry.is_symlink() or not entry.is_file():
                continue
            with open(entry, "rb") as stream:
                os.fsync(stream.fileno())
        synchronise_directory(parent)


def publish_directory(staged: str | os.PathLike[str], final: str | os.PathLike[str]) -> Path:
    """Give a finished folder its final name, never over something that is already there.

    Parameters
    ----------
    staged
        Folder on the same file system as ``final``; gone afterwards.
    final
        Name to take.

    Returns
    -------
    pathlib.Path
        The final name.

    Raises
    ------
    FileExistsError
        If ``final`` exists.
    """
    target = Path(final)
    if target.exists() or target.is_symlink():
        raise FileExistsError(errno.EEXIST, "will not write over an existing folder", str(target))
    synchronise_tree(staged)
    target.parent.mkdir(parents=True, exist_ok=True)
    # rename(2) would silently replace an *empty* folder made since the check; a full one it refuses.
    Path(staged).rename(target)
    synchronise_directory(target.parent)
    return target


def replace_directory(staged: str | os.PathLike[str], final: str | os.PathLike[str]) -> Path:
    """Put a finished folder in the place of another one, of which nothing remains.

    Parameters
    ----------
    staged
        Folder on the same file system as ``final``; gone afterwards.
    final
        Name to take; need not exist yet.

    Returns
    -------
    pathlib.Path
        The final name.

    Notes
    -----
    Linux exchanges the two names in one step, so that ``final`` is never missing. Where the file system
    cannot, there is an instant between two renames at which it is.
    """
    source, target = Path(staged), Path(final)
    if not target.exists():
        return publish_directory(source, target)
    synchronise_tree(source)
    if _exchange(source, target):
        old = source
    else:
        old = Path(tempfile.mkdtemp(prefix=f".{target.name}.old.", dir=target.parent)) / target.name
        target.rename(old)
        source.rename(target)
    synchronise_directory(target.parent)
    shutil.rmtree(old)
    if old is not source:
        old.parent.rmdir()
    return target


def _exchange(first: Path, second: Path) -> bool:
    """Swap two names in one step; False where the system cannot."""
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError):
        return False
    result: int = rename(_AT_FDCWD, os.fsencode(first), _AT_FDCWD, os.fsencode(second), _RENAME_EXCHANGE)
    return result == 0


def _mode_for(path: Path) -> int:
    """Permission bits of the file to be replaced, or what the umask leaves of 0o666."""
    with suppress(FileNotFoundError):
        return path.stat().st_mode & 0o7777
    umask = _current_umask()
    return 0o666 & ~umask


def _current_umask() -> int:
    """Read the umask, where possible without the set-and-restore that races with other threads."""
    with suppress(OSError, ValueError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("Umask:"):
                return int(line.split()[1], 8)
    umask = os.umask(0o022)
    os.umask(umask)
    return umask
