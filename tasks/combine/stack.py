"""Clipped mean of a stack of images, pixel by pixel."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from infra.errors import CalprodError
from tasks.combine.clipping import IQR_TO_SIGMA, TIE_TOLERANCE
from tasks.combine.sorting import LANES, exchanges, sort_columns

__all__ = ["PROPAGATION_LIMIT", "StackedRows", "combine_rows"]

PROPAGATION_LIMIT = 5
"""From this number of inputs on, the variance comes from the scatter of the samples, not from the inputs."""


@dataclass(frozen=True, slots=True, eq=False)
class StackedRows:
    """The combined pixels of a block of rows."""

    mean: npt.NDArray[np.float32]
    """Clipped mean, shape (rows, nx); NaN where no sample survives."""
    variance: npt.NDArray[np.float32]
    """Squared standard error of the mean, shape (rows, nx); NaN where it cannot be known."""
    count: npt.NDArray[np.uint16]
    """Number of surviving samples, shape (rows, nx)."""


def combine_rows(
    stack: npt.NDArray[np.float32],
    variances: npt.NDArray[np.float32] | None = None,
    n_sigma: float = 3.0,
    n_iterations: int = 3,
) -> StackedRows:
    """Clipped mean, its variance and the number of survivors of every pixel of a stack.

    Parameters
    ----------
    stack
        Samples, shape (n, rows, nx), float32, contiguous; a sample that is not finite is excluded.
    variances
        Variances of the samples, same shape, in the square of their unit. When given, the result's variance
        is propagated from them; otherwise it comes from the scatter of the survivors.
    n_sigma, n_iterations
        The clip rule, as in `tasks.combine.clipping.clipped_mean`, which gives the same for each pixel.

    Returns
    -------
    rows
        Mean, variance and count.

    Raises
    ------
    CalprodError
        An array has the wrong type or shape, or the clip rule makes no sense.

    Notes
    -----
    From the scatter: sample variance (n − 1) of the survivors divided by their number, uncorrected for the
    clip; NaN for a single survivor. Propagated: sum of the survivors' variances divided by the square of
    their number. Arithmetic is in float64 from the samples on, only results are rounded to float32.
    """
    if stack.ndim != 3 or stack.dtype != np.float32 or not stack.flags.c_contiguous or stack.shape[0] < 1:
        raise CalprodError(f"a stack of {stack.dtype} {stack.shape}", "pass float32 (n, rows, nx) with n ≥ 1")
    if variances is not None and (variances.shape != stack.shape or variances.dtype != np.float32):
        raise CalprodError(f"variances of {variances.dtype} {variances.shape} for a stack {stack.shape}")
    if n_iterations < 1 or not n_sigma > 0:
        raise CalprodError(f"a clip at {n_sigma} σ in {n_iterations} passes", "both must be above 0")
    n, rows, nx = stack.shape
    mean = np.empty((rows, nx), np.float32)
    variance = np.empty((rows, nx), np.float32)
    count = np.empty((rows, nx), np.uint16)
    _stack(
        stack.reshape(n, -1),
        np.empty((0, 0), np.float32) if variances is None else variances.reshape(n, -1),
        exchanges(n),
        float(n_sigma),
        int(n_iterations),
        mean.reshape(-1),
        variance.reshape(-1),
        count.reshape(-1),
    )
    return StackedRows(mean, variance, count)


@njit(cache=True, nogil=True, error_model="numpy")
def _stack(
    stack: npt.NDArray[np.float32],
    variances: npt.NDArray[np.float32],
    pairs: npt.NDArray[np.int64],
    n_sigma: float,
    n_iterations: int,
    mean: npt.NDArray[np.float32],
    variance: npt.NDArray[np.float32],
    count: npt.NDArray[np.uint16],
) -> None:
    """Combine `LANES` pixels at a time, all passes over all of them, so that no branch depends on data."""
    n, n_pixels = stack.shape
    block = np.empty((n, LANES), np.float32)
    valid = np.empty(LANES, np.float32)
    pivot, low, high = np.empty(LANES), np.empty(LANES), np.empty(LANES)
    used, total, squares, propagated = np.empty(LANES), np.empty(LANES), np.empty(LANES), np.empty(LANES)
    for start in range(0, n_pixels, LANES):
        width = min(LANES, n_pixels - start)
        _load(stack, start, width, block, valid)
        sort_columns(block, pairs)
        _first_limits(block, valid, n_sigma, pivot, low, high)
        _accumulate(block, pivot, low, high, used, total, squares)
        for _ in range(n_iterations - 1):
            _later_limits(n_sigma, used, total, squares, low, high)
            _accumulate(block, pivot, low, high, used, total, squares)
        if variances.shape[0] > 0:
            _propagate(stack, variances, start, width, pivot, low, high, propagated)
        for lane in range(width):
            offset = total[lane] / used[lane]
            mean[start + lane] = pivot[lane] + offset
            count[start + lane] = used[lane]
            if variances.shape[0] > 0:
                variance[start + lane] = propagated[lane] / used[lane] / used[lane]
            else:
                scatter = max(squares[lane] - total[lane] * offset, 0.0)
                variance[start + lane] = (
                    scatter / (used[lane] - 1.0) / used[lane] if used[lane] > 1.0 else np.nan
                )


@njit(cache=True, nogil=True)
def _load(
    stack: npt.NDArray[np.float32],
    start: int,
    width: int,
    block: npt.NDArray[np.float32],
    valid: npt.NDArray[np.float32],
) -> None:
    """Copy samples into the block, the excluded ones as +∞, which sorts them to the end."""
    excluded = np.float32(np.inf)
    valid[:] = 0.0
    for i in range(stack.shape[0]):
        samples, row = stack[i, start : start + width], block[i]
        row[width:] = 0.0
        for lane in range(width):
            finite = abs(samples[lane]) < excluded
            row[lane] = samples[lane] if finite else excluded
            valid[lane] += np.float32(1.0) if finite else np.float32(0.0)


@njit(cache=True, nogil=True)
def _first_limits(
    block: npt.NDArray[np.float32],
    valid: npt.NDArray[np.float32],
    n_sigma: float,
    pivot: npt.NDArray[np.float64],
    low: npt.NDArray[np.float64],
    high: npt.NDArray[np.float64],
) -> None:
    """Limits about the median, relative to the pivot: the middle sample, from which differences are exact."""
    n = block.shape[0]
    _median_limits(block, n, n_sigma, 0, LANES, pivot, low, high)
    for lane in range(LANES):
        if valid[lane] == 0.0:
            pivot[lane], low[lane], high[lane] = 0.0, np.nan, np.nan
        elif valid[lane] < n:
            _median_limits(block, int(valid[lane]), n_sigma, lane, lane + 1, pivot, low, high)


@njit(cache=True, nogil=True)
def _median_limits(
    block: npt.NDArray[np.float32],
    n: int,
    n_sigma: float,
    start: int,
    stop: int,
    pivot: npt.NDArray[np.float64],
    low: npt.NDArray[np.float64],
    high: npt.NDArray[np.float64],
) -> None:
    """Limits of the columns start to stop, of which the first n samples are valid."""
    scale = n_sigma * IQR_TO_SIGMA * (1.0 + TIE_TOLERANCE)
    middle, above_middle = block[(n - 1) // 2], block[n // 2]
    first, above_first = block[(n - 1) // 4], block[min((n - 1) // 4 + 1, n - 1)]
    third, above_third = block[3 * (n - 1) // 4], block[min(3 * (n - 1) // 4 + 1, n - 1)]
    part_first, part_third = ((n - 1) % 4) / 4.0, (3 * (n - 1) % 4) / 4.0
    for lane in range(start, stop):
        origin = np.float64(middle[lane])
        centre = 0.5 * (np.float64(above_middle[lane]) - origin)
        q1, q1_above = np.float64(first[lane]) - origin, np.float64(above_first[lane]) - origin
        q3, q3_above = np.float64(third[lane]) - origin, np.float64(above_third[lane]) - origin
        limit = scale * (q3 + (q3_above - q3) * part_third - q1 - (q1_above - q1) * part_first)
        pivot[lane], low[lane], high[lane] = origin, centre - limit, centre + limit


@njit(cache=True, nogil=True, error_model="numpy")
def _later_limits(
    n_sigma: float,
    used: npt.NDArray[np.float64],
    total: npt.NDArray[np.float64],
    squares: npt.NDArray[np.float64],
    low: npt.NDArray[np.float64],
    high: npt.NDArray[np.float64],
) -> None:
    """Limits about the mean of the survivors; a single survivor has no scatter and stays alone."""
    for lane in range(LANES):
        centre = total[lane] / used[lane]
        scatter = max(squares[lane] - total[lane] * centre, 0.0) / max(used[lane] - 1.0, 1.0)
        limit = n_sigma * np.sqrt(scatter) * (1.0 + TIE_TOLERANCE)
        low[lane], high[lane] = centre - limit, centre + limit


@njit(cache=True, nogil=True)
def _accumulate(
    block: npt.NDArray[np.float32],
    pivot: npt.NDArray[np.float64],
    low: npt.NDArray[np.float64],
    high: npt.NDArray[np.float64],
    used: npt.NDArray[np.float64],
    total: npt.NDArray[np.float64],
    squares: npt.NDArray[np.float64],
) -> None:
    """Count and sum the samples within the limits, and their squares."""
    used[:] = 0.0
    total[:] = 0.0
    squares[:] = 0.0
    n = block.shape[0]
    for i in range(0, n, 2):
        # Two samples at a time halve the traffic of the sums; an odd last one is paired with nothing.
        row, other_row = block[i], block[min(i + 1, n - 1)]
        paired = i + 1 < n
        for lane in range(LANES):
            first = np.float64(row[lane]) - pivot[lane]
            second = np.float64(other_row[lane]) - pivot[lane]
            first_kept = (first >= low[lane]) & (first <= high[lane])
            second_kept = (second >= low[lane]) & (second <= high[lane]) & paired
            used[lane] += (1.0 if first_kept else 0.0) + (1.0 if second_kept else 0.0)
            first = first if first_kept else 0.0
            second = second if second_kept else 0.0
            total[lane] += first + second
            squares[lane] += first * first + second * second


@njit(cache=True, nogil=True)
def _propagate(
    stack: npt.NDArray[np.float32],
    variances: npt.NDArray[np.float32],
    start: int,
    width: int,
    pivot: npt.NDArray[np.float64],
    low: npt.NDArray[np.float64],
    high: npt.NDArray[np.float64],
    propagated: npt.NDArray[np.float64],
) -> None:
    """Sum the variances of the samples within the limits."""
    propagated[:] = 0.0
    for i in range(stack.shape[0]):
        for lane in range(width):
            difference = np.float64(stack[i, start + lane]) - pivot[lane]
            kept = (difference >= low[lane]) & (difference <= high[lane])
            propagated[lane] += variances[i, start + lane] if kept else 0.0
