"""Iteratively clipped mean and standard deviation of one sample, and of one amplifier's pixels."""

import math
import threading
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from infra.images import MaskPlane
from tasks.combine.order_statistics import quartiles

__all__ = [
    "IQR_TO_SIGMA",
    "TIE_TOLERANCE",
    "ClippedStatistics",
    "clipped_mean",
    "clipped_statistics_of_amplifier",
    "clipped_variance_factor",
]

IQR_TO_SIGMA = 0.741301109
"""Standard deviation of a Gaussian in units of its interquartile range (Rubin's afw, ``Statistics``)."""

TIE_TOLERANCE = 1e-9
"""Relative widening of the clip limit.

A value that stands exactly on the limit is kept. Which side of the limit rounding puts it on depends on the
order of summation, hence on vector width; the tolerance takes that freedom away. It is far below what a
float32 sample can resolve.
"""


_LARGEST_KEPT = 1 << 21
"""Pixels up to which a thread keeps its memory: 8 MiB, twice an amplifier."""

_memory = threading.local()


@dataclass(frozen=True, slots=True)
class ClippedStatistics:
    """What iterative clipping leaves of a sample; units are those of the sample."""

    mean: float
    """Mean of the values that survive the last pass; NaN when none do."""
    standard_deviation: float
    """Sample standard deviation (n − 1) of the survivors, not corrected for the clip; NaN below two."""
    n_valid: int
    """Number of finite values with no excluded mask plane."""
    n_used: int
    """Number of survivors."""
    median: float
    """Median of the valid values, before any clipping."""
    iqr: float
    """Interquartile range of the valid values (linear interpolation), before any clipping."""

    @property
    def standard_error(self) -> float:
        """Standard deviation divided by √n_used."""
        return self.standard_deviation / math.sqrt(self.n_used) if self.n_used else math.nan


def clipped_mean(
    values: npt.NDArray[np.floating], n_sigma: float = 3.0, n_iterations: int = 3
) -> ClippedStatistics:
    """Clipped mean and standard deviation of a sample.

    Parameters
    ----------
    values
        Sample of any shape; values that are not finite are left out.
    n_sigma
        Half-width of the interval kept, in standard deviations.
    n_iterations
        Number of clipping passes, at least 1.

    Returns
    -------
    statistics
        In float64, whatever the type of ``values``.

    Notes
    -----
    Pass 1 keeps ``|x − median| ≤ n_sigma · 0.741301109 · IQR``; each later pass keeps
    ``|x − mean| ≤ n_sigma · s`` with the mean and the sample standard deviation of the pass before, always
    out of the full sample (Rubin's afw, MEANCLIP and STDEVCLIP). An interquartile range of 0 thus leaves only
    values equal to the median. A standard deviation of one survivor counts as 0 when it sets a limit.
    """
    flat = np.ravel(values)
    if flat.dtype not in (np.float32, np.float64):
        flat = flat.astype(np.float64)
    return _statistics(_finite(flat), n_sigma, n_iterations)


def clipped_statistics_of_amplifier(
    image: npt.NDArray[np.float32],
    mask: npt.NDArray[np.uint16] | None = None,
    excluded: MaskPlane = MaskPlane.DETECTED | MaskPlane.BAD | MaskPlane.NO_DATA,
    n_sigma: float = 3.0,
    n_iterations: int = 3,
) -> ClippedStatistics:
    """Clipped mean and standard deviation of the pixels of an amplifier, or of any image.

    Parameters
    ----------
    image
        Pixels, shape (ny, nx), a view is fine; pixels that are not finite are left out.
    mask
        `MaskPlane` bits, shape (ny, nx); None when nothing is masked.
    excluded
        Pixels with any of these planes set are left out.
    n_sigma, n_iterations
        As in `clipped_mean`; verification uses 5 and 3.
    """
    if image.dtype != np.float32 or image.ndim != 2:
        raise ValueError(f"an amplifier's pixels are float32 [ny, nx], not {image.dtype} {image.shape}")
    pixels = _scratch("pixels", image.size, np.float32)
    pixels.reshape(image.shape)[...] = image
    if mask is not None:
        flags = _scratch("flags", image.size, np.uint16)
        np.bitwise_and(mask, np.uint16(excluded), out=flags.reshape(image.shape))
        if flags.any():
            pixels[flags != 0] = np.nan
    return _statistics(_finite(pixels), n_sigma, n_iterations)


