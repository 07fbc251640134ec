"""What linearity is solved from: levels of flat exposures that rise with the light they got."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from infra.errors import CalprodError
from infra.instruments.layout import Box

__all__ = ["AmplifierRamp", "DetectorRamp", "light_of", "single_exposures"]

type FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class AmplifierRamp:
    """Levels of one amplifier."""

    name: str
    """Amplifier."""
    ordinate: FloatArray
    """Mean signal above the overscan (adu), shape (n,); NaN where there is none."""
    keep: npt.NDArray[np.bool_]
    """Points that the photon transfer curve kept, shape (n,)."""
    gain: float = 1.0
    """electron/adu, from the photon transfer curve."""
    turnoff: float = np.inf
    """Turnoff of the photon transfer curve (adu)."""
    noise: float = 0.0
    """Read noise (electron)."""
    box: Box = field(default=Box(0, 0, 0, 0))
    """The amplifier in the trimmed detector image."""
    bad: str | None = None
    """Why the photon transfer curve gave the amplifier up; None if it did not."""


@dataclass(frozen=True, slots=True, eq=False)
class DetectorRamp:
    """Levels of all amplifiers of one detector in the same exposures, or pairs of them.

    Raises
    ------
    CalprodError
        Arrays differ in length, two amplifiers have one name, or there is no amplifier.
    """

    detector: int
    """Detector number."""
    light: FloatArray
    """Abscissa: exposure time (s) or photodiode charge (C), shape (n,), see `light_of`."""
    amplifiers: tuple[AmplifierRamp, ...]
    """In the order of the detector's amplifiers."""
    groups: npt.NDArray[np.int64] | None = None
    """Group of points that share one proportion of light to signal, shape (n,), −1 for none; one if None."""
    normalization: FloatArray | None = None
    """What each exposure's light was multiplied by, shape (n,)."""
    temperature: FloatArray | None = None
    """Temperature of the sensor or its electronics (°C), shape (n,)."""
    mjd: FloatArray | None = None
    """Time of each point (MJD, TAI), shape (n,)."""

    def __post_init__(self) -> None:
        optional = (self.groups, self.normalization, self.temperature, self.mjd)
        sizes = {one.size for one in optional if one is not None} | {self.light.size}
        sizes |= {one.size for amplifier in self.amplifiers for one in (amplifier.ordinate, amplifier.keep)}
        names = [amplifier.name for amplifier in self.amplifiers]
        if len(sizes) != 1 or not names or len(set(names)) != len(names):
            raise CalprodError(
                f"the linearity ramp of detector {self.detector} has arrays of {sorted(sizes)} points"
                f" and the amplifiers {', '.join(names) or '(none)'}",
                "give every amplifier, once, the same exposures",
            )

    @property
    def group_of_point(self) -> npt.NDArray[np.int64]:
        """Group of each point, shape (n,); points without light are in none."""
        groups = np.zeros(self.light.size, np.int64) if self.groups is None else self.groups
        return np.where(np.isfinite(self.light) & (self.light > 0), groups, -1)


def light_of(
    exposure_times: FloatArray,
    charges: FloatArray | None = None,
    *,
    minimum_charge: float = 0.0,
    normalization: FloatArray | None = None,
) -> FloatArray:
    """Abscissa of a ramp.

    Parameters
    ----------
    exposure_times
        Seconds, shape (n,).
    charges
        Charge of the photodiode (C), shape (n,); taken instead of the exposure times if given.
    minimum_charge
        Charges below this are no measurement.
    normalization
        Factor of each exposure from the whole focal plane, shape (n,).

    Returns
    -------
    light
        Shape (n,); NaN for points to be left out.
    """
    light = np.array(exposure_times if charges is None else charges, np.float64)
    if charges is not None:
        light[~(light >= minimum_charge)] = np.nan
    light[~np.isfinite(light)] = np.nan
    return light if normalization is None else light * normalization


def single_exposures(mean: FloatArray, difference: FloatArray) -> FloatArray:
    """Values of the two exposures of each pair, one after the other, from mean and difference.

    Parameters
    ----------
    mean, difference
        Mean of the pair, and second minus first, shape (n,).

    Returns
    -------
    values
        Shape (2 n,): first and second of the first pair, and so on.
    """
    return np.stack([mean - 0.5 * difference, mean + 0.5 * difference], axis=-1).ravel()
