"""Tracks of charged particles in the silicon."""

import numpy as np
from numpy.typing import NDArray

from infra.simulator.effects import CosmicRays

__all__ = ["draw_tracks"]

_PIXEL_AREA = 1e-6
"""Area of a 10 µm pixel (square centimetres)."""


def draw_tracks(
    rng: np.random.Generator, shape: tuple[int, int], exposure_time: float, settings: CosmicRays
) -> NDArray[np.float64]:
    """Return the charge left by particles.

    Parameters
    ----------
    rng
        Source of number, places, directions, lengths and charges.
    shape
        Shape (ny, nx) of the detector.
    exposure_time
        Time during which tracks were collected (s).
    settings
        Rate, charge and length.

    Returns
    -------
    numpy.ndarray
        Charge (electron), shape [ny, nx], float64.
    """
    ny, nx = shape
    image = np.zeros(shape)
    for _ in range(rng.poisson(settings.rate * _PIXEL_AREA * ny * nx * exposure_time)):
        y, x, angle = rng.uniform(0, ny), rng.uniform(0, nx), rng.uniform(0, 2 * np.pi)
        # Four points for each pixel of path: fine enough that no pixel on the way is missed.
        steps = np.arange(0.0, 1.0 + rng.exponential(settings.length), 0.25)
        rows = np.floor(y + steps * np.sin(angle)).astype(np.int64)
        columns = np.floor(x + steps * np.cos(angle)).astype(np.int64)
        inside = (rows >= 0) & (rows < ny) & (columns >= 0) & (columns < nx)
        charge = rng.gamma(4.0, settings.charge / 16.0, size=steps.size)
        np.add.at(image, (rows[inside], columns[inside]), charge[inside])
    return np.floor(image)
