"""Header cards as values that can be trusted: absent is None, nonsense is refused under the card's name."""

import datetime
import math
from collections.abc import Mapping
from typing import Any

from infra.errors import RawRejected

__all__ = ["seconds", "text", "value_of", "whole"]

_LONGEST = 10 * 86400.0  # s


def value_of(header: Mapping[str, Any], keyword: str) -> Any:
    """Return a card's value; None where it is absent, undefined or blank."""
    value = header.get(keyword)
    if value is None or type(value).__name__ == "Undefined" or (isinstance(value, str) and not value.strip()):
        return None
    return value


def text(header: Mapping[str, Any], *keywords: str) -> str | None:
    """Return the first of some cards that holds anything, as text without blanks around it."""
    for keyword in keywords:
        value = value_of(header, keyword)
        if isinstance(value, datetime.datetime):  # an unquoted date in a YAML header
            return value.isoformat(timespec="milliseconds")
        if value is not None:
            return str(value).strip()
    return None


def whole(header: Mapping[str, Any], keyword: str) -> int | None:
    """Return a card as a whole number, or None.

    Raises
    ------
    infra.errors.RawRejected
        If it holds something else.
    """
    value = value_of(header, keyword)
    if value is None:
        return None
    try:
        if isinstance(value, bool) or int(value) != float(value):
            raise ValueError
        return int(value)
    except (ValueError, TypeError, OverflowError):
        raise RawRejected(f"header card {keyword} is {value!r}, not a whole number") from None


def seconds(header: Mapping[str, Any], keyword: str) -> float | None:
    """Return a card as a time span (s), or None.

    Raises
    ------
    infra.errors.RawRejected
        If it is negative, longer than ten days, not finite or not a number.
    """
    value = value_of(header, keyword)
    if value is None:
        return None
    try:
        span = math.nan if isinstance(value, bool) else float(value)
    except (ValueError, TypeError):
        span = math.nan
    if not 0 <= span <= _LONGEST:
        raise RawRejected(f"header card {keyword} is {value!r}, not a number of seconds")
    return span
