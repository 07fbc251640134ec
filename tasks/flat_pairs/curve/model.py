"""The photon transfer curve of a detector: what was measured, what was fitted, what could not be and why."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from infra.images import Metadata
from tasks.flat_pairs.curve.fit_type import FitType

__all__ = ["AmplifierCurve", "AmplifierSeries", "PhotonTransferCurve"]

type FloatArray = npt.NDArray[np.float64]
type BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class AmplifierSeries:
    """All pairs of one amplifier, in the same order for all amplifiers: by rising mean of the detector."""

    exposures: npt.NDArray[np.int64]
    """Exposure IDs, shape (n, 2)."""
    begin_mjd: FloatArray
    """Mean start of each pair (TAI, MJD), shape (n,), as all that follow."""
    exposure_times: FloatArray
    """Mean exposure times (s)."""
    means: FloatArray
    """Mean signals (adu)."""
    variances: FloatArray
    """adu²."""
    deltas: FloatArray
    """Signal of the second exposure less that of the first (adu)."""
    row_mean_variances: FloatArray
    """Variances of the row means of the rescaled difference (adu²)."""
    gains: FloatArray
    """Gain from each pair alone (electron/adu)."""
    overscan_noise: FloatArray
    """Read noise seen in the overscan (adu)."""
    overscan_medians: FloatArray
    """Overscan level (adu)."""
    offsets: FloatArray
    """Pedestals against the neighbouring amplifiers (adu)."""
    histogram_variances: FloatArray
    """Variance of a Gaussian fitted to the histogram of the difference; NaN while that test is off."""
    histogram_chi_squared: FloatArray
    """Its reduced χ²; NaN while that test is off."""
    gaussian_probabilities: FloatArray
    """Kolmogorov-Smirnov probability of the difference; 1 while that test is off."""
    photo_charges: FloatArray
    """Charge of the monitoring photodiode."""
    photo_charge_deltas: FloatArray
    """Charge of the second exposure less that of the first."""
    covariances: FloatArray
    """adu², shape (n, r, r), [serial lag][parallel lag]."""
    sqrt_weights: FloatArray
    """Reciprocal standard errors of the covariances (1/adu²), shape (n, r, r)."""
    n_pixels: int
    """Usable pixels of a typical pair."""


@dataclass(frozen=True, slots=True, eq=False)
class AmplifierCurve:
    """Photon transfer curve of one amplifier; of a bad one all fitted numbers are NaN."""

    name: str
    """Name of the amplifier."""
    series: AmplifierSeries
    """What was measured."""
    kept: BoolArray
    """Pairs that the fit used, shape (n,); none of a bad amplifier."""
    below_rolloff: BoolArray
    """Kept pairs below the rolloff, shape (n,)."""
    gain: float
    """electron/adu."""
    gain_error: float
    """electron/adu."""
    gain_unadjusted: float
    """Gain before any adjustment to the flats' ratios (electron/adu)."""
    noise: float
    """Read noise of the amplifier (electron), without what the subtraction of overscan levels adds."""
    noise_error: float
    """electron."""
    parameters: FloatArray
    """a₀₀ (1/electron), gain (electron/adu), n² (electron²) of the fit, shape (3,)."""
    parameter_errors: FloatArray
    """Their standard errors, shape (3,)."""
    chi_squared_per_dof: float
    """Reduced χ² of the fit."""
    turnoff: float
    """Highest mean that follows the curve (adu)."""
    turnoff_sampling_error: float
    """How finely the turnoff is sampled (adu)."""
    rolloff: float
    """Mean up to which the curve does not yet bend off (adu)."""
    rolloff_error: float
    """adu."""
    rolloff_tau: float
    """Scale of the bend (adu), below 0."""
    rolloff_tau_error: float
    """adu."""
    overscan_median: float
    """Median overscan level over the kept pairs (adu)."""
    overscan_median_sigma: float
    """Scatter of the overscan level (adu)."""
    a_matrix: FloatArray
    """1/electron, shape (r, r) of the fit; NaN where only the exponential was fitted."""
    a_matrix_error: FloatArray
    """1/electron, same shape."""
    b_matrix: FloatArray
    """1/electron, same shape."""
    noise_matrix: FloatArray
    """electron², same shape."""
    covariances_model: FloatArray
    """Fitted covariances at every mean (adu²), shape (n, r, r) of the fit."""
    final_means: FloatArray
    """Means of the kept pairs (adu), NaN for the others, shape (n,)."""
    final_variances: FloatArray
    """Variances of the kept pairs (adu²), NaN for the others."""
    final_model_variances: FloatArray
    """Fitted variances of the kept pairs (adu²), NaN for the others."""
    reason: str | None = None
    """Why the amplifier is bad; None when it is not."""
    remarks: tuple[str, ...] = ()
    """What looks odd without being fatal."""

    @property
    def is_bad(self) -> bool:
        """The amplifier has no fit."""
        return self.reason is not None

    @property
    def a00(self) -> float:
        """Fractional area change of a pixel by an electron in it (1/electron)."""
        return float(self.parameters[0])

    @property
    def a00_error(self) -> float:
        """Its standard error (1/electron)."""
        return float(self.parameter_errors[0])


@dataclass(frozen=True, slots=True, eq=False)
class PhotonTransferCurve:
    """Photon transfer curves of all amplifiers of a detector."""

    fit_type: FitType
    """Model that gave gain and noise."""
    matrix_side: int
    """Lags measured, in each direction."""
    fit_side: int
    """Lags of the covariance fit."""
    amplifiers: tuple[AmplifierCurve, ...]
    """In the detector's order."""
    auxiliary: Mapping[str, FloatArray] = field(default_factory=dict)
    """Header values of the pairs, by key, shape (n,) each."""
    metadata: Metadata = field(default_factory=dict)
    """FITS cards."""

    @property
    def bad_amplifiers(self) -> tuple[str, ...]:
        """Names of the amplifiers without a fit."""
        return tuple(one.name for one in self.amplifiers if one.is_bad)

    def amplifier(self, name: str) -> AmplifierCurve:
        """Curve of one amplifier.

        Raises
        ------
        KeyError
            There is none of that name.
        """
        for one in self.amplifiers:
            if one.name == name:
                return one
        raise KeyError(name)
