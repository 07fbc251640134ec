"""The noise a residual should have: of one readout, of its charge, and of the calibration itself."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from infra.images.mask_planes import MaskPlane
from infra.images.model import CalibrationImage, Metadata
from infra.instruments.layout import DetectorLayout
from tasks.isr.flat import MINIMUM_RESPONSE
from tasks.isr.overscan import PARALLEL, SERIAL
from tasks.verification.model import ExposureGroup

__all__ = [
    "NoiseModel",
    "amplifier_medians",
    "inverse_response",
    "median_variance",
    "number_of_inputs",
    "overscan_variance",
]

_NONE: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class NoiseModel:
    """Expected noise of the residuals of one detector under one calibration."""

    n_inputs: int | None = None
    """How many exposures the calibration was combined from; None when unknown, and its noise is neglected."""
    dark_currents: Mapping[str, float] = field(default=_NONE)
    """Dark current by amplifier (electron/s/pixel); none for a calibration without exposure time."""
    inverse_response: Mapping[str, float] = field(default=_NONE)
    """Mean of 1/flat by amplifier; none when no flat was divided out."""
    inverse_response_squared: Mapping[str, float] = field(default=_NONE)
    """Mean of 1/flat squared by amplifier; none when no flat was divided out."""
    overscan_variance: Mapping[str, float] = field(default=_NONE)
    """What subtracting the overscans' medians adds, in units of the read noise squared, by amplifier."""

    def expected_noise(
        self,
        amplifier: str,
        *,
        read_noise: float,
        group: ExposureGroup,
        dark_time: float = 0.0,
        signal: float = 0.0,
    ) -> float:
        """Return the standard deviation a pixel of the residual should have (electron).

        Parameters
        ----------
        amplifier
            Name of the amplifier.
        read_noise
            Noise of one readout (electron).
        group
            An input of the calibration is correlated with it, any other exposure is not.
        dark_time
            Time between clearing and reading the detector (s).
        signal
            Mean charge after division by the flat (electron).

        Notes
        -----
        With read noise R, dark current D, dark time t, signal S and flat f, one readout has the variance

            V = S <1/f> + D t + R^2 (1 + o) <1/f^2>

        where o is the variance of the overscan levels that were subtracted (`overscan_variance`), and the
        means over 1/f appear because dividing by the flat scales the counted charge S f, whose
        Poisson variance is S f, by 1/f. The mean of N such exposures has the variance V / N; subtracting
        it leaves V (1 + 1/N) for an independent exposure and V (1 - 1/N) for one of the N, which is part of
        what is subtracted. The noise of the bias cancels between a dark and the combined dark, since both
        had the same bias subtracted.
        """
        variance = (
            max(signal, 0.0) * self.inverse_response.get(amplifier, 1.0)
            + max(self.dark_currents.get(amplifier, 0.0) * dark_time, 0.0)
            + read_noise**2
            * (1.0 + self.overscan_variance.get(amplifier, 0.0))
            * self.inverse_response_squared.get(amplifier, 1.0)
        )
        if self.n_inputs is not None and self.n_inputs > 0:
            sign = -1.0 if group is ExposureGroup.GENERATION else 1.0
            variance *= 1.0 + sign / self.n_inputs
        return math.sqrt(variance)


def overscan_variance(layout: DetectorLayout, *, parallel: bool = True) -> dict[str, float]:
    """Return the variance that overscan correction adds to a pixel, in units of the read noise squared.

    Parameters
    ----------
    layout
        The amplifiers with the overscans that were read.
    parallel
        Whether the parallel overscan was subtracted, too.

    Notes
    -----
    The level of a row is the median of its n overscan pixels; that of a column likewise. Both are
    subtracted, so that o is the sum of two `median_variance`. With 58 columns and 42 rows this is 6 % of the
    variance, 3 % of the noise.
    """
    found = {}
    for amplifier in layout.amplifiers:
        columns = amplifier.serial_overscan_box.width - SERIAL.skip_leading - SERIAL.skip_trailing
        rows = amplifier.parallel_overscan_box.height - PARALLEL.skip_leading - PARALLEL.skip_trailing
        counts = (columns, rows) if parallel else (columns,)
        found[amplifier.name] = sum(median_variance(count) for count in counts if count > 0)
    return found


def median_variance(count: int) -> float:
    """Return the variance of the median of ``count`` Gaussian numbers of variance 1.

    Notes
    -----
    It tends to pi / (2 n). For few numbers it is smaller, the more so for even n, where the median is the
    mean of two: pi / (2 n + pi - 2) for odd n and pi / (2 n + 2.7) for even n are right to 2 % from n = 3 on.
    """
    return math.pi / (2 * count + (math.pi - 2 if count % 2 else 2.7))


def number_of_inputs(metadata: Metadata) -> int | None:
    """Return how many exposures a calibration was made from, by its ``CPP_INPUT_<n>`` cards; None if none."""
    count = sum(1 for key in metadata if key.startswith("CPP_INPUT_") and key[10:].isdigit())
    return count or None


def amplifier_medians(calibration: CalibrationImage, layout: DetectorLayout) -> dict[str, float]:
    """Return the median of a calibration over each amplifier's good pixels, in its unit; NaN if none."""
    medians = {}
    for amplifier in layout.amplifiers:
        image = calibration.image[amplifier.image_box.slices]
        good = _good(calibration, amplifier.image_box.slices)
        medians[amplifier.name] = float(np.median(image[good])) if good.any() else math.nan
    return medians


def inverse_response(
    flat: CalibrationImage, layout: DetectorLayout
) -> tuple[dict[str, float], dict[str, float]]:
    """Return the means of 1/f and 1/f^2 over each amplifier's divided pixels; NaN where there is none."""
    first, second = {}, {}
    for amplifier in layout.amplifiers:
        slices = amplifier.image_box.slices
        image = flat.image[slices]
        with np.errstate(divide="ignore", invalid="ignore"):
            inverse = np.divide(
                1.0, image[_good(flat, slices) & (image > MINIMUM_RESPONSE)], dtype=np.float64
            )
        first[amplifier.name] = float(inverse.mean()) if inverse.size else math.nan
        second[amplifier.name] = float(np.square(inverse).mean()) if inverse.size else math.nan
    return first, second


def _good(calibration: CalibrationImage, slices: tuple[slice, slice]) -> np.typing.NDArray[np.bool_]:
    usable = (calibration.mask[slices] & np.uint16(MaskPlane.BAD | MaskPlane.NO_DATA)) == 0
    return np.asarray(usable & np.isfinite(calibration.image[slices]))
