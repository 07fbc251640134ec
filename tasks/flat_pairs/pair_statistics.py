"""Mean, variance and covariances of one amplifier in a pair of flats."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from infra.images import MaskPlane
from tasks.combine.clipping import clipped_mean, clipped_variance_factor
from tasks.flat_pairs.covariances import lag_covariances
from tasks.flat_pairs.gain import GainCorrection, gain_from_pair
from tasks.flat_pairs.model import AmplifierReading, PairDescription, PairMeasurement

__all__ = ["ExtractSettings", "measure_amplifier_pair"]

UNUSABLE = MaskPlane.SUSPECT | MaskPlane.BAD | MaskPlane.NO_DATA | MaskPlane.SAT
"""Pixels with any of these planes take no part."""

VARIANCE_TOLERANCE = 0.01
"""Relative difference between the clipped variance and C₀₀ above which a remark is made."""


@dataclass(frozen=True, slots=True)
class ExtractSettings:
    """How a pair is measured; the defaults are those of Rubin's cp_pipe."""

    matrix_side: int = 8
    """Number of lags in each direction, from 0 on."""
    n_sigma: float = 5.5
    """Half-width of the clip."""
    n_iterations: int = 3
    """Clipping passes."""
    minimum_pixels: int = 10_000
    """Pixels below which a pair tells nothing."""
    edge: int = 0
    """Width of the border of the amplifier that takes no part (pixels); 20 in Rubin's pipelines."""
    largest_imbalance: float = np.inf
    """Largest difference of the two means, relative to their mean; pairs beyond it tell nothing."""
    gain_correction: GainCorrection = GainCorrection.FULL
    """How the gain of a single pair is rid of the read noise."""


def measure_amplifier_pair(
    amplifier: str,
    images: tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]],
    masks: tuple[npt.NDArray[np.uint16], npt.NDArray[np.uint16]] | None,
    pair: PairDescription,
    reading: AmplifierReading | None = None,
    settings: ExtractSettings | None = None,
) -> PairMeasurement:
    """Measure one amplifier in one pair of flats.

    Parameters
    ----------
    amplifier
        Its name.
    images
        Its pixels in both exposures (adu), shape (ny, nx) each; views are fine.
    masks
        `MaskPlane` bits of both, same shapes; None when nothing is masked.
    pair
        What holds for the pair.
    reading
        What signature removal measured of the amplifier; without it the read noise is unknown.
    settings
        How to measure.

    Returns
    -------
    measurement
        With a reason in place of numbers where the pair tells nothing.

    Notes
    -----
    ΔI = (μ₂ I₁ − μ₁ I₂) / μ has half the variance and half the covariances of a single flat without its fixed
    structure. Covariances use the pixels with \\|ΔI\\| ≤ mean + 5.5 σ of the clipped ΔI. The clip makes the
    variance low by F (`clipped_variance_factor`); C₀₀ is multiplied by F and all others by F². The standard
    errors are those of Gaussian noise: C₀₀/√n, and √2 C₀₀/√n of C₀₀ itself.
    """
    settings, reading = settings or ExtractSettings(), reading or AmplifierReading()
    first, second = (_trimmed(image, settings.edge) for image in images)
    fits = [np.isfinite(first), np.isfinite(second)]
    if masks is not None:
        fits = [
            fit & ((_trimmed(mask, settings.edge) & np.uint16(UNUSABLE)) == 0)
            for fit, mask in zip(fits, masks, strict=True)
        ]
    clip = (settings.n_sigma, settings.n_iterations)
    mean_1, mean_2 = (
        clipped_mean(image[fit], *clip).mean for image, fit in zip((first, second), fits, strict=True)
    )
    mean = 0.5 * (mean_1 + mean_2)
    both = fits[0] & fits[1]
    if not both.any():
        return _nothing(amplifier, pair, reading, settings, mean, "no usable pixel")
    if not mean > 0:
        return _nothing(amplifier, pair, reading, settings, mean, f"mean signal of {mean:.3g} adu")
    difference = _difference(first, second, mean_1, mean_2, both)
    statistics = clipped_mean(difference[both], *clip)
    limit = statistics.mean + settings.n_sigma * statistics.standard_deviation
    usable = np.abs(difference) <= limit
    n_usable = int(np.count_nonzero(usable))
    if n_usable < settings.minimum_pixels:
        reason = f"{n_usable} usable pixels, fewer than {settings.minimum_pixels}"
        return _nothing(amplifier, pair, reading, settings, mean, reason)
    factor = clipped_variance_factor(settings.n_sigma)
    variance = 0.5 * statistics.standard_deviation**2 * factor
    if imbalance := _imbalance(mean_1, mean_2, variance, settings):
        return _nothing(amplifier, pair, reading, settings, mean, imbalance)
    lags = lag_covariances(difference, usable, settings.matrix_side)
    covariances = 0.5 * lags.values
    errors = abs(covariances[0, 0]) / np.sqrt(np.maximum(lags.n_pairs, 1))
    errors[0, 0] *= np.sqrt(2.0)
    sqrt_weights = np.divide(1.0, errors, out=np.zeros_like(errors), where=errors > 0)
    sqrt_weights[lags.n_pairs == 0] = 0.0
    covariances *= factor**2
    covariances[0, 0] /= factor
    rows = np.where(usable, difference, 0.0).sum(axis=1, dtype=np.float64)
    counts = np.count_nonzero(usable, axis=1)
    row_means = rows[counts > 0] / counts[counts > 0]
    return PairMeasurement(
        amplifier=amplifier,
        pair=pair,
        mean=mean,
        delta=mean_2 - mean_1,
        variance=variance,
        covariances=covariances,
        sqrt_weights=sqrt_weights,
        n_pixels=lags.n_pairs,
        row_mean_variance=clipped_mean(row_means, *clip).standard_deviation ** 2,
        gain=gain_from_pair(
            _contrast(first, second, both, mean_1 - mean_2),
            mean,
            reading.overscan_noise,
            settings.gain_correction,
        ),
        reading=reading,
        reason=None if variance > 0 else "no noise: the two exposures are equal",
        remark=_remark(variance, covariances[0, 0]),
    )


