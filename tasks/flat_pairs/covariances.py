"""Covariances between pixels at small lags, as direct sums: exact with any mask, and cheap."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

__all__ = ["LagCovariances", "lag_covariances"]

_LAGS_AT_ONCE = 7
"""Lags summed in one pass over a row: as many as stay in registers."""

_MANY_UNUSED = 0.03
"""Fraction of unused pixels above which more passes over all pixels cost less than a loop over these."""


@dataclass(frozen=True, slots=True, eq=False)
class LagCovariances:
    """Covariances of one image with itself, one quadrant of lags."""

    values: npt.NDArray[np.float64]
    """Covariances, shape (r, r), [serial lag][parallel lag], in the square of the image's unit; NaN where no
    two usable pixels lie that far apart."""
    n_pairs: npt.NDArray[np.int64]
    """Pairs of pixels that entered each, shape (r, r)."""


def lag_covariances(
    image: npt.NDArray[np.floating], usable: npt.NDArray[np.bool_], matrix_side: int
) -> LagCovariances:
    """Covariances of the usable pixels of an image with those a few rows and columns away.

    Parameters
    ----------
    image
        Pixels, shape (ny, nx); those not usable may hold anything.
    usable
        Pixels that take part, shape (ny, nx).
    matrix_side
        Number r of lags in each direction, from 0 to r − 1.

    Returns
    -------
    covariances
        In the square of the image's unit.

    Raises
    ------
    ValueError
        The shapes differ, or ``matrix_side`` is below 1.

    Notes
    -----
    cov(dx, dy) = Σ d(x) d(x + dx) / n − ⟨d⟩₁ ⟨d⟩₂, where sums, means and n run over the pairs in which both
    pixels are usable. Off the axes, lags (dx, dy) and (dx, −dy) are averaged and their pairs added (Astier et
    al. 2019, A&A 629, A36, §5). With unused pixels set to zero the sums of products need no mask; number of
    pairs and means follow from sums over rectangles, less what the few unused pixels take away.
    """
    if image.shape != usable.shape or image.ndim != 2 or matrix_side < 1:
        raise ValueError(
            f"image {image.shape}, usable {usable.shape}, {matrix_side} lags do not fit together"
        )
    side = (matrix_side, matrix_side)
    rows, columns = np.flatnonzero(usable.any(axis=1)), np.flatnonzero(usable.any(axis=0))
    if rows.size == 0:
        return LagCovariances(np.full(side, np.nan), np.zeros(side, np.int64))
    # An edge that nobody uses is cut off: pixel by pixel it would cost more than all the rest.
    box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    usable = usable[box]
    ny, nx = usable.shape
    pad = matrix_side - 1 + _LAGS_AT_ONCE
    pixels = np.zeros((ny, nx + 2 * pad), image.dtype)
    inner = pixels[:, pad : pad + nx]
    np.copyto(inner, image[box], where=usable)
    n_unused = usable.size - int(np.count_nonzero(usable))
    if n_unused:
        ones = np.zeros_like(pixels)
        ones[:, pad : pad + nx] = usable
    if n_unused > _MANY_UNUSED * usable.size:
        first = _products(pixels, ones, matrix_side, pad)
        second = _products(ones, pixels, matrix_side, pad)
        number = _products(ones, ones, matrix_side, pad)
    else:
        first, second, number = _rectangle_sums(inner, matrix_side)
        if n_unused:
            inside = np.zeros(pixels.shape[1])
            inside[pad : pad + nx] = 1.0
            y, x = np.divmod(np.flatnonzero(~usable), nx)  # a fifth of the time of nonzero
            _remove_unused(pixels, ones, inside, y, x + pad, first, second, number)
    products = _products(pixels, pixels, matrix_side, pad)
    with np.errstate(invalid="ignore", divide="ignore"):
        signed = products / number - (first / number) * (second / number)
    return _folded(signed, number)


def _folded(signed: npt.NDArray[np.float64], number: npt.NDArray[np.float64]) -> LagCovariances:
    """One quadrant out of lags of both signs; input [parallel lag][serial lag + r − 1]."""
    zero = signed.shape[0] - 1
    positive, negative = signed[:, zero:], signed[:, zero::-1]
    n_positive, n_negative = number[:, zero:], number[:, zero::-1]
    values, counts = 0.5 * (positive + negative), n_positive + n_negative
    # On the axes both signs are the same pairs.
    for axis in (np.s_[0, :], np.s_[:, 0]):
        values[axis], counts[axis] = positive[axis], n_positive[axis]
    return LagCovariances(values.T.copy(), np.rint(counts).astype(np.int64).T.copy())


def _rectangle_sums(
    image: npt.NDArray[np.floating], r: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Sum of first pixels, sum of second pixels and number, over all pairs that lie in the image.

    All [parallel lag][serial lag + r − 1]; a lag beyond the image has none.
    """
    ny, nx = image.shape
    kx, ky = min(r, nx), min(r, ny)
    total = image.sum(axis=1, dtype=np.float64)
    # Row sums without the leftmost, and without the rightmost, dx columns.
    without_left, without_right = np.zeros((2, ny, r))
    without_left[:, :kx] = total[:, None] - _leading_sums(image[:, : kx - 1])
    without_right[:, :kx] = total[:, None] - _leading_sums(image[:, : nx - kx : -1])
    first, second, number = np.zeros((3, r, 2 * r - 1))
    lags = np.arange(kx)
    for by_row, to_first, to_second in ((without_right, 1, -1), (without_left, -1, 1)):
        all_rows = by_row[:, :kx].sum(axis=0)
        without_top = all_rows - _leading_sums(by_row[: ny - ky : -1, :kx].T).T
        without_bottom = all_rows - _leading_sums(by_row[: ky - 1, :kx].T).T
        first[:ky, r - 1 + to_first * lags] = without_top
        second[:ky, r - 1 + to_second * lags] = without_bottom
    height, width = np.maximum(ny - np.arange(r), 0), np.maximum(nx - abs(np.arange(1 - r, r)), 0)
    number[...] = height[:, None] * width
    return first, second, number


