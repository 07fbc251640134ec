"""Columns: runs of defects with gaps between them, and columns given up as a whole."""

import numpy as np
import numpy.typing as npt

__all__ = ["columns_to_fill", "runs_in_columns"]


def runs_in_columns(defects: npt.NDArray[np.bool_], threshold: int, gap: int) -> npt.NDArray[np.bool_]:
    """Find the pixels that lie in runs of defects along columns.

    Parameters
    ----------
    defects
        True for a defect, shape (ny, nx).
    threshold
        Columns with fewer defects have no runs.
    gap
        Two successive defects this far apart, or farther, belong to different runs.

    Returns
    -------
    runs
        True for every pixel from the first to the last defect of a run, shape (ny, nx). A defect that stands
        alone is no run.

    Notes
    -----
    Rubin cp_pipe, bad "on and off" columns. The threshold is on the column: its runs may be shorter.
    """
    runs = np.zeros(defects.shape, np.bool_)
    for x in np.flatnonzero(np.count_nonzero(defects, axis=0) >= threshold):
        rows = np.flatnonzero(defects[:, x])
        breaks = np.flatnonzero(np.diff(rows) >= gap)
        first = rows[np.concatenate(([0], breaks + 1))]
        last = rows[np.concatenate((breaks, [rows.size - 1]))]
        for y0, y1 in zip(first, last, strict=True):
            if y1 > y0:
                runs[y0 : y1 + 1, x] = True
    return runs


def columns_to_fill(
    defects: npt.NDArray[np.bool_],
    saturated: npt.NDArray[np.bool_],
    bad_pixels: int | None,
    saturated_pixels: int | None,
) -> npt.NDArray[np.bool_]:
    """Tell which columns of an amplifier have so many defects that they are given up as a whole.

    Parameters
    ----------
    defects, saturated
        Pixels of one amplifier, shape (ny, nx).
    bad_pixels, saturated_pixels
        Smallest numbers of either that give up the column; None for never.

    Returns
    -------
    columns
        Shape (nx,).
    """
    columns = np.zeros(defects.shape[1], np.bool_)
    for pixels, least in ((defects, bad_pixels), (saturated, saturated_pixels)):
        if least is not None and least >= 0:
            columns |= np.count_nonzero(pixels, axis=0) >= max(least, 1)
    return columns
