"""Columns of many numbers a row, in parts that ECSV can hold."""

import re
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from astropy.table import Table

__all__ = ["LONGEST", "join_column", "part_names", "split_column"]

LONGEST = 4096
"""Numbers of one cell: ECSV is read with Python's csv module, which refuses cells of more than 131072
characters, and a float64 takes up to 26 with its separator."""


def split_column(name: str, values: npt.NDArray[np.float64]) -> dict[str, npt.NDArray[np.float64]]:
    """Columns of a table that together hold many numbers a row.

    Parameters
    ----------
    name
        Of the column.
    values
        Numbers, shape (n,) of one row or (n_rows, n) of all.

    Returns
    -------
    columns
        The column by its name, or if there are more than 4096 numbers <name>_000, <name>_001, … with 4096
        each.
    """
    if values.shape[-1] <= LONGEST:
        return {name: values}
    parts = np.split(values, range(LONGEST, values.shape[-1], LONGEST), axis=-1)
    return {f"{name}_{number:03}": part for number, part in enumerate(parts)}


def part_names(name: str, names: Iterable[str]) -> tuple[str, ...]:
    """Columns among some names that together hold one, in their order; none if there is no such column."""
    part = re.compile(rf"{re.escape(name)}(_\d{{3}})?")
    return tuple(sorted(one for one in names if part.fullmatch(one)))


def join_column(table: Table, name: str) -> npt.NDArray[np.float64] | None:
    """All numbers of a column, out of its parts.

    Parameters
    ----------
    table
        Written with `split_column`, or by others with the column in one piece.
    name
        Of the column.

    Returns
    -------
    values
        Shape (n_rows, n), NaN where masked; None if the table has no such column.
    """
    parts = [table[one] for one in part_names(name, table.colnames)]
    if not parts:
        return None
    plain = [np.ma.filled(np.ma.asarray(part, np.float64), np.nan) for part in parts]
    return np.concatenate([part.reshape(len(table), -1) for part in plain], axis=-1)