def clipped_variance_factor(n_sigma: float) -> float:
    """Ratio of the variance of a Gaussian to its variance after a symmetric clip.

    Parameters
    ----------
    n_sigma
        Half-width of the clip in true standard deviations, above 0.

    Returns
    -------
    factor
        F(k) = 1 / [1 − 2 k φ(k) / (Φ(k) − Φ(−k))]; multiply a clipped variance by it.
    """
    density = math.exp(-0.5 * n_sigma**2) / math.sqrt(2.0 * math.pi)
    return 1.0 / (1.0 - 2.0 * n_sigma * density / math.erf(n_sigma / math.sqrt(2.0)))


def _statistics(valid: npt.NDArray[np.floating], n_sigma: float, n_iterations: int) -> ClippedStatistics:
    """Clip a contiguous one-dimensional sample of finite values."""
    if n_iterations < 1 or not n_sigma > 0:
        raise ValueError(f"clipping needs n_sigma > 0 and n_iterations ≥ 1, not {n_sigma} and {n_iterations}")
    if valid.size == 0:
        return ClippedStatistics(math.nan, math.nan, 0, 0, math.nan, math.nan)
    first, median, third = quartiles(valid)
    iqr = third - first
    mean, deviation, n_used = _clip(valid, median, iqr, n_sigma, n_iterations)
    return ClippedStatistics(mean, deviation, valid.size, int(n_used), median, iqr)


def _finite(values: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """Contiguous sample of the finite values."""
    # The sum tells at one cheap pass that all are finite; one that overflows only costs the second look.
    with np.errstate(invalid="ignore", over="ignore"):
        all_finite = bool(np.isfinite(values.sum()))
    return np.ascontiguousarray(values if all_finite else values[np.isfinite(values)])


def _scratch[T: np.generic](name: str, size: int, dtype: type[T]) -> npt.NDArray[T]:
    """Memory of this thread for an amplifier: fresh memory would cost more than the work done in it."""
    kept = getattr(_memory, name, None)
    if kept is None or kept.size < size:
        kept = np.empty(size, dtype)
        if size <= _LARGEST_KEPT:
            setattr(_memory, name, kept)
    scratch: npt.NDArray[T] = kept[:size]
    return scratch


@njit(cache=True, nogil=True, fastmath={"reassoc", "nsz", "contract"})
def _moments(
    values: npt.NDArray[np.floating], pivot: float, low: float, high: float
) -> tuple[float, float, float]:
    """Count, sum and sum of squares of the differences from the pivot that lie within [low, high]."""
    # No branch, no integer, no iterator: each keeps the loop from being vectorised.
    n, total, squares = 0.0, 0.0, 0.0
    for i in range(values.size):
        difference = np.float64(values[i]) - pivot
        kept = 1.0 if (difference >= low) & (difference <= high) else 0.0
        difference *= kept
        n += kept
        total += difference
        squares += difference * difference
    return n, total, squares


@njit(cache=True, nogil=True)
def _clip(
    values: npt.NDArray[np.floating], pivot: float, iqr: float, n_sigma: float, n_iterations: int
) -> tuple[float, float, float]:
    """Mean, sample standard deviation and number of survivors of the last pass."""
    # Differences from the median are nearly exact, so that a tie survives a large common level.
    centre, sigma = 0.0, IQR_TO_SIGMA * iqr
    n, total, squares = 0.0, 0.0, 0.0
    for _ in range(n_iterations):
        limit = n_sigma * sigma * (1.0 + TIE_TOLERANCE)
        n_before, total_before, squares_before = n, total, squares
        n, total, squares = _moments(values, pivot, centre - limit, centre + limit)
        if n == 0:
            return np.nan, np.nan, 0.0
        if n == n_before and total == total_before and squares == squares_before:
            break
        centre = total / n
        sigma = np.sqrt(max(squares - total * centre, 0.0) / (n - 1)) if n > 1.0 else 0.0
    return pivot + centre, sigma if n > 1 else np.nan, n
