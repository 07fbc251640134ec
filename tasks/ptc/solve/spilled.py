"""Levels so near to saturation that charge spills into neighbouring pixels: their covariances tell."""

import numpy as np
import numpy.typing as npt

__all__ = ["without_spilled"]

type FloatArray = npt.NDArray[np.float64]
type BoolArray = npt.NDArray[np.bool_]

_NEIGHBOURS = ((0, 1), (1, 0), (1, 1))
"""Lags that spilled charge reaches first, [serial][parallel]."""
_LARGEST_EXCESS = 0.5
"""Excess of the covariances, relative to what lower levels foretell, that may pass for an error of the
foretelling; charge that spills multiplies them."""
_N_SIGMA = 5.0
_FEWEST = 5
"""Levels below that are needed to foretell one."""
_SAME_LEVEL = 0.01
"""Relative difference of means that count as one level."""


def without_spilled(
    means: FloatArray, covariances: FloatArray, sqrt_weights: FloatArray, kept: BoolArray
) -> BoolArray:
    """Leave out the highest levels where their covariances jump.

    The variance of a flat of which few pixels are full is still near the curve, while the charge that these
    spill makes their neighbours alike. Fitted with the others, such a level spoils all covariances.

    Parameters
    ----------
    means
        Mean of each pair (adu), shape (n,).
    covariances
        adu², shape (n, r, r), [serial lag][parallel lag].
    sqrt_weights
        Reciprocal standard errors (1/adu²), shape (n, r, r).
    kept
        Pairs that follow the curve, shape (n,).

    Returns
    -------
    kept
        The same without pairs of the highest levels, if the sum of the covariances of the nearest pixels is
        there more than half again what α μ² + β μ³ through the lower levels foretells, by five standard
        errors.
    """
    if covariances.shape[1] < 2:
        return kept
    sums = np.sum([covariances[:, i, j] for i, j in _NEIGHBOURS], axis=0)
    with np.errstate(divide="ignore"):
        errors = np.sqrt(np.sum([sqrt_weights[:, i, j] ** -2.0 for i, j in _NEIGHBOURS], axis=0))
    usable = np.isfinite(sums) & np.isfinite(errors)
    result = kept.copy()
    while result.any():
        top = float(means[result].max())
        level = result & (means > (1.0 - _SAME_LEVEL) * top)
        below = result & ~level & usable
        if np.count_nonzero(below) < _FEWEST or not (level & usable).any():
            return result
        if not _jumps(means / top, sums, errors, below, level & usable):
            return result
        result &= ~level
    return result


def _jumps(
    scaled: FloatArray, sums: FloatArray, errors: FloatArray, below: BoolArray, level: BoolArray
) -> bool:
    """Tell whether a level's covariances are beyond what the lower levels foretell."""
    powers = scaled[:, None] ** np.array([2.0, 3.0])
    design = powers[below] / errors[below, None]
    inverse = np.linalg.pinv(design.T @ design)
    coefficients = inverse @ design.T @ (sums[below] / errors[below])
    at_level = powers[level].mean(axis=0)
    foretold = float(at_level @ coefficients)
    measured = float(sums[level].mean())
    own = float(np.sqrt(np.sum(errors[level] ** 2))) / np.count_nonzero(level)
    error = float(np.hypot(own, np.sqrt(at_level @ inverse @ at_level)))
    excess = measured - foretold
    return excess > _N_SIGMA * error and excess > _LARGEST_EXCESS * abs(foretold)
