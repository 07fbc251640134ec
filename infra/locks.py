"""One process at a time: a right that ends with the process that holds it."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.progress import say

__all__ = ["exclusive"]


@contextmanager
def exclusive(path: Path, work: str) -> Iterator[None]:
    """Hold the only right to some work while the block lasts; wait for it where another process holds it.

    Parameters
    ----------
    path
        File that stands for the work; made if missing, and left.
    work
        What it is, for people who wait.

    Notes
    -----
    The operating system takes the right from a process that dies, so that nothing is left to clean up after
    ``kill -9``.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o664)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"another process works on {work}; waiting until it is done")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
