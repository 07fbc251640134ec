"""The light over the focal plane: a radial spline, a plane, and a factor between two makers of sensors."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tasks.isr.akima import interpolate_akima

__all__ = ["FlatGradient"]

type FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class FlatGradient:
    """How the signal of flats runs over the focal plane, but for the detectors' own response.

    Notes
    -----
    Rubin ip_isr, FlatGradient: model = S(r) · (ratio where the sensor is ITL) / plane(x, y), with the plane
    1 + gx (x − x0) + gy (y − y0), and r the distance from (x0 + δx, y0 + δy).
    """

    nodes: FloatArray
    """Radii (mm) of the nodes of the spline, rising, shape (n,)."""
    values: FloatArray
    """Signal at the nodes, shape (n,), about 1 in the middle."""
    itl_ratio: float = 1.0
    """Signal of an ITL sensor over that of an E2V sensor in the same light."""
    centre: tuple[float, float] = (0.0, 0.0)
    """Where the plane is 1 (mm): x0 and y0."""
    shift: tuple[float, float] = (0.0, 0.0)
    """From there to the middle of the radial part (mm): δx and δy."""
    slope: tuple[float, float] = (0.0, 0.0)
    """Slope of the plane (1/mm): gx and gy."""
    normalization: float = 1.0
    """Signal of the flats, as they were fitted, for which the model says 1."""

    def plane(self, x: FloatArray, y: FloatArray) -> FloatArray:
        """Return what flats are multiplied by to take out the planar part, at positions (mm)."""
        return np.asarray(
            1.0 + self.slope[0] * (x - self.centre[0]) + self.slope[1] * (y - self.centre[1]), np.float64
        )

    def radius(self, x: FloatArray, y: FloatArray) -> FloatArray:
        """Return the distance (mm) of positions from the middle of the radial part."""
        return np.asarray(
            np.hypot(x - self.centre[0] - self.shift[0], y - self.centre[1] - self.shift[1]), np.float64
        )

    def radial(self, x: FloatArray, y: FloatArray) -> FloatArray:
        """Return the radial part at positions (mm); beyond the last node as there."""
        return interpolate_akima(self.radius(x, y), self.nodes, self.values)

    def model(self, x: FloatArray, y: FloatArray, is_itl: npt.NDArray[np.bool_]) -> FloatArray:
        """Return the signal that flats have, divided by ``normalization``.

        Parameters
        ----------
        x, y
            Positions (mm), shape (n,).
        is_itl
            Whether the sensor there is an ITL, shape (n,).
        """
        light = self.radial(x, y) / self.plane(x, y)
        return np.where(is_itl, light * self.itl_ratio, light)
