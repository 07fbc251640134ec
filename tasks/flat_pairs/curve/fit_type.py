"""Which model a photon transfer curve was fitted with."""

from enum import StrEnum

__all__ = ["FitType"]


class FitType(StrEnum):
    """Which model of the photon transfer curve gives gain and noise."""

    EXPONENTIAL = "EXPAPPROXIMATION"
    """Variance against mean, only nearest effects (Astier et al. 2019, eq. 16)."""
    FULL = "FULLCOVARIANCE"
    """All covariances against the mean (Astier et al. 2019, eq. 20)."""
    FULL_NO_B = "FULLCOVARIANCE_NO_B"
    """The same with b = 0."""
