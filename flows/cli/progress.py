"""Progress of long work: a live line on a terminal, log lines elsewhere."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click
from rich.status import Status

from flows.cli.output import console
from infra.progress import listening

__all__ = ["showing_progress"]


class _Live:
    """News scroll by above one line that says what is going on."""

    def __init__(self, status: Status) -> None:
        self._status = status

    def say(self, line: str) -> None:
        console.print(f"[dim]·[/dim] {_plain(line)}")
        self._status.update(_plain(line.splitlines()[0]))

    def advance(self, work: str, done: int, total: int) -> None:
        self._status.update(f"{_plain(work)}  {done}/{total}")


class _Lines:
    """Every tenth of the way is a line."""

    def __init__(self, to_stderr: bool) -> None:
        self._tenths: dict[str, int] = {}
        self._to_stderr = to_stderr

    def say(self, line: str) -> None:
        click.echo(line, err=self._to_stderr)

    def advance(self, work: str, done: int, total: int) -> None:
        tenth = 10 * done // max(total, 1)
        if tenth > self._tenths.get(work, 0):
            self._tenths[work] = tenth
            self.say(f"{work}: {done} of {total}")


@contextmanager
def showing_progress(title: str, *, to_stderr: bool = False) -> Iterator[None]:
    """Show the progress of the work inside the block; apart from the output where that is for machines."""
    if sys.stdout.isatty() and not to_stderr:
        with console.status(title) as status, listening(_Live(status)):
            yield
    else:
        with listening(_Lines(to_stderr)):
            yield


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)
