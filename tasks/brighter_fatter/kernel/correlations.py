"""Covariances of flats as correlations per electron: the source of the kernel."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tasks.brighter_fatter.kernel.model import AmplifierKernel
from tasks.brighter_fatter.kernel.settings import KernelSettings
from tasks.flat_pairs.curve.model import AmplifierCurve

__all__ = ["Correlations", "noise_covariances", "noise_free_correlations", "scaled_correlations", "tiled"]

type FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Correlations:
    """Correlations of the levels of one amplifier, one quadrant, [serial lag][parallel lag]."""

    signals: FloatArray
    """electron, shape (n,)."""
    values: FloatArray
    """1/electron, shape (n, r, r): positive at lag zero, negative at most others."""
    errors: FloatArray
    """Their standard errors, same shape."""
    n_rejected: int = 0
    """Levels that were left out though the curve keeps them and they lie in the range of signals."""


def tiled(quadrant: FloatArray) -> FloatArray:
    """All four quadrants out of one, shape (..., 2 r − 1, 2 r − 1) of (..., r, r), lag zero in the middle."""
    half = np.concatenate([quadrant[..., :0:-1, :], quadrant], axis=-2)
    return np.concatenate([half[..., :, :0:-1], half], axis=-1)


def noise_covariances(curve: AmplifierCurve, side: int) -> FloatArray:
    """Covariances of the read noise (electron²), (side, side); the exponential fit knows lag zero only."""
    noise = np.zeros((side, side))
    fitted = curve.noise_matrix
    if fitted.shape[0] > 1 and np.isfinite(fitted).all():
        k = min(side, fitted.shape[0])
        noise[:k, :k] = fitted[:k, :k]
    elif np.isfinite(curve.parameters[2]):
        noise[0, 0] = curve.parameters[2]
    return noise


def scaled_correlations(curve: AmplifierCurve, settings: KernelSettings) -> Correlations:
    """Correlations at every level that is fit for it.

    Parameters
    ----------
    curve
        Of one amplifier, with its gain.
    settings
        Which levels take part.

    Notes
    -----
    With Q = g μ (electron), q₀₀ = (Q − g² C₀₀ + n₀₀) / Q² and q_ij = (n_ij − g² C_ij) / Q²: minus what charge
    does to its own pixel and its neighbours (Coulton et al. 2018, eq. 14). A level with more variance than
    photons have, or whose correlations nearly all have one sign, is left out, as is one that is not finite.
    """
    series, gain = curve.series, curve.gain
    signals = series.means * gain
    noise = noise_covariances(curve, series.covariances.shape[1]) if settings.subtract_noise else 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        excess = noise - gain**2 * series.covariances
        excess[:, 0, 0] += signals
        values = excess / signals[:, None, None] ** 2
        errors = gain**2 / series.sqrt_weights / signals[:, None, None] ** 2
        in_range = curve.kept & (signals >= settings.lowest_signal) & (signals <= settings.highest_signal)
        every = tiled(values)
        imbalance = np.abs(every.sum(axis=(1, 2))) / np.abs(every).sum(axis=(1, 2))
        good = in_range & np.isfinite(values).all(axis=(1, 2)) & (values[:, 0, 0] > 0)
        good &= imbalance <= settings.largest_imbalance
    n_rejected = int(np.count_nonzero(in_range & ~good))
    return Correlations(signals[good], values[good], errors[good], n_rejected)


def noise_free_correlations(one: AmplifierKernel) -> tuple[FloatArray, FloatArray]:
    """Signals (electron) and correlations (1/electron) of all levels of a stored kernel, for looking at."""
    signals = one.means * one.gain
    excess = -(one.gain**2) * one.covariances
    excess[:, 0, 0] += signals + (one.noise**2 if np.isfinite(one.noise) else 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return signals, excess / signals[:, None, None] ** 2
