"""Levels of linearised flats: the mean of every amplifier, and how well it is known."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from infra.images import CorrectedExposure, MaskPlane
from infra.instruments.layout import AmplifierLayout, DetectorLayout
from tasks.combine.clipping import clipped_statistics_of_amplifier

__all__ = ["Levels", "groups_of_equal_time", "measure_levels"]

type FloatArray = npt.NDArray[np.float64]

_UNUSABLE = MaskPlane.BAD | MaskPlane.SAT | MaskPlane.SUSPECT | MaskPlane.NO_DATA | MaskPlane.UNMASKEDNAN
_N_SIGMA = 5.5
"""Half-width of the clip, as for the pairs of a photon transfer curve."""

_MOST_SATURATED = 1e-3
"""Fraction of unusable pixels by which a flat may exceed the faintest ones before its mean is biased."""

_SAME_TIME = 5e-3
"""Exposure times nearer than this (relative, and s) are equal."""


@dataclass(frozen=True, slots=True, eq=False)
class Levels:
    """Levels of flats under a linearizer."""

    names: tuple[str, ...]
    """Amplifiers, m of them."""
    exposures: npt.NDArray[np.int64]
    """Exposure IDs, shape (n,)."""
    times: FloatArray
    """Exposure times (s), shape (n,)."""
    is_held_out: npt.NDArray[np.bool_]
    """Exposures that the linearizer was not made from, shape (n,)."""
    values: FloatArray
    """Mean of each amplifier (adu), shape (n, m); NaN where there is none."""
    errors: FloatArray
    """Its error from photons, read noise and overscan (adu), shape (n, m)."""
    saturated: FloatArray
    """Fraction of pixels left out, shape (n, m)."""

    @property
    def is_sound(self) -> npt.NDArray[np.bool_]:
        """Values that no saturated pixels are missing from, shape (n, m)."""
        least = self.saturated.min(axis=0, initial=1.0)
        return np.isfinite(self.values) & (self.saturated <= least + _MOST_SATURATED)


def measure_levels(
    exposure: CorrectedExposure, layout: DetectorLayout, gains: Mapping[str, float]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Levels of one exposure.

    Parameters
    ----------
    exposure
        Linearised flat (adu).
    layout
        The detector's amplifiers.
    gains
        electron/adu by amplifier, for the errors; that of the camera model where one is missing.

    Returns
    -------
    values, errors, saturated
        See `Levels`, one number for each amplifier.
    """
    rows = [_measure(exposure, one, gains.get(one.name, np.nan)) for one in layout.amplifiers]
    values, errors, saturated = np.array(rows).reshape(-1, 3).T
    return values, errors, saturated


def groups_of_equal_time(times: FloatArray) -> npt.NDArray[np.int64]:
    """Group exposures by exposure time: 0, 1, … by rising time, shape (n,)."""
    order = np.argsort(times, kind="stable")
    gaps = np.diff(times[order]) > np.minimum(_SAME_TIME * times[order][1:], _SAME_TIME)
    groups = np.empty(times.size, np.int64)
    groups[order] = np.concatenate([[0], np.cumsum(gaps)])[: times.size]
    return groups


def _measure(
    exposure: CorrectedExposure, amplifier: AmplifierLayout, gain: float
) -> tuple[float, float, float]:
    """Mean of an amplifier, its error, and the fraction of pixels left out."""
    pixels = amplifier.image_box.slices
    image, mask = exposure.image[pixels], exposure.mask[pixels]
    measured = clipped_statistics_of_amplifier(image, mask, _UNUSABLE, _N_SIGMA, 3)
    unusable = np.count_nonzero(mask & np.uint16(_UNUSABLE)) / image.size
    if measured.n_valid == 0:
        return np.nan, np.nan, 1.0
    gain = gain if np.isfinite(gain) and gain > 0 else amplifier.gain
    card = exposure.metadata.get(f"LSST ISR OVERSCAN RESIDUAL SERIAL STDEV {amplifier.name}")
    noise = (
        float(card) if isinstance(card, int | float) and np.isfinite(card) else amplifier.read_noise / gain
    )
    # The median of each row's overscan is 1.25 times less certain than its mean would be.
    overscan = 1.2533**2 * noise**2 / max(amplifier.serial_overscan_box.area, 1)
    variance = (max(measured.mean, 0.0) / gain + noise**2) / measured.n_valid + overscan
    return measured.mean, float(np.sqrt(variance)), float(unusable)
