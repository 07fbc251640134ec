"""The level of each row of an overscan: median with outliers rejected, and statistics of what is left."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tasks.combine.clipping import clipped_mean

__all__ = ["OverscanStatistics", "fill_unknown", "fit_median_per_row", "grown", "residual_statistics"]

_ROW_SIGMA = 0.74
"""Standard deviation of a row in units of its interquartile range, as the reference rounds it."""

_NEIGHBOURS = 5
"""Rows on each side from which a run of unknown levels is filled."""


@dataclass(frozen=True, slots=True)
class OverscanStatistics:
    """Mean, median and scatter of a fitted level or of an overscan's residual, in the unit of the image."""

    mean: float
    """Plain mean."""
    median: float
    """Median."""
    standard_deviation: float
    """Standard deviation: plain for a fitted level, 3 σ clipped for a residual."""


def fit_median_per_row(
    overscan: npt.NDArray[np.float32], rejected: npt.NDArray[np.bool_] | None = None, n_sigma: float = 3.0
) -> npt.NDArray[np.float32] | None:
    """Level of each row of an overscan.

    Parameters
    ----------
    overscan
        Shape (n, samples): one row per level to fit. Pixels that are not finite are left out.
    rejected
        Pixels to leave out, same shape; None when there are none.
    n_sigma
        Pixels further from their row's median than this many of its standard deviations are left out.

    Returns
    -------
    levels
        Shape (n,), in the unit of the overscan, all finite; None when every pixel is left out.

    Notes
    -----
    Rubin ip_isr, MEDIAN_PER_ROW: σ of a row is 0.74 of its interquartile range, and the median σ of all rows
    where it is more than twice that, as where a bleed trail reaches the overscan. The level is the median of
    the pixels within n_sigma · σ of the row's median. The reference takes the quartiles of all pixels, here
    those already rejected are left out of them too; it makes no difference where nothing is rejected.
    """
    unusable = ~np.isfinite(overscan) if rejected is None else rejected | ~np.isfinite(overscan)
    some_unusable = bool(unusable.any())
    ordered = np.sort(np.where(unusable, np.float32(np.inf), overscan) if some_unusable else overscan, axis=1)
    n_rows, n_samples = ordered.shape
    n = n_samples - np.count_nonzero(unusable, axis=1) if some_unusable else np.full(n_rows, n_samples)
    known = n > 0
    if not known.any():
        return None
    first, median, third = (_row_quantile(ordered, n, quarter) for quarter in (1, 2, 3))
    sigma = _ROW_SIGMA * (third - first)
    typical = np.median(sigma[known])
    sigma = np.where(sigma > 2.0 * typical, typical, sigma)
    # Rows are in order, so that what is kept of each is one run.
    limit = n_sigma * sigma
    start = np.count_nonzero(ordered < (median - limit)[:, None], axis=1)
    stop = np.minimum(np.count_nonzero(ordered <= (median + limit)[:, None], axis=1), n)
    known &= stop > start
    rows, last = np.arange(n_rows), n_samples - 1
    low = ordered[rows, np.clip((start + stop - 1) // 2, 0, last)]
    high = ordered[rows, np.clip((start + stop) // 2, 0, last)]
    levels = np.full(n_rows, np.nan, np.float32)
    levels[known] = np.float32(0.5) * (low[known] + high[known])
    return fill_unknown(levels)


def _row_quantile(
    ordered: npt.NDArray[np.float32], n: npt.NDArray[np.integer], quarter: int
) -> npt.NDArray[np.float64]:
    """Quartile of the first n of each row's sorted values; 0 where there are none."""
    place = quarter * np.maximum(n - 1, 0)
    rank, part = place // 4, (place % 4) / 4.0
    rows = np.arange(ordered.shape[0])
    low = np.where(n > 0, ordered[rows, rank].astype(np.float64), 0.0)
    high = np.where(n > 0, ordered[rows, np.minimum(rank + 1, np.maximum(n - 1, 0))].astype(np.float64), 0.0)
    return low + (high - low) * part


def fill_unknown(levels: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Fill each run of NaN with the median of the known among its five neighbours on each side.

    Parameters
    ----------
    levels
        Shape (n,), at least one of them known.

    Returns
    -------
    filled
        A copy; runs with no known neighbour get the median of all known levels.
    """
    unknown = np.isnan(levels)
    if not unknown.any():
        return levels
    filled = levels.copy()
    overall = np.nanmedian(levels)
    edges = np.diff(np.concatenate(([0], unknown.astype(np.int8), [0])))
    for start, stop in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True):
        neighbours = np.concatenate(
            (levels[max(start - _NEIGHBOURS, 0) : start], levels[stop : stop + _NEIGHBOURS])
        )
        neighbours = neighbours[np.isfinite(neighbours)]
        filled[start:stop] = np.median(neighbours) if neighbours.size else overall
    return filled


def grown(flags: npt.NDArray[np.bool_], radius: int) -> npt.NDArray[np.bool_]:
    """Set every element within a city-block distance of one that is set.

    Parameters
    ----------
    flags
        One- or two-dimensional.
    radius
        Distance in elements.
    """
    result = flags.copy()
    for _ in range(radius):
        before = result.copy()
        for axis in range(flags.ndim):
            ahead = [slice(None)] * flags.ndim
            behind = [slice(None)] * flags.ndim
            ahead[axis], behind[axis] = slice(1, None), slice(None, -1)
            result[tuple(ahead)] |= before[tuple(behind)]
            result[tuple(behind)] |= before[tuple(ahead)]
    return result


def residual_statistics(
    residual: npt.NDArray[np.float32], rejected: npt.NDArray[np.bool_] | None
) -> OverscanStatistics:
    """Mean, median and clipped scatter (3 σ, 3 passes) of an overscan after its level is subtracted.

    Parameters
    ----------
    residual
        Shape (ny, nx); pixels that are not finite are left out.
    rejected
        Pixels to leave out as well.
    """
    sample = residual.ravel() if rejected is None else residual[~rejected]
    clipped = clipped_mean(sample)
    finite = sample[np.isfinite(sample)]
    mean = float(finite.mean(dtype=np.float64)) if finite.size else float("nan")
    return OverscanStatistics(mean, clipped.median, clipped.standard_deviation)
