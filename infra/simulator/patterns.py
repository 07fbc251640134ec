"""Spatial patterns on a detector of any size: a seed gives the same picture on reduced and full frames."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["corner_distance", "fringe_pattern", "ring_shadow", "smooth_field", "unit_grid"]

type FloatArray = NDArray[np.float64]


def unit_grid(shape: tuple[int, int]) -> tuple[FloatArray, FloatArray]:
    """Return pixel centres as fractions of the height [ny, 1] and of the width [1, nx]."""
    ny, nx = shape
    return ((np.arange(ny) + 0.5) / ny)[:, np.newaxis], ((np.arange(nx) + 0.5) / nx)[np.newaxis, :]


def smooth_field(rng: np.random.Generator, shape: tuple[int, int], order: int = 5) -> FloatArray:
    """Return a random sum of low cosine modes, of mean 0 and standard deviation 1.

    Parameters
    ----------
    rng
        Source of the amplitudes.
    shape
        Shape (ny, nx) of the field.
    order
        Number of modes along each axis; the constant is left out.
    """
    amplitudes = rng.standard_normal((order, order))
    amplitudes[0, 0] = 0.0
    y, x = unit_grid(shape)
    modes = np.arange(order)
    field = np.cos(np.pi * y * modes) @ amplitudes @ np.cos(np.pi * x.T * modes).T
    return np.asarray(field / field.std())


def corner_distance(shape: tuple[int, int]) -> FloatArray:
    """Return the distance from the lower left corner as a fraction of the diagonal."""
    y, x = unit_grid(shape)
    return np.asarray(np.hypot(y, x) / np.sqrt(2.0))


def ring_shadow(
    shape: tuple[int, int], centre: tuple[float, float], radius: float, depth: float
) -> FloatArray:
    """Return the light left by an out-of-focus speck of dust: a disc with a brighter middle.

    Parameters
    ----------
    shape
        Shape (ny, nx).
    centre
        (y, x) as fractions of height and width.
    radius
        Outer radius as a fraction of the width.
    depth
        Fraction of light lost in the ring.
    """
    y, x = unit_grid(shape)
    r = np.hypot((y - centre[0]) * shape[0] / shape[1], x - centre[1]) / radius
    edge = 0.08
    disc = 0.5 * (np.tanh((1.0 - r) / edge) - np.tanh((0.35 - r) / edge))
    return np.asarray(1.0 - depth * disc)


def fringe_pattern(
    rng: np.random.Generator, shape: tuple[int, int], cycles: float = 4.0, phase: float = 0.0
) -> FloatArray:
    """Return interference fringes of mean 0: contours of a smoothly varying sensor thickness.

    Parameters
    ----------
    rng
        Source of the thickness.
    shape
        Shape (ny, nx).
    cycles
        Fringes to a change of the thickness by its standard deviation.
    phase
        Displacement of the fringes, in their distance: 0.25 makes a pattern that has nothing in common with
        that of phase 0.

    Returns
    -------
    numpy.ndarray
        Values from about -1 to 1, shape [ny, nx].
    """
    fringes = np.sin(2.0 * np.pi * (cycles * smooth_field(rng, shape, order=4) + phase))
    return np.asarray(fringes - fringes.mean())
