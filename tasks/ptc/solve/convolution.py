"""Convolutions of matrices of which one quadrant is given, as matrices that act on the quadrant."""

from functools import cache

import numpy as np
import numpy.typing as npt

__all__ = ["convolution_matrix", "padded_side"]

type FloatArray = npt.NDArray[np.float64]


def padded_side(side: int) -> int:
    """Lags, from 0 on, up to which the convolution of two quadrants is followed (Rubin cp_pipe)."""
    return int(1.5 * side) + 1


def convolution_matrix(quadrant: FloatArray, side_in: int, side_out: int) -> FloatArray:
    """Matrix T with T f = (quadrant ⊗ f) for every f given as a quadrant.

    Parameters
    ----------
    quadrant
        One quadrant of a matrix that is even in both lags, shape (s, s); zero beyond.
    side_in
        Number of lags, in each direction, of the quadrant f.
    side_out
        Number of lags of the result.

    Returns
    -------
    matrix
        Shape (side_out², side_in²); quadrants are flattened row by row.
    """
    side = quadrant.shape[0]
    reach = side_in + side_out
    wide = np.zeros((reach, reach))
    wide[: min(side, reach), : min(side, reach)] = quadrant[:reach, :reach]
    same, mirrored, double = _lag_tables(side_in, side_out)
    # Sum over the signs of the lag of f: both signs along each axis, but zero only once.
    rows = wide[same] + double[:, :, None] * wide[mirrored]
    both = rows[:, :, same] + double[None, None] * rows[:, :, mirrored]
    return np.ascontiguousarray(both.transpose(0, 2, 1, 3).reshape(side_out**2, side_in**2))


@cache
def _lag_tables(
    side_in: int, side_out: int
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[np.float64]]:
    """|i − p|, i + p, and whether p has two signs; shape (side_out, side_in)."""
    i, p = np.arange(side_out)[:, None], np.arange(side_in)[None, :]
    return np.abs(i - p), i + p, np.broadcast_to(p > 0, (side_out, side_in)).astype(np.float64)
