"""The gain from a single pair of flats."""

from enum import StrEnum
from math import isfinite, nan, sqrt

__all__ = ["GainCorrection", "gain_from_pair"]


class GainCorrection(StrEnum):
    """How the read noise is taken out of the gain of a pair."""

    NONE = "NONE"
    """Not at all."""
    SIMPLE = "SIMPLE"
    """To first order."""
    FULL = "FULL"
    """Exactly, for a Gaussian read noise."""


def gain_from_pair(
    contrast: float, mean: float, read_noise: float, correction: GainCorrection = GainCorrection.FULL
) -> float:
    """Gain of one amplifier from one pair of flats.

    Parameters
    ----------
    contrast
        Mean over the pixels of (I₁ − I₂)² / (I₁ + I₂) (adu).
    mean
        Mean signal of the two flats (adu).
    read_noise
        Standard deviation of the read noise (adu); with any that is not finite, none is taken out.
    correction
        How the read noise is taken out.

    Returns
    -------
    gain
        electron/adu; NaN where the contrast is not above 0 or the correction has no solution.

    Notes
    -----
    Rubin DMTN-063, the three variants. In SIMPLE the term of the first guess g₀ = 1/c is 1/(2 g₀²), as the
    derivation has it; cp_pipe evaluates g₀²/2, by a slip of operator precedence.
    """
    if not contrast > 0 or not isfinite(contrast):
        return nan
    guess = 1.0 / contrast
    if correction is GainCorrection.NONE or not isfinite(read_noise):
        return guess
    noise_variance = read_noise**2
    if correction is GainCorrection.SIMPLE:
        corrected = contrast - (noise_variance - 0.5 / guess**2) / mean
        return 1.0 / corrected if corrected > 0 else nan
    root = mean**2 - 2.0 * mean * contrast + 2.0 * noise_variance
    divisor = 2.0 * contrast * mean - 2.0 * noise_variance
    return (mean + sqrt(root)) / divisor if root >= 0 and divisor > 0 else nan
