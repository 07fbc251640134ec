"""The field of a charge in a pixel, and how far it moves the boundaries of the pixels around."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from tasks.brighter_fatter.electrostatic.depth import ConversionDepths

__all__ = ["PERMITTIVITY", "BoundaryShifts", "Sensor", "boundary_shifts"]

type FloatArray = npt.NDArray[np.float64]

PERMITTIVITY = 660.0
"""Of silicon, in electron/(V µm): 12 times that of the vacuum."""

_N_IMAGES = 11
"""Pairs of image charges, the charge and its first mirror image among them."""

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(20)
"""Gauss-Legendre points along a boundary, from −1 to 1, and their weights, which sum to 2."""

_THIRDS = (-2.0 / 3.0, 0.0, 2.0 / 3.0)
"""Middles of three equal parts of the charge's extent."""


@dataclass(frozen=True, slots=True)
class Sensor:
    """Geometry of a pixel and of the charge in it; all lengths in µm, z upwards from the gates."""

    zq: float = 1.0
    """Height of the charge."""
    zsh: float = 2.0
    """Height at which drifting charge no longer crosses a horizontal boundary (upper and lower)."""
    zsv: float = 3.0
    """The same of vertical boundaries (left and right)."""
    half_width: float = 2.0
    """Half the extent of the charge along x."""
    half_height: float = 2.0
    """Half the extent of the charge along y."""
    thickness: float = 100.0
    """Of the sensor."""
    pixel: float = 10.0
    """Side of a pixel."""


@dataclass(frozen=True, slots=True, eq=False)
class BoundaryShifts:
    """How far one electron in the middle of pixel (0, 0) turns drifting charge aside at the boundaries.

    [i][j] is the pixel i columns to the right and j rows above. Charge is turned outwards, out of the pixel,
    where a shift is positive: the boundary then moves inwards by as much.
    """

    right: FloatArray
    """Of the right boundary of each pixel (pixel/electron), shape (n, n)."""
    upper: FloatArray
    """Of the upper boundary."""

    @property
    def left(self) -> FloatArray:
        """Of the left boundary: the opposite of the right one of the pixel before."""
        return np.concatenate([self.right[:1], -self.right[:-1]])

    @property
    def lower(self) -> FloatArray:
        """Of the lower boundary."""
        return np.concatenate([self.upper[:, :1], -self.upper[:, :-1]], axis=1)

    @property
    def area(self) -> FloatArray:
        """Fractional change of the area of each pixel (1/electron), negative where it loses."""
        return -(self.right + self.left + self.upper + self.lower)


def boundary_shifts(sensor: Sensor, n: int, depths: ConversionDepths | None = None) -> BoundaryShifts:
    """Shifts that one electron would make, for a mobility of one.

    Parameters
    ----------
    sensor
        Geometry.
    n
        Pixels along each side of the quadrant.
    depths
        Where light is converted; None for the surface that it enters by.

    Returns
    -------
    shifts
        To be scaled by what the fit finds.

    Notes
    -----
    Astier & Regnault 2023 (arXiv:2301.03274). The charge is spread over 3 × 3 points; gates and window are
    conductors, told by image charges. A boundary moves as the transverse field, integrated from where the
    charge begins to drift to where the pixels' potential holds it, averaged along the boundary.
    """
    charges = _charges(sensor)
    depths = depths or ConversionDepths.surface()
    scale = 1.0 / (4.0 * np.pi * PERMITTIVITY * sensor.pixel)
    shifts = []
    for end, of_upper in ((sensor.zsv, False), (sensor.zsh, True)):
        starts, weights = depths.starts(sensor.thickness, end)
        rotated = charges[:, [1, 0, 2, 3]] if of_upper else charges
        found = _shifts(rotated, sensor.pixel, n, end, starts, weights, _NODES / 2.0, _WEIGHTS / 2.0)
        shifts.append(scale * (found.T if of_upper else found))
    return BoundaryShifts(right=shifts[0], upper=shifts[1])


def _charges(sensor: Sensor) -> FloatArray:
    """Places and sizes (x, y, z, electron) of the charge and its images, shape (n, 4)."""
    extended = [
        (u * sensor.half_width, v * sensor.half_height, sign * sensor.zq, sign / 9.0)
        for u in _THIRDS
        for v in _THIRDS
        for sign in (1.0, -1.0)
    ]
    points, first, second, sign = [], sensor.zq, -sensor.zq, 1.0
    for number in range(_N_IMAGES - 1):
        mirror = 2.0 * sensor.thickness if number % 2 == 0 else 0.0
        first, second, sign = mirror - first, mirror - second, -sign
        points += [(0.0, 0.0, first, sign), (0.0, 0.0, second, -sign)]
    return np.array(extended + points)


@njit(cache=True, nogil=True)
def _shifts(
    charges: FloatArray,
    pixel: float,
    n: int,
    end: float,
    starts: FloatArray,
    start_weights: FloatArray,
    nodes: FloatArray,
    weights: FloatArray,
) -> FloatArray:  # pragma: no cover
    """Field along x, integrated over z and averaged along the right boundary of each pixel, [i][j]."""
    shifts = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            total = 0.0
            for c in range(charges.shape[0]):
                x = (i + 0.5) * pixel - charges[c, 0]
                below = end - charges[c, 2]
                for k in range(nodes.size):
                    y = (j + nodes[k]) * pixel - charges[c, 1]
                    rho2 = x * x + y * y
                    integral = -below / np.sqrt(rho2 + below * below)
                    for s in range(starts.size):
                        above = starts[s] - charges[c, 2]
                        integral += start_weights[s] * above / np.sqrt(rho2 + above * above)
                    total += charges[c, 3] * weights[k] * x / rho2 * integral
            shifts[i, j] = total
    return shifts
