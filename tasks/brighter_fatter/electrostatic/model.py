"""The electrostatic model of a detector: what was fitted, to what, and what follows from it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from infra.images import Metadata
from tasks.brighter_fatter.electrostatic.field import BoundaryShifts, Sensor

__all__ = ["PARAMETERS", "AverageMatrix", "ElectrostaticSolution", "ElectrostaticParameters", "mirrored_sum"]

type FloatArray = npt.NDArray[np.float64]

PARAMETERS = ("thickness", "pixelsize", "zq", "zsh", "zsv", "a", "b", "alpha", "beta")
"""Names of all parameters, as they are stored; lengths in µm."""


@dataclass(frozen=True, slots=True, eq=False)
class AverageMatrix:
    """Mean area changes of a detector's amplifiers."""

    values: FloatArray
    """Mean over the good amplifiers (1/electron), shape (r, r), [serial lag][parallel lag]."""
    scatter: FloatArray
    """Standard deviation over them (1/electron)."""
    n_used: npt.NDArray[np.int64]
    """Amplifiers that each element is the mean of."""

    @property
    def error(self) -> FloatArray:
        """Standard error of the mean (1/electron)."""
        return self.scatter / np.sqrt(np.maximum(self.n_used, 1))


@dataclass(frozen=True, slots=True)
class ElectrostaticParameters:
    """Parameters of the model."""

    sensor: Sensor = field(default_factory=Sensor)
    """Geometry of the charge and of the drift."""
    alpha: float = 1.0
    """Factor of the area changes and shifts."""
    beta: float = 0.0
    """Added to the area changes (1/electron); not to the shifts."""

    def values(self) -> dict[str, float]:
        """Return all parameters by name (`PARAMETERS`)."""
        one = self.sensor
        numbers = (one.thickness, one.pixel, one.zq, one.zsh, one.zsv, one.half_width, one.half_height)
        return dict(zip(PARAMETERS, (*numbers, self.alpha, self.beta), strict=True))


@dataclass(frozen=True, slots=True, eq=False)
class ElectrostaticSolution:
    """Model fitted to the area changes of a detector."""

    average: AverageMatrix
    """What it was fitted to."""
    fit_range: int
    """Lags in each direction that were fitted."""
    parameters: ElectrostaticParameters
    errors: Mapping[str, float]
    """Standard errors of the free parameters; NaN of one that is not determined."""
    covariance: FloatArray
    """Of the free parameters, in the order of ``errors``."""
    chi_squared: float
    """Sum of squared residuals over the scatter of the amplifiers."""
    shifts: BoundaryShifts
    """For an alpha of 1, light converted at the window."""
    at_bound: tuple[str, ...]
    """Parameters that ended at a bound."""
    gains: Mapping[str, float]
    """electron/adu, by amplifier."""
    bad_amplifiers: tuple[str, ...]
    """Amplifiers whose matrix did not count."""
    shifts_by_filter: Mapping[str, BoundaryShifts] = field(default_factory=dict)
    """For the light of filters, by name."""
    metadata: Metadata = field(default_factory=dict)
    """FITS cards."""

    @property
    def n_free(self) -> int:
        """Number of free parameters."""
        return len(self.errors)

    @property
    def degrees_of_freedom(self) -> int:
        """Elements fitted less free parameters."""
        return self.fit_range**2 - self.n_free

    @property
    def area(self) -> FloatArray:
        """Area changes of the model (1/electron), shape (n, n)."""
        return self.parameters.alpha * self.shifts.area + self.parameters.beta

    @property
    def measured(self) -> FloatArray:
        """Area changes that were fitted (1/electron), shape (n, n)."""
        return self.average.values[: self.fit_range, : self.fit_range]


def mirrored_sum(quadrant: FloatArray) -> float:
    """Sum of a matrix of which one quadrant is given, axes included.

    Parameters
    ----------
    quadrant
        Shape (n, n), element (0, 0) in the middle of the whole.
    """
    inner, axes = quadrant[1:, 1:].sum(), quadrant[0, 1:].sum() + quadrant[1:, 0].sum()
    return float(quadrant[0, 0] + 2.0 * axes + 4.0 * inner)
