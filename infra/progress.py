"""Telling a person how far long work has come, without the work knowing who listens."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

__all__ = ["Listener", "advance", "listening", "say"]


class Listener(Protocol):
    """Something that shows progress: a bar on a terminal, log lines elsewhere."""

    def say(self, line: str) -> None:
        """Show one line of news."""

    def advance(self, work: str, done: int, total: int) -> None:
        """Show that ``done`` of ``total`` pieces of ``work`` are finished."""


_log = logging.getLogger("calprod")
_log.setLevel(logging.INFO)

_listener: ContextVar[Listener | None] = ContextVar("calprod_progress_listener", default=None)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Send the progress of everything done inside the block to ``listener``."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def say(line: str) -> None:
    """Report one line of news to the log and to whoever listens."""
    _log.info(line)
    if (listener := _listener.get()) is not None:
        listener.say(line)


def advance(work: str, done: int, total: int) -> None:
    """Report that ``done`` of ``total`` pieces of ``work`` are finished."""
    if (listener := _listener.get()) is not None:
        listener.advance(work, done, total)
