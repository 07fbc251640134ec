"""What one pair of flats tells about one amplifier."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

__all__ = ["AmplifierReading", "PairDescription", "PairMeasurement"]


@dataclass(frozen=True, slots=True)
class PairDescription:
    """What holds for all amplifiers of a pair."""

    exposures: tuple[int, int]
    """Exposure IDs, the earlier first."""
    exposure_time: float
    """Mean exposure time (s)."""
    begin_mjd: float
    """Mean of the starts (TAI, MJD)."""
    photo_charge: float = np.nan
    """Mean charge of the monitoring photodiode (C, or its instrument's unit); NaN where there is none."""
    photo_charge_delta: float = np.nan
    """Charge of the second less that of the first."""
    auxiliary: tuple[tuple[str, float], ...] = ()
    """Header values carried along, by key."""


@dataclass(frozen=True, slots=True)
class AmplifierReading:
    """What the signature removal measured in one amplifier, mean of the two exposures (adu)."""

    overscan_noise: float = np.nan
    """Standard deviation of the overscan's residuals: the read noise."""
    overscan_median: float = np.nan
    """Median level of the overscan."""
    offset: float = np.nan
    """Pedestal found against the neighbouring amplifiers."""


@dataclass(frozen=True, slots=True, eq=False)
class PairMeasurement:
    """One amplifier in one pair of flats; numbers are NaN where the pair gives none."""

    amplifier: str
    """Name of the amplifier."""
    pair: PairDescription
    """What holds for the whole pair."""
    mean: float
    """Mean signal of the two (adu)."""
    delta: float
    """Signal of the second less that of the first (adu)."""
    variance: float
    """Half the clipped variance of the rescaled difference, corrected for the clip (adu²)."""
    covariances: npt.NDArray[np.float64]
    """Shape (r, r), [serial lag][parallel lag], corrected for the clip (adu²)."""
    sqrt_weights: npt.NDArray[np.float64]
    """Reciprocal standard errors of the covariances, shape (r, r) (1/adu²)."""
    n_pixels: npt.NDArray[np.int64]
    """Pairs of pixels in each covariance, shape (r, r)."""
    row_mean_variance: float
    """Clipped variance of the row means of the rescaled difference (adu²)."""
    gain: float
    """Gain from this pair alone (electron/adu)."""
    reading: AmplifierReading = field(default_factory=AmplifierReading)
    """What signature removal measured."""
    reason: str | None = None
    """Why the pair tells nothing about this amplifier; None when it does."""
    remark: str | None = None
    """What looks odd without being fatal."""
