"""Least squares of polynomials that a few bad points cannot bend."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from infra.errors import CalprodError

__all__ = ["PolynomialFit", "fit_polynomial", "mad_sigma"]

type FloatArray = npt.NDArray[np.float64]

_CAUCHY = 2.385
"""Scale of Cauchy's weights: 95 % efficiency for Gaussian errors (Holland & Welsch 1977)."""

_MAD_TO_SIGMA = 1.4826


@dataclass(frozen=True, slots=True, eq=False)
class PolynomialFit:
    """A polynomial and how well it is known."""

    coefficients: FloatArray
    """Of 1, x, x², …, shape (order + 1,)."""
    errors: FloatArray
    """Standard errors, same shape; NaN when no degree of freedom is left."""
    reduced_chi_squared: float
    """Weighted sum of squares (with the residuals as the weights see them) by degrees of freedom."""
    weights: FloatArray
    """Weights of the last refit, shape (n,)."""


def fit_polynomial(
    x: FloatArray, y: FloatArray, order: int, *, scale_residuals: bool = True, n_refits: int = 10
) -> PolynomialFit:
    """Fit a polynomial by iteratively reweighted least squares.

    Parameters
    ----------
    x, y
        Points, shape (n,), finite.
    order
        Of the polynomial.
    scale_residuals
        Measure residuals in units of √y, the photon noise of one electron per adu.
    n_refits
        Fits after the first, unweighted one.

    Raises
    ------
    CalprodError
        Fewer points than coefficients.

    Notes
    -----
    Rubin cp_pipe: weights 1 / (1 + (r / 2.385)²). The problem is linear, so each fit is exact and no start
    is needed. The errors are those of the weighted fit whatever the distribution of the noise along the ramp
    (sandwich covariance, White 1980, with residuals divided by √(1 − leverage)): the photon noise grows with
    the level, whereas one covariance scaled by the reduced χ², as Rubin has it, supposes equal noise.
    """
    if x.size < order + 1:
        raise CalprodError(f"{x.size} points cannot determine a polynomial of order {order}")
    unit = float(np.abs(x).max()) or 1.0
    powers = np.arange(order + 1)
    design = (x[:, np.newaxis] / unit) ** powers
    noise = np.sqrt(np.maximum(y, 1e-12)) if scale_residuals else np.ones_like(y)
    weights = np.ones_like(y)
    scaled = _solve(design, y, weights)
    for _ in range(n_refits):
        weights = 1.0 / (1.0 + ((y - design @ scaled) / noise / _CAUCHY) ** 2)
        scaled = _solve(design, y, weights)
    residuals = y - design @ scaled
    freedom = x.size - order - 1
    errors, chi_squared = np.full(order + 1, np.nan), np.nan
    if freedom > 0:
        bread = np.linalg.pinv(design * np.sqrt(weights)[:, np.newaxis]) * np.sqrt(weights)
        leverage = np.einsum("ij,ji->i", design, bread)
        errors = np.sqrt(((bread * residuals) ** 2 / np.maximum(1.0 - leverage, 1e-9)).sum(axis=1))
        chi_squared = float((weights * (residuals / noise) ** 2).sum() / freedom)
    return PolynomialFit(scaled / unit**powers, errors / unit**powers, chi_squared, weights)


def mad_sigma(values: FloatArray) -> float:
    """1.4826 times the median absolute deviation of the finite values from their median; NaN if none."""
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return float("nan")
    return float(_MAD_TO_SIGMA * np.median(np.abs(finite - np.median(finite))))


def _solve(design: FloatArray, y: FloatArray, weights: FloatArray) -> FloatArray:
    """Weighted least squares."""
    root = np.sqrt(weights)
    return np.asarray(np.linalg.lstsq(design * root[:, np.newaxis], y * root, rcond=None)[0])
