"""Child processes that are killed at a chosen moment."""

import os
import sys
import warnings
from pathlib import Path

import sqlalchemy

_WRITES = ("os.rename", "os.mkdir", "os.chmod", "os.chown", "os.remove", "os.rmdir", "os.link", "os.symlink")


def run_in_child(action) -> int:
    """Run ``action`` in a child process and return its exit status; the child shares nothing open with us."""
    with warnings.catch_warnings():
        # The S3 server's thread is left behind; the child does not need it.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        status = 70
        try:
            action()
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def kill_before_write(number: int | None, root: str, counted: Path) -> None:
    """Kill this process before a given write below ``root``; without a number, count the writes.

    A write is a change of a file or folder, or the commit of a transaction.
    """
    count = 0

    def write() -> None:
        nonlocal count
        count += 1
        if number is None:
            counted.write_text(str(count))
        elif count == number:
            os._exit(9)

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        opens = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        path = arguments[0] if opens or event in _WRITES else None
        if isinstance(path, str | os.PathLike | bytes) and os.fsdecode(path).startswith(root):
            write()

    sys.addaudithook(hook)
    sqlalchemy.event.listen(sqlalchemy.Engine, "commit", lambda connection: write())
