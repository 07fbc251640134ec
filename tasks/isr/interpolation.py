"""Interpolation over pixels that hold no measurement."""

import numpy as np
import numpy.typing as npt
from numba import njit

from infra.images import MaskPlane

__all__ = ["interpolate"]

INTERPOLATED_PLANES = MaskPlane.SAT | MaskPlane.BAD | MaskPlane.UNMASKEDNAN
"""Pixels with any of these planes are interpolated over."""

_FAR = 1 << 30
"""Length of a gap with an open end, which is bridged only if both have one."""


def interpolate(
    image: npt.NDArray[np.float32],
    mask: npt.NDArray[np.uint16],
    variance: npt.NDArray[np.float32] | None = None,
    planes: MaskPlane = INTERPOLATED_PLANES,
) -> int:
    """Replace the pixels that have any of some planes by what their surroundings suggest, in place.

    Parameters
    ----------
    image
        Trimmed image, shape (ny, nx).
    mask
        `MaskPlane` bits; the pixels replaced become INTRP and keep their other planes.
    variance
        Shape (ny, nx); replaced in the same way. None or a read-only array is left alone.
    planes
        Planes of the pixels to replace. Pixels that are not finite never serve to replace others.

    Returns
    -------
    n_interpolated
        Number of pixels replaced. Pixels with no sound one in their row nor in their column stay as they are.

    Notes
    -----
    Linear between the nearest sound pixels of the row or of the column, whichever gap is shorter (the row's
    when equal); where both gaps end at an edge, the value of the nearest sound pixel. Rubin's ip_isr
    predicts the value in the row from the point spread function, which calibration exposures do not have.
    """
    rows, columns = np.nonzero(mask & np.uint16(planes))
    if not rows.size:
        return 0
    arrays = [image]
    if variance is not None and variance.flags.writeable:
        arrays.append(variance)
    # The nearest sound pixels on either side, along the row and along the column; −1 where there is none.
    along_row = _ends(image, mask, np.uint16(planes), rows, columns)
    order = np.lexsort((rows, columns))
    along_column = np.empty_like(along_row)
    along_column[order] = _ends(image.T, mask.T, np.uint16(planes), columns[order], rows[order])
    replaced = np.zeros(rows.size, np.bool_)
    for array in arrays:
        _bridge(array, rows, columns, along_row, along_column, replaced)
    mask[rows[replaced], columns[replaced]] |= np.uint16(MaskPlane.INTRP)
    return int(np.count_nonzero(replaced))


@njit(cache=True, nogil=True)
def _ends(
    image: npt.NDArray[np.float32],
    mask: npt.NDArray[np.uint16],
    planes: np.uint16,
    rows: npt.NDArray[np.int64],
    columns: npt.NDArray[np.int64],
) -> npt.NDArray[np.int64]:  # pragma: no cover
    """Columns of the nearest sound pixels to the left and right of each pixel; pixels come row by row."""
    nx = image.shape[1]
    ends = np.empty((rows.size, 2), np.int64)
    for i in range(rows.size):
        y, x = rows[i], columns[i]
        if i > 0 and rows[i - 1] == y and (ends[i - 1, 1] > x or ends[i - 1, 1] < 0):
            ends[i] = ends[i - 1]  # the same gap
            continue
        left, right = x - 1, x + 1
        while left >= 0 and (mask[y, left] & planes or not np.isfinite(image[y, left])):
            left -= 1
        while right < nx and (mask[y, right] & planes or not np.isfinite(image[y, right])):
            right += 1
        ends[i, 0] = left
        ends[i, 1] = right if right < nx else -1
    return ends


@njit(cache=True, nogil=True)
def _bridge(
    image: npt.NDArray[np.float32],
    rows: npt.NDArray[np.int64],
    columns: npt.NDArray[np.int64],
    along_row: npt.NDArray[np.int64],
    along_column: npt.NDArray[np.int64],
    replaced: npt.NDArray[np.bool_],
) -> None:  # pragma: no cover
    """Bridge the shorter gap of each pixel, in place; what it takes values from is never replaced."""
    for i in range(rows.size):
        y, x = rows[i], columns[i]
        left, right = along_row[i]
        below, above = along_column[i]
        width = right - left if left >= 0 and right >= 0 else _FAR
        height = above - below if below >= 0 and above >= 0 else _FAR
        if width <= height and width < _FAR:
            value = _between(image[y, left], image[y, right], (x - left) / width)
        elif height < _FAR:
            value = _between(image[below, x], image[above, x], (y - below) / height)
        else:
            # Both gaps are open: at most one end each. The nearer one counts.
            column, row = max(left, right), max(below, above)
            if column < 0 and row < 0:
                continue
            if row < 0 or (column >= 0 and abs(column - x) <= abs(row - y)):
                value = image[y, column]
            else:
                value = image[row, x]
        image[y, x] = value
        replaced[i] = True


@njit(cache=True, nogil=True)
def _between(first: np.float32, second: np.float32, weight: float) -> np.float32:  # pragma: no cover
    """Linear between two values."""
    return np.float32((1.0 - weight) * np.float64(first) + weight * np.float64(second))
