"""Where a value comes from: header cards, the file's name, or a constant."""

import math
import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from infra.errors import RawRejected
from infra.settings.base import SettingsModel

__all__ = [
    "FILE_NAME",
    "Conditions",
    "DurationSource",
    "Keywords",
    "Scalar",
    "Source",
    "failed_condition",
    "fits",
    "stated",
]

type Scalar = str | int | float | bool
"""A value as it stands in a card or in the description."""

FILE_NAME = "filename"
"""Key that stands for the file's name where conditions are named."""

_SECONDS = {"s": 1.0, "ms": 1e-3, "min": 60.0}


def _listed(value: object) -> object:
    return [value] if isinstance(value, str | int | float | bool) else value


type Keywords = Annotated[tuple[str, ...], BeforeValidator(_listed)]
"""Header keywords, the first that holds anything counts; a single one needs no brackets."""

type Patterns = Annotated[tuple[Scalar, ...], Field(min_length=1), BeforeValidator(_listed)]
"""Values one of which must fit; ``*`` and ``?`` stand for any characters, and case does not matter."""

type Conditions = dict[str, Patterns]
"""What must hold, all of it: patterns by header keyword, or by ``filename`` for the name of the file."""


def stated(header: Mapping[str, Any], keyword: str) -> Any:
    """Return a card's value; None where it is absent, undefined or blank."""
    value = header.get(keyword)
    return None if isinstance(value, str) and not value.strip() else value


def fits(value: object, pattern: Scalar) -> bool:
    """Tell whether a card's value fits a pattern: numbers as numbers, text without regard to case."""
    if isinstance(value, bool) or isinstance(pattern, bool):
        return value is pattern
    try:
        return math.isclose(float(str(value)), float(str(pattern)), rel_tol=1e-9, abs_tol=1e-12)
    except ValueError:
        return fnmatchcase(str(value).strip().lower(), str(pattern).strip().lower())


def failed_condition(
    conditions: Conditions, header: Mapping[str, Any], file_name: str | None = None
) -> str | None:
    """Return which condition does not hold, in words; None if all do.

    Parameters
    ----------
    conditions
        Patterns by keyword.
    header
        Cards of the frame.
    file_name
        Name of the file, without its folder.
    """
    for keyword, patterns in conditions.items():
        value = file_name if keyword == FILE_NAME else stated(header, keyword)
        if value is None or not any(fits(value, pattern) for pattern in patterns):
            wanted = " or ".join(repr(pattern) for pattern in patterns)
            what = "the file name" if keyword == FILE_NAME else f"header card {keyword}"
            return f"{what} is {'missing' if value is None else repr(value)}, not {wanted}"
    return None


class Source(SettingsModel):
    """Where a value comes from; a bare word or list of words in its place names header cards."""

    cards: Keywords = ()
    """Header cards; the first that holds anything counts."""
    filename: str | None = None
    """Regular expression for the name of the file, used where no card holds anything; its first group is the
    value."""
    values: dict[str, Scalar] = Field(default_factory=dict)
    """What to make of a value, by pattern; a value that fits none stays as it is."""
    otherwise: Scalar | None = None
    """Value where neither cards nor file name give one."""

    @model_validator(mode="before")
    @classmethod
    def _accept_bare_cards(cls, data: object) -> object:
        return {"cards": data} if isinstance(data, str | list | tuple) else data

    @model_validator(mode="after")
    def _check_expression(self) -> Self:
        if self.filename is not None:
            try:
                groups = re.compile(self.filename).groups
            except re.error as error:
                raise ValueError(f"expected a regular expression in filename ({error})") from None
            if groups < 1:
                raise ValueError("expected a group (…) in the regular expression of filename: the value")
        return self

    @property
    def is_given(self) -> bool:
        """Whether the description names any place to take the value from."""
        return bool(self.cards) or self.filename is not None or self.otherwise is not None

    def find(self, header: Mapping[str, Any], file_name: str | None = None) -> tuple[Scalar | None, str]:
        """Return the value, or None, and the place it came from, for messages."""
        for keyword in self.cards:
            value = stated(header, keyword)
            if value is not None:
                return self._mapped(value), f"header card {keyword}"
        if self.filename is not None and file_name is not None:
            match = re.search(self.filename, file_name)
            if match is not None and match[1] is not None:
                return self._mapped(match[1]), f"the file name {file_name}"
        return self.otherwise, "the camera's description"

    def text(self, header: Mapping[str, Any], file_name: str | None, default: str) -> str:
        """Return the value as text without blanks around it, or a default where nothing holds one."""
        value, _ = self.find(header, file_name)
        return default if value is None else str(value).strip()

    @property
    def places(self) -> str:
        """Where the value was looked for, for messages."""
        named = [f"header card {' or '.join(self.cards)}"] if self.cards else []
        if self.filename is not None:
            named.append(f"the file name by {self.filename!r}")
        return " and ".join(named) or "nothing"

    def _mapped(self, value: Any) -> Scalar:
        for pattern, replacement in self.values.items():
            if fits(value, pattern):
                return replacement
        return value if isinstance(value, str | int | float | bool) else str(value)


class DurationSource(Source):
    """Where a time span comes from."""

    unit: Literal["s", "ms", "min"] = "s"
    """Unit of what the cards or the file name hold."""

    def seconds(self, header: Mapping[str, Any], file_name: str | None = None) -> float | None:
        """Return the time span (s), or None where nothing holds it.

        Raises
        ------
        infra.errors.RawRejected
            If it is no number of seconds from 0 to ten days.
        """
        value, place = self.find(header, file_name)
        if value is None:
            return None
        try:
            span = math.nan if isinstance(value, bool) else float(value) * _SECONDS[self.unit]
        except ValueError:
            span = math.nan
        if not 0 <= span <= 864_000:
            raise RawRejected(f"{place} is {value!r}, not a number of {self.unit}")
        return span
