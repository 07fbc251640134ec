"""Points of a photon transfer curve, reduced to what a polynomial in the mean can tell of them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["DEGREE", "ReducedPoints", "reduce_points"]

type FloatArray = npt.NDArray[np.float64]

DEGREE = 4
"""Highest power of the mean in the covariance model."""


@dataclass(frozen=True, slots=True, eq=False)
class ReducedPoints:
    """Triangular least-squares systems, one per lag, for the coefficients of (μ/scale)⁰…(μ/scale)⁴."""

    scale: float
    """Largest mean (adu)."""
    constant: FloatArray
    """Row of the constant term, shape (lags, 5): what fixes it once the others are known."""
    constant_value: FloatArray
    """Right-hand side of that row, shape (lags,)."""
    triangle: FloatArray
    """Rows of the powers 1 to 4, free of the constant term, shape (lags, 4, 4)."""
    values: FloatArray
    """Right-hand sides of these rows, shape (lags, 4)."""
    misfit: float
    """Part of χ² that no such polynomial removes."""
    n_points: int
    """Covariances of non-zero weight, all lags together."""


def reduce_points(means: FloatArray, covariances: FloatArray, sqrt_weights: FloatArray) -> ReducedPoints:
    """Reduce weighted points to one small triangular system per lag.

    Parameters
    ----------
    means
        Mean of each pair (adu), shape (n,).
    covariances
        adu², shape (n, lags).
    sqrt_weights
        Reciprocal standard errors (1/adu²), shape (n, lags); 0 leaves a covariance out.

    Returns
    -------
    reduced
        Equivalent to the points for every model that is a polynomial of degree 4 in the mean at each lag.

    Notes
    -----
    The triangular factor of the weighted powers holds their moments without squaring the condition number, as
    the moments themselves would; the covariance enters as a sixth column, whose last entry is the misfit.
    With the constant term in the first column, leaving out the first row eliminates it.
    """
    scale = float(np.max(means))
    n, n_lags = covariances.shape
    columns = np.zeros((n_lags, max(n, DEGREE + 2), DEGREE + 2))
    columns[:, :n, : DEGREE + 1] = (means / scale)[:, None] ** np.arange(DEGREE + 1)
    used = np.isfinite(covariances) & (sqrt_weights > 0)
    columns[:, :n, DEGREE + 1] = np.where(used, covariances, 0.0).T
    columns[:, :n] *= np.where(used, sqrt_weights, 0.0).T[:, :, None]
    factor = np.linalg.qr(columns, mode="r")
    return ReducedPoints(
        scale=scale,
        constant=factor[:, 0, : DEGREE + 1],
        constant_value=factor[:, 0, DEGREE + 1],
        triangle=factor[:, 1 : DEGREE + 1, 1 : DEGREE + 1],
        values=factor[:, 1 : DEGREE + 1, DEGREE + 1],
        misfit=float(np.sum(factor[:, DEGREE + 1, DEGREE + 1] ** 2)),
        n_points=int(np.count_nonzero(used)),
    )
