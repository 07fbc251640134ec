"""A lookup table of many entries within a table of one row per amplifier, as ECSV can hold it."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from astropy.table import Table

__all__ = ["LOOKUP_COLUMN", "join_lookup", "lookup_column_names", "split_lookup"]

LOOKUP_COLUMN = "LOOKUP_VALUES"
"""Name of the column, or the beginning of the names of several."""

_LONGEST = 4096
"""Entries of one cell: ECSV is read with Python's csv module, which refuses cells of more than 131072
characters, and an entry takes up to 16."""


def split_lookup(lookup: npt.NDArray[np.floating]) -> dict[str, npt.NDArray[np.float64]]:
    """Columns of a lookup table.

    Parameters
    ----------
    lookup
        Additions (adu), shape (n_amplifiers, n_entries).

    Returns
    -------
    columns
        LOOKUP_VALUES, or if there are more than 4096 entries LOOKUP_VALUES_000, LOOKUP_VALUES_001, … with
        4096 each; as float64 of as few digits as tell float32 apart, which is what ECSV then writes.
    """
    values = np.asarray(lookup, np.float32).astype(np.str_).astype(np.float64)
    if values.shape[1] <= _LONGEST:
        return {LOOKUP_COLUMN: values}
    parts = np.split(values, range(_LONGEST, values.shape[1], _LONGEST), axis=1)
    return {f"{LOOKUP_COLUMN}_{number:03}": part for number, part in enumerate(parts)}


def lookup_column_names(names: Iterable[str]) -> tuple[str, ...]:
    """Columns among these that hold a lookup table, in their order; none if there is no such table."""
    return tuple(sorted(name for name in names if name.startswith(LOOKUP_COLUMN)))


def join_lookup(table: Table) -> npt.NDArray[np.float32] | None:
    """Lookup table out of its columns.

    Parameters
    ----------
    table
        One row per amplifier.

    Returns
    -------
    lookup
        Additions (adu), shape (n_amplifiers, n_entries); None if the table has no such column.
    """
    names = lookup_column_names(table.colnames)
    if not names:
        return None
    return np.concatenate([np.asarray(table[name], np.float32) for name in names], axis=-1)