def _leading_sums(strip: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Sum of the first 0, 1, 2… entries of each row."""
    return np.concatenate([np.zeros((strip.shape[0], 1)), np.cumsum(strip, axis=1, dtype=np.float64)], axis=1)


@njit(cache=True, nogil=True)
def _remove_unused(
    image: npt.NDArray[np.floating],
    usable: npt.NDArray[np.floating],
    inside: npt.NDArray[np.float64],
    rows: npt.NDArray[np.int64],
    columns: npt.NDArray[np.int64],
    first: npt.NDArray[np.float64],
    second: npt.NDArray[np.float64],
    number: npt.NDArray[np.float64],
) -> None:
    """Take the pairs with an unused pixel out of the sums over rectangles, in place.

    Image and usable pixels (0 or 1), padded with zeros; inside is 1 in the columns that are no padding;
    columns count from the padding's edge.
    """
    ny, r = image.shape[0], first.shape[0]
    span = 2 * r - 1
    # Whole vectors: the padding is wide enough, and what lies beyond the span is dropped at the end.
    width = (span + 7) // 8 * 8
    removed = np.zeros((r, 4, width))
    for k in range(rows.size):
        y, start = rows[k], columns[k] - r + 1
        in_image = inside[start : start + width]
        for dy in range(r):
            if y >= dy:  # the unused pixel is the second of the pair; lags fall to the right
                below = image[y - dy, start : start + width]
                for i in range(width):
                    removed[dy, 0, i] += below[i]
                    removed[dy, 1, i] += in_image[i]
            if y + dy < ny:  # it is the first; pairs of two unused ones are counted as their second already
                above = image[y + dy, start : start + width]
                flags = usable[y + dy, start : start + width]
                for i in range(width):
                    removed[dy, 2, i] += above[i]
                    removed[dy, 3, i] += flags[i]
    first -= removed[:, 0, span - 1 :: -1]
    second -= removed[:, 2, :span]
    number -= removed[:, 1, span - 1 :: -1] + removed[:, 3, :span]


@njit(cache=True, nogil=True, fastmath={"reassoc", "nsz", "contract"})
def _two_rows_seven_lags(
    upper: npt.NDArray[np.float64], lower: npt.NDArray[np.float64], other: npt.NDArray[np.float64]
) -> tuple[float, ...]:
    """Σ upper[x] other[x + lag] for seven consecutive lags, then the same for lower."""
    # Fourteen sums in registers: every pixel of other that is loaded serves two of them.
    s0, s1, s2, s3, s4, s5, s6 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    t0, t1, t2, t3, t4, t5, t6 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for x in range(upper.size):
        v, w = upper[x], lower[x]
        b0, b1, b2, b3 = other[x], other[x + 1], other[x + 2], other[x + 3]
        b4, b5, b6 = other[x + 4], other[x + 5], other[x + 6]
        s0 += v * b0
        t0 += w * b0
        s1 += v * b1
        t1 += w * b1
        s2 += v * b2
        t2 += w * b2
        s3 += v * b3
        t3 += w * b3
        s4 += v * b4
        t4 += w * b4
        s5 += v * b5
        t5 += w * b5
        s6 += v * b6
        t6 += w * b6
    return s0, s1, s2, s3, s4, s5, s6, t0, t1, t2, t3, t4, t5, t6


@njit(cache=True, nogil=True)
def _products(
    one: npt.NDArray[np.floating], other: npt.NDArray[np.floating], r: int, pad: int
) -> npt.NDArray[np.float64]:
    """Σ one(x) other(x + lag), [parallel lag][serial lag + r − 1]; images are padded with zeros."""
    ny, n = one.shape[0], one.shape[1] - 2 * pad
    groups = (2 * r + 5) // 7
    sums = np.zeros((r + 1, groups * 7))
    # The last rows in double precision: few enough to stay near the processor.
    recent, current = np.zeros((r + 1, n)), np.zeros(one.shape[1])
    for y in range(ny):
        recent[y % (r + 1)] = one[y, pad : pad + n]
        current[:] = other[y]
        for dy in range(0, min(r, y + 1), 2):
            upper, lower = recent[(y - dy) % (r + 1)], recent[(y - dy - 1) % (r + 1)]
            for group in range(groups):
                k = 7 * group
                start = pad + k + 1 - r
                s = _two_rows_seven_lags(upper, lower, current[start : start + n + 6])
                for i in range(7):
                    sums[dy, k + i] += s[i]
                    sums[dy + 1, k + i] += s[7 + i]
    return sums[:r, : 2 * r - 1]
