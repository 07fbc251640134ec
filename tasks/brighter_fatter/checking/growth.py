"""How the moments of spots grow with their flux, before and after they were corrected."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.optimize import least_squares
from scipy.spatial import KDTree

from tasks.brighter_fatter.checking.spots import Spots
from tasks.verification.model import StatisticValues

__all__ = ["growth_of_spots"]

type FloatArray = npt.NDArray[np.float64]

_APART = 3.0
"""Distance within which two detections are the same spot (pixel)."""

_FEWEST_MATCHES = 10
"""With as many matches or fewer, nothing is said of the slope."""

_N_ERRORS = 3.0
_SIGNIFICANT = 5.0
"""Standard errors by which moments must grow before the correction for it to be judged."""

_LINEAR = -0.4 * np.log(10.0)
"""Slope of a quantity that goes with the flux, in magnitudes."""


def growth_of_spots(before: Sequence[Spots], after: Sequence[Spots]) -> StatisticValues:
    """Measure how moments grow with the flux.

    Parameters
    ----------
    before, after
        Spots of the same exposures, without and with the correction.

    Returns
    -------
    statistics
        ``N_MATCHES``; ``XX_SLOPE_BEFORE`` and ``XX_SLOPE_AFTER`` (pixel²/electron), ``XX_SLOPE_RESIDUAL``,
        the fraction of the growth that the correction leaves, its ``…_ERROR``, and ``…_EXCESS``, what lies
        beyond three of these; the same of YY; ``BRIGHT_SLOPE``, see below. Nothing of no exposure; a number
        that cannot be told is NaN.

    Notes
    -----
    BRIGHT_SLOPE (Rubin cp_verify): what the correction takes off xx + yy is fitted with A exp[α (m − m₀)]
    against the magnitude m = −2.5 log₁₀ flux, residuals weighed as by Cauchy; α is −0.92 where it goes with
    the flux. cp_verify passes where there are too few matches, and fails without any; here α is then NaN.
    """
    if not before:
        return {}
    pairs = [_matched(one, other) for one, other in zip(before, after, strict=True)]
    table = np.concatenate(pairs, axis=1)
    values: StatisticValues = {"N_MATCHES": float(table.shape[1])}
    flux = table[0]
    for name, was, remains in (("XX", table[1], table[3]), ("YY", table[2], table[4])):
        values |= _slopes(name, flux, was, remains)
    shrunk = table[1] + table[2] - table[3] - table[4]
    return values | {"BRIGHT_SLOPE": _bright_slope(flux, shrunk)}


def _matched(one: Spots, other: Spots) -> FloatArray:
    """Flux, xx, yy of spots and xx, yy of the same spots corrected, shape (5, n)."""
    if one.x.size == 0 or other.x.size == 0:
        return np.zeros((5, 0))
    distance, index = KDTree(np.stack([other.x, other.y], axis=1)).query(np.stack([one.x, one.y], axis=1))
    near = distance <= _APART
    match = index[near]
    return np.stack([one.flux[near], one.xx[near], one.yy[near], other.xx[match], other.yy[match]])


def _slopes(name: str, flux: FloatArray, was: FloatArray, remains: FloatArray) -> StatisticValues:
    """Slopes of one moment against the flux, and the fraction that remains."""
    before, error = _line(flux, was)
    after, error_after = _line(flux, remains)
    told = abs(before) > _SIGNIFICANT * error
    residual, spread = (after / before, abs(error_after / before)) if told else (np.nan, np.nan)
    beyond = float(np.copysign(max(abs(residual) - _N_ERRORS * spread, 0.0), residual)) if told else np.nan
    return {
        f"{name}_SLOPE_BEFORE": before,
        f"{name}_SLOPE_AFTER": after,
        f"{name}_SLOPE_RESIDUAL": residual,
        f"{name}_SLOPE_RESIDUAL_ERROR": spread,
        f"{name}_SLOPE_RESIDUAL_EXCESS": beyond,
    }


def _line(x: FloatArray, y: FloatArray) -> tuple[float, float]:
    """Slope and its error from the scatter, spots beyond 5 robust deviations left out; NaN of too few."""
    used = np.isfinite(x) & np.isfinite(y)
    for _ in range(3):
        if np.count_nonzero(used) <= _FEWEST_MATCHES:
            return float("nan"), float("nan")
        apart = x - x[used].mean()
        square = float(np.sum(apart[used] ** 2))
        slope = float(np.sum(apart[used] * y[used]) / square)
        residual = y - y[used].mean() - slope * apart
        scatter = 1.4826 * float(np.median(np.abs(residual[used] - np.median(residual[used]))))
        error = float(np.sqrt(np.sum(residual[used] ** 2) / (np.count_nonzero(used) - 2) / square))
        used &= np.abs(residual) <= 5.0 * max(scatter, 1e-12)
    return slope, error


def _bright_slope(flux: FloatArray, shrunk: FloatArray) -> float:
    """Slope α of what the correction takes off the size, against the magnitude."""
    good = np.isfinite(flux) & np.isfinite(shrunk) & (flux > 0)
    if np.count_nonzero(good) <= _FEWEST_MATCHES:
        return float("nan")
    magnitude, size = -2.5 * np.log10(flux[good]), shrunk[good]
    middle = float(np.median(magnitude))
    start = float(np.median(size))
    scale = max(1.4826 * float(np.median(np.abs(size - start))), 1e-9)
    fit = least_squares(
        lambda p: (p[0] * np.exp(np.clip(p[1] * (magnitude - middle), -50.0, 50.0)) - size) / scale,
        (start, _LINEAR),
        x_scale=(max(abs(start), 1e-9), 1.0),
        loss="cauchy",
    )
    return float(fit.x[1]) if fit.success and np.isfinite(fit.x).all() else float("nan")
