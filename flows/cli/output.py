"""Printing: tables for people, JSON for machines, progress on a terminal and log lines elsewhere."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import click
from rich.console import Console
from rich.table import Table

__all__ = ["console", "print_json", "print_table"]

_WIDTH_OF_A_FILE = 200

console = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH_OF_A_FILE)
"""Where people read."""

_COLOURS = {
    "pass": "green",
    "verified": "green",
    "approved": "green",
    "deployed": "green",
    "done": "green",
    "match": "green",
    "generation": "green",
    "verification": "cyan",
    "excluded": "yellow",
    "fail": "red",
    "failed": "red",
    "failed-verification": "red",
    "rejected": "red",
    "differ": "red",
}


def print_json(value: Any) -> None:
    """Print ``value`` as JSON with sorted keys."""
    click.echo(json.dumps(value, indent=2, sort_keys=True, default=str))


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None
) -> None:
    """Print rows under column heads; known state words are coloured on a terminal."""
    table = Table(
        title=title, title_justify="left", title_style="bold", header_style="bold", box=None, pad_edge=False
    )
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    console.print(table)


def _cell(value: object) -> str:
    from rich.markup import escape

    text = "" if value is None else str(value)
    colour = _COLOURS.get(text.split("(")[0].strip())
    return f"[{colour}]{escape(text)}[/{colour}]" if colour else escape(text)
