"""Variance against mean: the exponential approximation of the photon transfer curve."""

import numpy as np
import numpy.typing as npt
from scipy.optimize import least_squares

from tasks.ptc.solve.model import ExponentialFit, FitRefused

__all__ = ["START", "exponential_variance", "fit_exponential", "fit_exponential_bounded"]

type FloatArray = npt.NDArray[np.float64]

START = np.array([-2e-6, 1.5, 25.0])
"""First guess of a₀₀ (1/electron), gain (electron/adu), n² (electron²) (Rubin cp_pipe)."""

BOUNDS = (np.array([-1e-4, 0.1, 0.0]), np.array([0.0, 10.0, 2000.0]))
"""Lowest and highest values in the bounded fit (Rubin cp_pipe)."""

_SCALE = np.array([1e-6, 1.0, 10.0])
"""Typical sizes, so that the fit sees numbers near 1."""

_SMALL = 1e-4
"""Exponent below which the series is more exact than the closed form."""


def exponential_variance(mean: npt.ArrayLike, parameters: npt.ArrayLike) -> FloatArray:
    """Variance that the exponential approximation gives.

    Parameters
    ----------
    mean
        Mean signal (adu), any shape.
    parameters
        a₀₀ (1/electron), gain (electron/adu), n² (electron²).

    Returns
    -------
    variance
        C₀₀ (adu²), shape of ``mean``.

    Notes
    -----
    Astier et al. 2019 (A&A 629, A36), eq. 16. At a₀₀ = 0 it is the straight line μ/g + n²/g².
    """
    a00, gain, noise_squared = np.asarray(parameters, np.float64)
    means = np.asarray(mean, np.float64)
    value, _ = _relative_growth(2.0 * a00 * gain * means)
    return means / gain * value + noise_squared / gain**2


def fit_exponential(
    means: FloatArray, variances: FloatArray, sqrt_weights: FloatArray, start: npt.ArrayLike = START
) -> ExponentialFit:
    """Weighted, unbounded fit.

    Parameters
    ----------
    means, variances
        Mean (adu) and variance (adu²) of each kept pair, shape (n,).
    sqrt_weights
        Reciprocal standard errors of the variances (1/adu²), shape (n,).
    start
        a₀₀ (1/electron), gain (electron/adu), n² (electron²).

    Raises
    ------
    FitRefused
        There are fewer points than parameters, or they do not fix all three.

    Notes
    -----
    The errors are scaled by √(χ²/dof), as cp_pipe does.
    """
    if means.size < START.size:
        raise FitRefused(f"{means.size} usable pairs, fewer than the {START.size} parameters")
    found = least_squares(
        lambda p: sqrt_weights * (exponential_variance(means, p) - variances),
        np.asarray(start, np.float64),
        jac=lambda p: sqrt_weights[:, None] * _derivatives(means, p),
        method="lm",
        x_scale=_SCALE,
        xtol=1e-14,
        ftol=1e-14,
        gtol=1e-14,
    )
    if not np.isfinite(found.x).all() or not found.x[1] > 0:
        raise FitRefused(f"the exponential fit ran away to a gain of {found.x[1]:.3g} electron/adu")
    jacobian = sqrt_weights[:, None] * _derivatives(means, found.x) * _SCALE
    norm = np.linalg.norm(jacobian, axis=0)
    if np.linalg.matrix_rank(jacobian / norm, tol=1e-7) < START.size:
        raise FitRefused("the flux levels do not fix gain, noise and a00 all three")
    dof = means.size - START.size
    chi_squared = float(found.fun @ found.fun)
    reduced = chi_squared / dof if dof else np.nan
    covariance = np.linalg.inv((jacobian / norm).T @ (jacobian / norm)) / np.outer(norm, norm)
    covariance *= np.outer(_SCALE, _SCALE) * reduced
    a00, gain, noise_squared = found.x.tolist()
    return ExponentialFit(a00, gain, noise_squared, covariance, reduced)


def fit_exponential_bounded(means: FloatArray, variances: FloatArray) -> FloatArray:
    """Unweighted fit within `BOUNDS`, which stays sane among outliers.

    Parameters
    ----------
    means, variances
        Mean (adu) and variance (adu²) of each point, shape (n,).

    Returns
    -------
    parameters
        a₀₀ (1/electron), gain (electron/adu), n² (electron²).
    """
    found = least_squares(
        lambda p: exponential_variance(means, p) - variances,
        START,
        jac=lambda p: _derivatives(means, p),
        bounds=BOUNDS,
        x_scale=_SCALE,
    )
    return np.asarray(found.x)


def _relative_growth(exponent: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(eˣ − 1)/x and its derivative."""
    # A wild step of the fit may ask for a number that has no float; large is good enough.
    x = np.clip(exponent, -600.0, 600.0)
    small = np.abs(x) < _SMALL
    safe = np.where(small, 1.0, x)
    value = np.where(small, 1.0 + x / 2.0 + x**2 / 6.0, np.expm1(safe) / safe)
    slope = np.where(small, 0.5 + x / 3.0 + x**2 / 8.0, (np.exp(safe) - value) / safe)
    return value, slope


def _derivatives(means: FloatArray, parameters: FloatArray) -> FloatArray:
    """Slope of the variance with respect to a₀₀, gain, n², shape (n, 3)."""
    a00, gain, noise_squared = parameters
    value, slope = _relative_growth(2.0 * a00 * gain * means)
    by_gain = -means / gain**2 * value + 2.0 * a00 * means**2 / gain * slope - 2.0 * noise_squared / gain**3
    return np.stack([2.0 * means**2 * slope, by_gain, np.full_like(means, gain**-2.0)], axis=1)
