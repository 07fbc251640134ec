"""Values become plain JSON before they are recorded, without secrets and always in the same words."""

import math
from collections.abc import Mapping, Sequence, Set
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from enum import Enum
from pathlib import PurePath
from typing import Any

from infra.errors import LedgerError
from infra.files import canonical_json
from infra.ledger.clock import utc_text
from infra.redaction import redact

__all__ = ["as_plain", "recorded_text"]


def as_plain(value: Any) -> Any:
    """Give a value as nested dicts, lists and JSON scalars.

    Parameters
    ----------
    value
        Scalars, containers, dataclasses, pydantic models, enumerations, paths, times and numpy scalars.

    Returns
    -------
    typing.Any
        The same content. NaN and infinities, for which JSON has no word, become ``"NaN"``, ``"Infinity"``
        and ``"-Infinity"``; sets are sorted.

    Raises
    ------
    LedgerError
        If there is no plain form, naming the type.
    """
    if isinstance(value, Enum):
        return as_plain(value.value)
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else _name_of(value)
    if isinstance(value, datetime):
        return utc_text(value)
    if isinstance(value, date | PurePath):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): as_plain(item) for key, item in value.items()}
    return _container_as_plain(value)


def _container_as_plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: as_plain(getattr(value, field.name)) for field in fields(value)}
    dump = getattr(value, "model_dump", None)  # pydantic
    if callable(dump):
        return as_plain(dump())
    if isinstance(value, Set):
        return sorted((as_plain(item) for item in value), key=str)
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | memoryview):
        return [as_plain(item) for item in value]
    item = getattr(value, "tolist", None)  # numpy
    if callable(item):
        return as_plain(item())
    if type(value).__module__ == "uuid":
        return str(value)
    raise LedgerError(
        f"a value of type {type(value).__qualname__} cannot be recorded", "record its name or number"
    )


def recorded_text(value: Any) -> str:
    """Give the canonical JSON of a value without secrets: what is stored, and what is hashed."""
    return canonical_json(redact(as_plain(value)))


def _name_of(number: float) -> str:
    if math.isnan(number):
        return "NaN"
    return "Infinity" if number > 0 else "-Infinity"
