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

    def __init__(self) -> None:
        self._tenths: dict[str, int] = {}

    def say(self, line: str) -> None:
        click.echo(line)

    def advance(self, work: str, done: int, total: int) -> None:
        tenth = 10 * done // max(total, 1)
        if tenth > self._tenths.get(work, 0):
            self._tenths[work] = tenth
            click.echo(f"{work}: {done} of {total}")


@contextmanager
def showing_progress(title: str) -> Iterator[None]:
    """Show the progress of the work inside the block."""
    if sys.stdout.isatty():
        with console.status(title) as status, listening(_Live(status)):
            yield
    else:
        with listening(_Lines()):
            yield


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)
