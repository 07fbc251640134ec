"""Trails of saturated pixels, widened by what bled out of them without reaching saturation."""

import numpy as np
import numpy.typing as npt

from infra.images import MaskPlane

__all__ = ["widen_saturated_trails"]

_GROWTH = np.array([0, 0, 0, 0, 0, 0, 1, 1, 3, 3, 4])
"""Pixels by which a run of saturated pixels grows at either end, by its length; the last holds beyond."""


def widen_saturated_trails(mask: npt.NDArray[np.uint16]) -> int:
    """Flag the neighbours of wide saturated runs as SAT too, in place.

    Parameters
    ----------
    mask
        `MaskPlane` bits of the trimmed image, shape (ny, nx), rows along the serial direction; changed.

    Returns
    -------
    n_new
        Number of pixels newly flagged.

    Notes
    -----
    Rubin ip_isr: a run of saturated pixels in a row grows at either end by 1 pixel if it is 6 or 7 long, by 3
    if 8 or 9, by 4 if longer.
    """
    saturated = mask & np.uint16(MaskPlane.SAT) != 0
    rows = np.flatnonzero(saturated.any(axis=1))
    if rows.size == 0:
        return 0
    ny, nx = rows.size, mask.shape[1]
    bounds = np.zeros((ny, nx + 2), np.int8)
    bounds[:, 1:-1] = saturated[rows]
    steps = np.diff(bounds, axis=1)
    which, first = np.nonzero(steps == 1)
    end = np.nonzero(steps == -1)[1]
    growth = _GROWTH[np.minimum(end - first, _GROWTH.size - 1)]
    # +1 where a run begins and −1 behind its end; the running sum counts the runs that hold a pixel.
    depth = np.zeros((ny, nx + 1), np.int32)
    np.add.at(depth, (which, np.maximum(first - growth, 0)), 1)
    np.add.at(depth, (which, np.minimum(end + growth, nx)), -1)
    widened = np.cumsum(depth, axis=1)[:, :-1] > 0
    mask[rows] |= np.where(widened, np.uint16(MaskPlane.SAT), np.uint16(0))
    return int(np.count_nonzero(widened)) - int(np.count_nonzero(saturated))
