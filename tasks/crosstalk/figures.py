"""The figures of a crosstalk matrix."""

import numpy as np
import numpy.typing as npt
from astropy.table import Table

from tasks.isr.crosstalk_matrix import CrosstalkMatrix, matrix_from_table
from tasks.reporting.figure import Figure
from tasks.reporting.plots import Cells, heat_map

__all__ = ["figures"]

_MOST = 10.0
"""Standard errors of the last colour: what is beyond is as sure as can be."""


def figures(table: Table) -> tuple[Figure, ...]:
    """Draw a crosstalk matrix.

    Parameters
    ----------
    table
        As the task, or a curator, wrote it.

    Returns
    -------
    figures
        Coefficients of each source and target; their significance, where errors are known; and the quadratic
        coefficients, where there are any.
    """
    matrix = matrix_from_table(table)
    off_diagonal = ~np.eye(len(matrix.amplifiers), dtype=np.bool_)
    coefficients = np.where(off_diagonal, matrix.coefficients, np.nan)
    applied = np.argwhere(matrix.valid & off_diagonal & np.isfinite(coefficients))
    n = int(off_diagonal.sum())
    some = len(applied) < n
    drawn = [
        _map(
            matrix,
            "Crosstalk coefficients",
            coefficients,
            "coefficient",
            marked=tuple((int(row), int(column)) for row, column in applied) if some else (),
            caption="Fraction of the signal of the source (row) that is seen in the target (column). "
            f"{len(applied)} of {n} are valid and are corrected for"
            + ("; rings mark them." if some else "."),
        )
    ]
    significance = np.where(off_diagonal, matrix.significance, np.nan)
    if np.isfinite(significance).any():
        drawn.append(
            _map(
                matrix,
                "Significance of the coefficients",
                significance,
                "coefficient / standard error",
                limits=(-_MOST, _MOST),
                caption=f"Beyond {_MOST:g} standard errors the colour stays the same. Of {n} coefficients "
                f"that are 0, chance takes {0.0027 * n:.1f} beyond 3.",
            )
        )
    if np.nan_to_num(matrix.quadratic).any():
        unit = "1/electron" if matrix.unit == "electron" else "1/adu"
        drawn.append(
            _map(
                matrix,
                "Quadratic crosstalk coefficients",
                np.where(off_diagonal, matrix.quadratic, np.nan),
                "quadratic coefficient",
                unit=unit,
                caption="What the square of the signal of the source (row) adds to the target (column).",
            )
        )
    return tuple(drawn)


def _map(
    matrix: CrosstalkMatrix,
    title: str,
    values: npt.NDArray[np.float64],
    quantity: str,
    *,
    unit: str = "",
    limits: tuple[float, float] | None = None,
    marked: tuple[tuple[int, int], ...] = (),
    caption: str,
) -> Figure:
    """Draw one matrix with sources as rows, from above, and targets as columns."""
    if limits is None:
        largest = float(np.nanmax(np.abs(values))) if np.isfinite(values).any() else 0.0
        limits = (-largest, largest) if largest > 0 else (-1.0, 1.0)
    return heat_map(
        title,
        values,
        Cells("target amplifier", matrix.amplifiers),
        Cells("source amplifier", matrix.amplifiers),
        quantity=quantity,
        unit=unit,
        centre=0.0,
        limits=limits,
        marked=marked,
        from_above=True,
        caption=caption,
    )
