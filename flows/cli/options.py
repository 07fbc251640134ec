"""Arguments and options that verbs share, spelled as in ``butler`` and ``pipetask`` where those have them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

__all__ = [
    "as_json",
    "comma_separated",
    "day_obs",
    "profile_option",
    "repository_argument",
    "repository_option",
    "word",
]

type _Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

repository_argument: _Decorator = click.argument(
    "repository",
    metavar="REPO",
    envvar="CALPROD_REPO",
    type=click.Path(path_type=Path, file_okay=False),
)
"""Positional REPO, also from the environment variable CALPROD_REPO."""

repository_option: _Decorator = click.option(
    "-b",
    "--butler-config",
    "repository",
    metavar="REPO",
    envvar="CALPROD_REPO",
    default=Path(),
    show_default="CALPROD_REPO, else this directory",
    type=click.Path(path_type=Path, file_okay=False),
    help="Butler repository.",
)
"""REPO as an option, for verbs whose argument is a campaign."""

profile_option: _Decorator = click.option(
    "--profile",
    metavar="FILE",
    envvar="CALPROD_PROFILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Profile to use instead of the repository's own.",
)
"""Settings file other than the repository's."""

as_json: _Decorator = click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")
"""Machine-readable output."""


class DayObs(click.ParamType[int]):
    """An observing day: YYYYMMDD or YYYY-MM-DD, and one that exists."""

    name = "DAY"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the day as the integer YYYYMMDD."""
        from datetime import date

        text = str(value).replace("-", "")
        try:
            if len(text) != 8:
                raise ValueError
            date(int(text[:4]), int(text[4:6]), int(text[6:]))
        except ValueError:
            self.fail(f"'{value}' is not an observing day; write it as 20240318", param, ctx)
        return int(text)


day_obs = DayObs()
"""Parameter type of observing days."""


class _Word(click.ParamType[str]):
    name = "WORD"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return a word that may stand in the name of a collection."""
        import re

        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.\-]*", str(value)):
            self.fail(f"'{value}' cannot stand in the name of a collection; write letters, digits, _ . -")
        return str(value)


word = _Word()
"""Parameter type of tickets and tags."""


def comma_separated(_ctx: click.Context, _parameter: click.Parameter, value: str | None) -> tuple[str, ...]:
    """Split ``bias,dark`` into its parts."""
    return tuple(part.strip() for part in value.split(",") if part.strip()) if value else ()
