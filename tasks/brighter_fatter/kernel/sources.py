"""The source of a kernel out of the levels of an amplifier, or out of the fit of its covariances."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tasks.brighter_fatter.kernel.correlations import (
    Correlations,
    noise_covariances,
    scaled_correlations,
)
from tasks.brighter_fatter.kernel.settings import KernelSettings, Source
from tasks.combine.clipping import clipped_mean
from tasks.flat_pairs.curve.model import AmplifierCurve

__all__ = ["KernelRefused", "SourceOfKernel", "mean_of_levels", "source_of"]

type FloatArray = npt.NDArray[np.float64]

_N_STEPS = 20
_CAUCHY = 2.385
"""Residuals, in standard deviations, that count half (95 % efficiency on Gaussian ones)."""


class KernelRefused(Exception):
    """There is no kernel of an amplifier; the message is the reason its result carries."""


@dataclass(frozen=True, slots=True, eq=False)
class SourceOfKernel:
    """Source of a kernel, one quadrant, [serial lag][parallel lag]."""

    values: FloatArray
    """1/electron, shape (r, r)."""
    errors: FloatArray
    """Standard errors, same shape; NaN where they are not known."""
    n_levels: int
    """Levels it was made of."""


def source_of(curve: AmplifierCurve, settings: KernelSettings) -> SourceOfKernel:
    """Source of the kernel of one amplifier.

    Parameters
    ----------
    curve
        Of one amplifier that is not bad.
    settings
        What it is taken from.

    Raises
    ------
    KernelRefused
        Every level is left out, or the curve lacks the fit that is asked for.
    """
    if settings.source is Source.A_MATRIX:
        values = -_fitted(curve, curve.a_matrix)
        return SourceOfKernel(values, np.abs(curve.a_matrix_error), int(np.count_nonzero(curve.kept)))
    if settings.source is Source.MODEL:
        return _at_signal(curve, settings)
    levels = scaled_correlations(curve, settings)
    if levels.signals.size == 0:
        raise KernelRefused(
            f"no level from {settings.lowest_signal:g} electron on has the covariances of the effect"
        )
    if settings.source is Source.QUADRATIC:
        return _slopes(levels)
    return mean_of_levels(levels, settings)


def mean_of_levels(levels: Correlations, settings: KernelSettings) -> SourceOfKernel:
    """Clipped mean over levels, lag by lag."""
    values = np.apply_along_axis(
        lambda column: clipped_mean(column, settings.n_sigma, settings.n_iterations).mean, 0, levels.values
    )
    n = levels.signals.size
    return SourceOfKernel(values, np.sqrt((levels.errors**2).sum(axis=0)) / n, n)


def _at_signal(curve: AmplifierCurve, settings: KernelSettings) -> SourceOfKernel:
    """Correlations of the fitted covariances at the level nearest to a signal (Broughton et al. 2024)."""
    model = _fitted(curve, curve.covariances_model)
    signals = np.where(curve.kept, curve.series.means * curve.gain, np.nan)
    nearest = int(np.nanargmin(np.abs(signals - settings.signal)))
    signal, side = signals[nearest], model.shape[1]
    excess = noise_covariances(curve, side) - curve.gain**2 * model[nearest]
    excess[0, 0] += signal
    values = excess / signal**2
    if not values[0, 0] > 0:
        raise KernelRefused(f"the fit has more variance than photons at {signal:.0f} electron")
    return SourceOfKernel(values, np.abs(curve.a_matrix_error), int(np.count_nonzero(curve.kept)))


def _fitted(curve: AmplifierCurve, matrices: FloatArray) -> FloatArray:
    """Matrices of the covariance fit, if there was one."""
    if matrices.shape[-1] < 2 or not np.isfinite(curve.a_matrix).all() or not curve.kept.any():
        raise KernelRefused("the curve has no fit of covariances")
    return matrices


def _slopes(levels: Correlations) -> SourceOfKernel:
    """Slope of unscaled correlations against the squared signal, by lines that heed outliers little.

    cp_pipe weighs with residuals in electron², so that the few levels nearest to the first line get all the
    weight; here they are in units of their scatter.
    """
    n = levels.signals.size
    if n < 3:
        raise KernelRefused(f"{n} levels, a slope needs 3")
    x = levels.signals**2
    y, sigma = (each * x[:, None, None] for each in (levels.values, levels.errors))
    y, sigma = y.reshape(n, -1), sigma.reshape(n, -1)
    known = np.isfinite(sigma) & (sigma > 0)
    base = 1.0 / np.where(known, sigma, 1.0) ** 2
    weights = base
    for _ in range(_N_STEPS):
        slope, offset, _ = _lines(x, y, weights)
        residual = (y - offset - slope * x[:, None]) * np.sqrt(base)
        scale = np.maximum(1.4826 * np.median(np.abs(residual), axis=0), 1e-300)
        weights = base / (1.0 + (residual / (_CAUCHY * scale)) ** 2)
    slope, _, errors = _lines(x, y, weights)
    shape = levels.values.shape[1:]
    errors = np.where(known.all(axis=0), errors, np.nan)
    return SourceOfKernel(slope.reshape(shape), errors.reshape(shape), n)


def _lines(x: FloatArray, y: FloatArray, weights: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Weighted lines through the columns of y: slopes, offsets, and errors if weights are 1/σ²."""
    total = weights.sum(axis=0)
    middle = (weights * x[:, None]).sum(axis=0) / total
    mean = (weights * y).sum(axis=0) / total
    apart = x[:, None] - middle
    square = (weights * apart**2).sum(axis=0)
    slope = (weights * apart * (y - mean)).sum(axis=0) / square
    return slope, mean - slope * middle, 1.0 / np.sqrt(square)