def _trimmed[T: np.generic](plane: npt.NDArray[T], edge: int) -> npt.NDArray[T]:
    """Plane without its border."""
    return plane[edge : plane.shape[0] - edge, edge : plane.shape[1] - edge]


def _imbalance(mean_1: float, mean_2: float, variance: float, settings: ExtractSettings) -> str | None:
    """Why two flats are no pair: one in d of the mean makes the variance low by d²/4."""
    mean, delta = 0.5 * (mean_1 + mean_2), mean_2 - mean_1
    # Where there is next to no light, the two means differ by as much as they like.
    if abs(delta) <= settings.largest_imbalance * mean or mean < 3.0 * np.sqrt(max(variance, 0.0)):
        return None
    return f"the two flats differ by {abs(delta) / mean:.0%}"


def _remark(variance: float, zero_lag: float) -> str | None:
    """Remark where two estimates of the variance differ."""
    ratio = variance / zero_lag if zero_lag > 0 else np.nan
    if abs(ratio - 1.0) < VARIANCE_TOLERANCE:
        return None
    return f"clipped variance is {ratio:.4f} of the covariance at lag zero"


@njit(cache=True, nogil=True)
def _difference(
    first: npt.NDArray[np.float32],
    second: npt.NDArray[np.float32],
    mean_1: float,
    mean_2: float,
    both: npt.NDArray[np.bool_],
) -> npt.NDArray[np.float32]:
    """Difference of two flats, each brought to the other's level; NaN where not both are usable."""
    ny, nx = first.shape
    result = np.empty((ny, nx), np.float32)
    mean = 0.5 * (mean_1 + mean_2)
    one, other = mean_2 / mean, mean_1 / mean
    for y in range(ny):
        for x in range(nx):
            value = one * first[y, x] - other * second[y, x]
            result[y, x] = value if both[y, x] else np.nan
    return result


@njit(cache=True, nogil=True)
def _contrast(
    first: npt.NDArray[np.float32],
    second: npt.NDArray[np.float32],
    both: npt.NDArray[np.bool_],
    step: float,
) -> float:
    """Mean of (I₁ − I₂ − step)² / (I₁ + I₂); pixels whose sum is not above 0 would be poles and are left out.

    cp_pipe knows no step between the two flats, so that a lamp that changes by half a percent takes a third
    off the gain at high signal.
    """
    total, n = 0.0, 0
    ny, nx = first.shape
    for y in range(ny):
        for x in range(nx):
            sum_of_two = np.float64(first[y, x]) + np.float64(second[y, x])
            if both[y, x] and sum_of_two > 0.0:
                total += (np.float64(first[y, x]) - np.float64(second[y, x]) - step) ** 2 / sum_of_two
                n += 1
    return total / n if n else np.nan


def _nothing(
    amplifier: str,
    pair: PairDescription,
    reading: AmplifierReading,
    settings: ExtractSettings,
    mean: float,
    reason: str,
) -> PairMeasurement:
    """Measurement that says only why there is none."""
    side = (settings.matrix_side, settings.matrix_side)
    return PairMeasurement(
        amplifier=amplifier,
        pair=pair,
        mean=mean,
        delta=np.nan,
        variance=np.nan,
        covariances=np.full(side, np.nan),
        sqrt_weights=np.zeros(side),
        n_pixels=np.zeros(side, np.int64),
        row_mean_variance=np.nan,
        gain=np.nan,
        reading=reading,
        reason=reason,
    )
