"""Covariances that reach too far to be the brighter-fatter effect."""

import numpy as np
import numpy.typing as npt

__all__ = ["without_long_range"]

type FloatArray = npt.NDArray[np.float64]


def without_long_range(covariances: FloatArray, sqrt_weights: FloatArray, first_lag: int = 4) -> FloatArray:
    """Covariances less a plane fitted to those at large lags.

    Parameters
    ----------
    covariances
        adu², shape (n, r, r), [serial lag][parallel lag].
    sqrt_weights
        Reciprocal standard errors (1/adu²), same shape.
    first_lag
        A lag takes part in the fit when its larger component is at least this.

    Returns
    -------
    covariances
        Same shape: at each signal, a polynomial of first degree in both lags is subtracted everywhere. A
        signal whose large lags do not fix a plane stays as it is.
    """
    side = covariances.shape[1]
    i, j = np.indices((side, side))
    plane = np.stack([np.ones(side * side), i.ravel(), j.ravel()], axis=1)
    far = (np.maximum(i, j) >= first_lag).ravel()
    result = covariances.copy()
    for corrected, weights in zip(result, sqrt_weights, strict=True):
        used = far & np.isfinite(corrected.ravel()) & (weights.ravel() > 0)
        weighted = plane[used] * weights.ravel()[used, None]
        if np.count_nonzero(used) < 3 or np.linalg.matrix_rank(weighted) < 3:
            continue
        fitted, *_ = np.linalg.lstsq(weighted, corrected.ravel()[used] * weights.ravel()[used], rcond=None)
        corrected -= (plane @ fitted).reshape(side, side)
    return result
