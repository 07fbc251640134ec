"""A lookup table of many entries within a table of one row per amplifier, as ECSV can hold it."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from astropy.table import Table

from tasks.isr.long_columns import join_column, part_names, split_column

__all__ = ["LOOKUP_COLUMN", "join_lookup", "lookup_column_names", "split_lookup"]

LOOKUP_COLUMN = "LOOKUP_VALUES"
"""Name of the column, or the beginning of the names of several."""


def split_lookup(lookup: npt.NDArray[np.floating]) -> dict[str, npt.NDArray[np.float64]]:
    """Columns of a lookup table.

    Parameters
    ----------
    lookup
        Additions (adu), shape (n_amplifiers, n_entries).

    Returns
    -------
    columns
        LOOKUP_VALUES in as many parts as `tasks.isr.long_columns.split_column` makes of it; as float64 of as
        few digits as tell float32 apart, which is what ECSV then writes.
    """
    return split_column(LOOKUP_COLUMN, np.asarray(lookup, np.float32).astype(np.str_).astype(np.float64))


def lookup_column_names(names: Iterable[str]) -> tuple[str, ...]:
    """Columns among these that hold a lookup table, in their order; none if there is no such table."""
    return part_names(LOOKUP_COLUMN, names)


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
    lookup = join_column(table, LOOKUP_COLUMN)
    return None if lookup is None else lookup.astype(np.float32)
