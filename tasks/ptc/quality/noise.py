"""Whether the read noise depends on the signal, and deviations beyond their errors."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tasks.combine.clipping import clipped_variance_factor

__all__ = ["NoiseTrend", "beyond_error", "noise_trend", "overscan_read_noise"]

type FloatArray = npt.NDArray[np.float64]

FEWEST = 5
"""Values below which a scatter says nothing."""

OVERSCAN_CLIP = 3.0
"""Half-width, in standard deviations, of the clip with which the overscan's scatter is measured."""


@dataclass(frozen=True, slots=True)
class NoiseTrend:
    """How the overscan noise goes with the signal."""

    chi_squared: float
    """Scatter about the mean in units of the scatter between neighbours, squared: 1 without a trend."""
    slope: float
    """Relative change of the noise from no signal to the highest one."""
    slope_error: float
    """Standard error of the slope."""


def overscan_read_noise(noises: FloatArray) -> float:
    """Read noise that the overscan has, from its values in many pairs.

    Parameters
    ----------
    noises
        Clipped standard deviations of the overscan.

    Returns
    -------
    noise
        Their median, corrected for what a clip takes off a Gaussian, in the same unit; NaN where none is
        finite.
    """
    finite = noises[np.isfinite(noises)]
    if not finite.size:
        return float("nan")
    return float(np.median(finite) * np.sqrt(clipped_variance_factor(OVERSCAN_CLIP)))


def noise_trend(signals: FloatArray, noises: FloatArray) -> NoiseTrend:
    """Compare the scatter of noise values about their mean with that between neighbours in signal.

    Parameters
    ----------
    signals
        Mean signals, shape (n,).
    noises
        Noise of the overscan at each, shape (n,).

    Returns
    -------
    trend
        All NaN with fewer than five values.

    Notes
    -----
    The ratio of von Neumann (1941): χ² = Σ (x − x̄)² / (n − 1) over Σ (x_{i+1} − x_i)² / 2 (n − 1). The error
    of one value comes from values at like signal, so that nothing need be known of the overscan. Without a
    trend it is 1 ± √((n − 2) / (n² − 1)). Rubin's cp_verify divides the sum of squares by the standard
    deviation of all values, trend included, and not by a variance.
    """
    finite = np.isfinite(signals) & np.isfinite(noises)
    order = np.argsort(signals[finite], kind="stable")
    x, y = signals[finite][order], noises[finite][order]
    if x.size < FEWEST:
        return NoiseTrend(np.nan, np.nan, np.nan)
    between = np.sum(np.diff(y) ** 2) / 2.0
    about = np.sum((y - y.mean()) ** 2)
    centred = x - x.mean()
    spread = np.sum(centred**2)
    slope = float(np.sum(centred * y) / spread) if spread > 0 else np.nan
    error = float(np.sqrt(between / (x.size - 1) / spread)) if spread > 0 else np.nan
    scale = float(x[-1] / y.mean()) if y.mean() > 0 else np.nan
    return NoiseTrend(float(about / between) if between > 0 else np.nan, slope * scale, error * scale)


def beyond_error(value: float, reference: float, error: float, n_sigma: float = 3.0) -> float:
    """Relative deviation that is left when errors have had their due.

    Parameters
    ----------
    value, reference
        What is compared; NaN where either is.
    error
        Standard error of their difference.
    n_sigma
        Errors granted.

    Returns
    -------
    deviation
        (value − reference) / reference, brought nearer to 0 by so many errors and not past it.
    """
    if not (np.isfinite(value) and np.isfinite(reference) and np.isfinite(error) and reference):
        return float("nan")
    left = max(abs(value - reference) - n_sigma * error, 0.0)
    return float(np.copysign(left, value - reference) / reference)
