"""How deep in silicon light is converted."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from infra.errors import CalprodError

__all__ = ["SENSOR_TEMPERATURE", "ConversionDepths", "absorption_coefficient", "conversion_depths"]

type FloatArray = npt.NDArray[np.float64]

SENSOR_TEMPERATURE = 173.0
"""K."""

_BOLTZMANN = 8.617333262e-5
"""eV/K."""
_PHOTON = 1239.841984
"""Energy times wavelength of a photon (eV nm)."""
_BETA, _GAMMA = 7.021e-4, 1108.0
"""Shrinking of the band gaps with temperature (eV/K, K)."""
_PHONONS = ((18.27e-3, 5.5), (57.73e-3, 4.0))
"""Energy (eV) and strength of the phonons."""
_INDIRECT = ((1.1557, 323.1), (2.5, 7237.0))
"""Indirect gaps (eV) and their strengths (1/(cm eV²))."""
_DIRECT = (3.2, 1.052e6)
"""Direct gap (eV) and its strength (1/(cm √eV))."""


@dataclass(frozen=True, slots=True, eq=False)
class ConversionDepths:
    """How light of a filter is distributed over the depth of its conversion."""

    depths: FloatArray
    """Depth below the window (µm), shape (n,)."""
    weights: FloatArray
    """Fraction converted there; they need not sum to 1."""

    @classmethod
    def surface(cls) -> "ConversionDepths":
        """Return conversion at the window."""
        return cls(np.zeros(1), np.ones(1))

    def starts(self, thickness: float, end: float) -> tuple[FloatArray, FloatArray]:
        """Return heights above the gates (µm) at which charge begins to drift, and their weights.

        Parameters
        ----------
        thickness
            Of the sensor (µm).
        end
            Height (µm) at which the drift ends; what is converted below takes no part.
        """
        heights = thickness - self.depths
        counts = heights > end
        total = self.weights[counts].sum()
        if not total > 0:
            raise CalprodError(
                f"all light is converted below {end:.3g} µm from the gates", "check the filter's wavelengths"
            )
        return heights[counts], self.weights[counts] / total


def absorption_coefficient(wavelength: npt.ArrayLike, temperature: float = SENSOR_TEMPERATURE) -> FloatArray:
    """Absorption of light in silicon.

    Parameters
    ----------
    wavelength
        nm, any shape.
    temperature
        K.

    Returns
    -------
    coefficient
        1/µm.

    Notes
    -----
    Rajkanan, Singh & Shewchun 1979 (Solid-State Electronics 22, 793), eq. 4: indirect transitions with one
    phonon absorbed or emitted, and direct ones.
    """
    energy = _PHOTON / np.asarray(wavelength, np.float64)
    shrunk = _BETA * temperature**2 / (temperature + _GAMMA)
    total = np.zeros_like(energy)
    for phonon, strength in _PHONONS:
        occupation = phonon / (_BOLTZMANN * temperature)
        for gap, factor in _INDIRECT:
            absorbing = np.maximum(energy - (gap - shrunk) + phonon, 0.0) ** 2 / np.expm1(occupation)
            emitting = np.maximum(energy - (gap - shrunk) - phonon, 0.0) ** 2 / -np.expm1(-occupation)
            total += strength * factor * (absorbing + emitting)
    gap, factor = _DIRECT
    total += factor * np.sqrt(np.maximum(energy - (gap - shrunk), 0.0))
    return np.asarray(total * 1e-4)


def conversion_depths(
    wavelengths: Sequence[float] | FloatArray,
    transmissions: Sequence[float] | FloatArray,
    thickness: float = 100.0,
    temperature: float = SENSOR_TEMPERATURE,
) -> ConversionDepths:
    """Depths at which light of a filter is converted, of a source with as much power at every wavelength.

    Parameters
    ----------
    wavelengths
        nm, evenly spaced.
    transmissions
        Fraction of light that passes, at each.
    thickness
        Of the sensor (µm).
    temperature
        Of the sensor (K).

    Returns
    -------
    depths
        In bins of 1 µm, each at its middle.
    """
    light = np.asarray(transmissions, np.float64) * np.asarray(wavelengths, np.float64)
    if light.size == 0 or not (np.isfinite(light).all() and light.min() >= 0 and light.sum() > 0):
        raise CalprodError("no light passes the filter", "give wavelengths (nm) and transmissions above 0")
    edges = np.arange(0.0, np.floor(thickness) + 1.0)
    reach = np.exp(-np.outer(absorption_coefficient(wavelengths, temperature), edges))
    converted = light @ (reach[:, :-1] - reach[:, 1:])
    return ConversionDepths(0.5 * (edges[:-1] + edges[1:]), converted / light.sum())
