"""What the fit of one amplifier's photon transfer curve takes and gives."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["CovarianceFit", "ExponentialFit", "FitRefused", "FitUnsettled", "OutlierSettings"]

type FloatArray = npt.NDArray[np.float64]


class FitRefused(Exception):
    """One amplifier's points cannot be fitted; the message is the reason that its result carries."""


class FitUnsettled(FitRefused):
    """The points fix a parameter so loosely that no minimum is found."""


@dataclass(frozen=True, slots=True)
class OutlierSettings:
    """How points that do not follow the curve are found; the defaults are those of Rubin's cp_pipe."""

    linear_limit: float = 50_000.0
    """Signal up to which the first fit takes points: electron, turned into adu by a first guess of the gain,
    or adu."""
    jump_limit: float = 9_000.0
    """Step in the mean across rejected points that ends the curve, in the same unit."""
    limits_in_adu: bool = False
    """The two limits are in adu."""
    n_sigma: float = 5.0
    """Largest residual of a kept point, in units of √variance."""
    n_iterations: int = 2
    """Rounds of fit and rejection."""


@dataclass(frozen=True, slots=True, eq=False)
class ExponentialFit:
    """Fit of C₀₀(μ) = [exp(2 a₀₀ g μ) − 1] / (2 a₀₀ g²) + n²/g²."""

    a00: float
    """Fractional area change per electron (1/electron)."""
    gain: float
    """electron/adu."""
    noise_squared: float
    """electron²."""
    covariance: FloatArray
    """Covariance matrix of a₀₀, gain, n², scaled by χ²/dof; NaN without degrees of freedom."""
    chi_squared_per_dof: float
    """Reduced χ²; NaN without degrees of freedom."""

    @property
    def parameters(self) -> FloatArray:
        """a₀₀ (1/electron), gain (electron/adu), n² (electron²)."""
        return np.array([self.a00, self.gain, self.noise_squared])

    @property
    def errors(self) -> FloatArray:
        """Standard errors of the parameters."""
        return np.sqrt(np.diag(self.covariance))


@dataclass(frozen=True, slots=True, eq=False)
class CovarianceFit:
    """Fit of all covariances; matrices are [serial lag][parallel lag], shape (r, r)."""

    gain: float
    """electron/adu."""
    a_matrix: FloatArray
    """Fractional area change per electron (1/electron)."""
    c_matrix: FloatArray
    """a·b (1/electron²); zero in the fit without b."""
    noise_matrix: FloatArray
    """Covariances of the read noise (electron²)."""
    gain_error: float
    """Standard error of the gain (electron/adu)."""
    a_error: FloatArray
    """Standard errors of a (1/electron)."""
    c_error: FloatArray
    """Standard errors of a·b (1/electron²)."""
    noise_matrix_error: FloatArray
    """Standard errors of the noise matrix (electron²)."""
    chi_squared: float
    """Weighted sum of squared residuals over all lags and points."""
    degrees_of_freedom: int
    """Points times lags less parameters."""
    n_iterations: int
    """Gauss-Newton steps taken."""

    @property
    def b_matrix(self) -> FloatArray:
        """Matrix b = c / a (1/electron); infinite or NaN where a is 0, and kept so."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.c_matrix / self.a_matrix

    @property
    def chi_squared_per_dof(self) -> float:
        """Reduced χ²; NaN without degrees of freedom."""
        return self.chi_squared / self.degrees_of_freedom if self.degrees_of_freedom > 0 else np.nan
