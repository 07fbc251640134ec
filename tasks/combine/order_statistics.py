"""Exact quantiles of large samples at a few passes over the data."""

import numpy as np
import numpy.typing as npt
from numba import njit

__all__ = ["quantiles", "quartiles"]

_SMALL = 8192
"""Samples up to this size are simply sorted."""

_SUBSAMPLE = 8192
"""About the number of values that place the brackets."""


def quartiles(values: npt.NDArray[np.floating]) -> tuple[float, float, float]:
    """First quartile, median and third quartile of a sample, as `quantiles` gives them."""
    return quantiles(values, (0.25, 0.5, 0.75))


def quantiles(
    values: npt.NDArray[np.floating], fractions: tuple[float, float, float]
) -> tuple[float, float, float]:
    """Three quantiles of a sample, linearly interpolated.

    Parameters
    ----------
    values
        One-dimensional, contiguous, at least one value, all finite.
    fractions
        Between 0 and 1.

    Returns
    -------
    quantiles
        The same values as ``numpy.quantile(values.astype(float), fractions)``.

    Notes
    -----
    A sorted subsample gives a bracket about each quantile (Floyd & Rivest 1975, CACM 18, 165). Passes that
    only count, and so run at the speed of memory, give the exact ranks of its ends; interpolating between
    them tightens it; what lies within is collected, and the wanted ranks are found among those. Where a rank
    falls outside its bracket the whole sample is partitioned instead: the answer is always exact.
    """
    places = [(values.size - 1) * fraction for fraction in fractions]
    if values.size <= _SMALL:
        return _interpolated(np.sort(values), places)
    stride = (values.size // _SUBSAMPLE) | 1  # odd: must not keep step with the columns of an image
    sample = np.sort(values[::stride])
    probabilities = np.array(fractions)
    margins = 3.0 * np.sqrt(sample.size * probabilities * (1.0 - probabilities)) + 2.0  # binomial, 3 sigma
    centres = (sample.size - 1) * probabilities
    low = sample[np.maximum(centres - margins, 0.0).astype(np.int64)]
    high = sample[np.minimum(centres + margins, sample.size - 1).astype(np.int64)]
    low, high = _narrowed(values, probabilities, low, high)
    below = _ranks(values, low)
    middle = (low + high) / values.dtype.type(2)
    half_width = np.maximum(middle - low, high - middle).max()
    collected = _within(values, middle[0], middle[1], middle[2], half_width)
    results = []
    for i, place in enumerate(places):
        bracket = collected.compress((collected >= low[i]) & (collected <= high[i]))
        rank = int(place) - int(below[i])
        if rank < 0 or rank + 1 >= bracket.size:
            return _partitioned(values, places)
        ordered = np.partition(bracket, (rank, rank + 1))
        results.append(_between(float(ordered[rank]), float(ordered[rank + 1]), place - int(place)))
    return results[0], results[1], results[2]


def _ranks(values: npt.NDArray[np.floating], limits: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Count the values below each of three limits."""
    return np.array(_below(values, limits[0], limits[1], limits[2]))


def _narrowed(
    values: npt.NDArray[np.floating],
    probabilities: npt.NDArray[np.float64],
    low: npt.NDArray[np.floating],
    high: npt.NDArray[np.floating],
) -> tuple[npt.NDArray[np.floating], npt.NDArray[np.floating]]:
    """Tighten brackets by interpolating between the exact ranks of their ends."""
    below_low, below_high = _ranks(values, low), _ranks(values, high)
    span = np.maximum(below_high - below_low, 1.0)
    position = ((values.size - 1) * probabilities + 0.5 - below_low) / span
    # The rank of a point inside a bracket scatters by at most half the root of what the bracket holds: four
    # times that, and something for the curvature of the distribution, which is strongest in the tails.
    margin = 2.0 / np.sqrt(span) + 0.0025 / np.maximum(probabilities * (1.0 - probabilities), 0.01)
    width = high.astype(np.float64) - low
    tight_low = np.clip(low + (position - margin) * width, low, high).astype(low.dtype)
    tight_high = np.clip(low + (position + margin) * width, low, high).astype(low.dtype)
    return tight_low, tight_high


def _between(low: float, high: float, gamma: float) -> float:
    """Interpolate between two order statistics the way numpy does, so that both give the same bits."""
    return low + (high - low) * gamma if gamma < 0.5 else high - (high - low) * (1.0 - gamma)


def _interpolated(ordered: npt.NDArray[np.floating], places: list[float]) -> tuple[float, float, float]:
    """Quantiles of a sample that is in order at least around the ranks needed."""
    first, second, third = (
        _between(
            float(ordered[int(place)]),
            float(ordered[min(int(place) + 1, ordered.size - 1)]),
            place - int(place),
        )
        for place in places
    )
    return first, second, third


def _partitioned(values: npt.NDArray[np.floating], places: list[float]) -> tuple[float, float, float]:
    """Quantiles by partial sort of the whole sample."""
    wanted = sorted({min(int(place) + step, values.size - 1) for place in places for step in (0, 1)})
    return _interpolated(np.partition(values, wanted), places)


@njit(cache=True, nogil=True, fastmath={"reassoc", "nsz", "contract"})
def _below(
    values: npt.NDArray[np.floating], first: float, second: float, third: float
) -> tuple[float, float, float]:
    """Count values below each of three limits; in float64 and by index, so that it vectorises."""
    below_first, below_second, below_third = 0.0, 0.0, 0.0
    for i in range(values.size):
        value = values[i]
        below_first += 1.0 if value < first else 0.0
        below_second += 1.0 if value < second else 0.0
        below_third += 1.0 if value < third else 0.0
    return below_first, below_second, below_third


@njit(cache=True, nogil=True, fastmath={"reassoc", "nsz", "contract"})
def _hits(
    values: npt.NDArray[np.floating],
    start: int,
    centre_0: float,
    centre_1: float,
    centre_2: float,
    half_width: float,
) -> np.float32:
    """Count memberships among 64 values; apart from the collecting, so that it vectorises."""
    hits = np.float32(0.0)
    for i in range(start, start + 64):
        value = values[i]
        hits += np.float32(1.0) if abs(value - centre_0) <= half_width else np.float32(0.0)
        hits += np.float32(1.0) if abs(value - centre_1) <= half_width else np.float32(0.0)
        hits += np.float32(1.0) if abs(value - centre_2) <= half_width else np.float32(0.0)
    return hits


@njit(cache=True, nogil=True)
def _within(
    values: npt.NDArray[np.floating], centre_0: float, centre_1: float, centre_2: float, half_width: float
) -> npt.NDArray[np.floating]:
    """Collect the values within a half-width of any of three centres."""
    collected = np.empty(values.size + 1, values.dtype)
    n = 0
    for start in range(0, values.size, 64):
        stop = min(start + 64, values.size)
        if stop - start == 64 and _hits(values, start, centre_0, centre_1, centre_2, half_width) == 0.0:
            continue
        for i in range(start, stop):
            value = values[i]
            collected[n] = value  # overwritten unless wanted: no branch to mispredict
            n += min(abs(value - centre_0), abs(value - centre_1), abs(value - centre_2)) <= half_width
    return collected[:n]
