"""Points that do not follow the curve, and the turnoff where the curve ends."""

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from tasks.ptc.solve.exponential import exponential_variance, fit_exponential_bounded
from tasks.ptc.solve.model import FitRefused, OutlierSettings

__all__ = ["distinct_levels", "find_outliers", "turnoff"]

type FloatArray = npt.NDArray[np.float64]
type BoolArray = npt.NDArray[np.bool_]

_LOWEST_VARIANCE = 1e-9
"""What a variance not above 0 counts as (adu²)."""

_SAME_LEVEL = 0.01
"""Relative difference of means below which two pairs count as one flux level."""


def find_outliers(
    means: FloatArray,
    variances: FloatArray,
    usable: BoolArray,
    settings: OutlierSettings | None = None,
    errors: FloatArray | None = None,
) -> BoolArray:
    """Which points follow the curve.

    Parameters
    ----------
    means, variances
        Mean (adu) and variance (adu²) of one amplifier in each pair, shape (n,), in any order.
    usable
        Points to consider, shape (n,); all others are rejected.
    settings
        Limits.
    errors
        Standard errors of the variances (adu²), shape (n,); 0 throughout when None.

    Returns
    -------
    kept
        Shape (n,).

    Raises
    ------
    FitRefused
        Fewer than two points are left to fit.

    Notes
    -----
    The rule of Rubin's cp_pipe. The first fit takes low signals only, lest the turnoff bend it. Residuals are
    compared with √variance, a limit that has no statistical meaning (the standard error of a variance v out
    of N pixels is v √(2/N)) but has proved itself on images of a million pixels. On small images it would be
    narrower than the noise, so the limit is never below as many standard errors. Where the first
    kept point after rejected ones stands a long way above the last kept one, it and all above are rejected;
    but after a single rejected one (cp_pipe: also then) the distance tells only how coarse the sequence is.
    """
    settings = settings or OutlierSettings()
    order = np.flatnonzero(usable)
    order = order[np.argsort(means[order], kind="stable")]
    mean, variance = means[order], np.maximum(variances[order], _LOWEST_VARIANCE)
    scale = np.sqrt(variance)
    if errors is not None:
        scale = np.maximum(scale, errors[order])
    kept = np.ones(order.size, np.bool_)
    unit = 1.0
    if not settings.limits_in_adu and order.size:
        unit = 1.0 / float(np.median(mean / variance))
    linear = settings.linear_limit * unit
    fitted = (mean <= linear) & (variance <= linear)
    for _ in range(settings.n_iterations):
        if np.count_nonzero(fitted) < 2:
            raise FitRefused(f"{np.count_nonzero(fitted)} usable pairs below {linear:.0f} adu, fewer than 2")
        model = exponential_variance(mean, fit_exponential_bounded(mean[fitted], variance[fitted]))
        near = np.abs(variance - model) / scale < settings.n_sigma
        near = _cut_at_jump(mean, near, settings.jump_limit * unit)
        unchanged = bool((near == kept).all())
        kept = fitted = near
        if unchanged:
            break
    result = np.zeros(usable.shape, np.bool_)
    result[order[kept]] = True
    return result


def _cut_at_jump(mean: FloatArray, near: BoolArray, limit: float) -> BoolArray:
    """Reject what stands a long way above rejected points; means are in order."""
    places = np.flatnonzero(near)
    for before, after in pairwise(places.tolist()):
        if after - before > 2 and mean[after] - mean[before] >= limit:
            cut = near.copy()
            cut[after:] = False
            return cut
    return near


def turnoff(means: FloatArray, kept: BoolArray) -> tuple[float, float]:
    """Largest mean that follows the curve, and how finely it is sampled.

    Parameters
    ----------
    means
        Mean of each pair (adu), shape (n,), in any order; NaN where there is none.
    kept
        Points that follow the curve, shape (n,), at least one.

    Returns
    -------
    turnoff
        Mean of the last kept point (adu).
    sampling_error
        Half the distance between its neighbours (adu); the distance to the one before where it is the last;
        NaN where it is the only one.
    """
    highest = float(means[kept].max())
    known = np.sort(means[np.isfinite(means)])
    place = int(np.searchsorted(known, highest, side="right")) - 1
    if known.size == 1:
        return highest, np.nan
    if place == known.size - 1:
        return highest, float(known[place] - known[place - 1])
    return highest, float(0.5 * (known[place + 1] - known[max(place - 1, 0)]))


def distinct_levels(means: FloatArray) -> int:
    """Count the flux levels among the means (adu): values more than 1 % apart."""
    ordered = np.sort(means)
    return int(np.count_nonzero(np.diff(ordered) > _SAME_LEVEL * ordered[1:])) + 1 if means.size else 0
