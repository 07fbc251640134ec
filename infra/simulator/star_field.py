"""Fields of stars: where they stand, how they look, and what becomes of those that are too bright."""

import math

import numpy as np
from numpy.typing import NDArray

from infra.simulator.random_streams import random_stream
from infra.simulator.sky import Stars

__all__ = ["bleed", "draw_field", "pointing_offset", "star_image"]

type FloatArray = NDArray[np.float64]

_FAINTEST = 0.05
"""Signal (electron) below which the wings of a star are cut off."""


def draw_field(rng: np.random.Generator, shape: tuple[int, int], stars: Stars) -> FloatArray:
    """Return the stars of a set.

    Parameters
    ----------
    rng
        Source of number, places and brightnesses.
    shape
        Shape (ny, nx) of the detector's image.
    stars
        How many and how bright.

    Returns
    -------
    numpy.ndarray
        Row and column (pixel) at the pointing of the set and total signal (electron), shape [n, 3]. Some
        stand outside the image, where a dither may bring them in.

    Notes
    -----
    The number of stars brighter than f falls as f**(-2.5 slope).
    """
    ny, nx = shape
    margin = stars.dither + 4.0 * stars.fwhm
    area = (ny + 2.0 * margin) * (nx + 2.0 * margin)
    n = rng.poisson(stars.count * area / (ny * nx))
    y, x = rng.uniform(-margin, ny + margin, n), rng.uniform(-margin, nx + margin, n)
    exponent, (faintest, brightest) = 2.5 * stars.slope, stars.flux
    cut = 1.0 - (faintest / brightest) ** exponent
    return np.stack([y, x, faintest * (1.0 - cut * rng.random(n)) ** (-1.0 / exponent)], axis=1)


def pointing_offset(seed: int, exposure: int, stars: Stars) -> tuple[float, float]:
    """Return by how much the stars of an exposure are displaced on all detectors, in y and x (pixel)."""
    y, x = random_stream(seed, "dither", exposure).uniform(-stars.dither, stars.dither, 2)
    return float(y), float(x)


def star_image(field: FloatArray, shape: tuple[int, int], fwhm: float, stars: Stars) -> FloatArray:
    """Return the light of stars.

    Parameters
    ----------
    field
        Row, column (pixel) and total signal (electron), shape [n, 3].
    shape
        Shape (ny, nx).
    fwhm
        Full width at half maximum (pixel).
    stars
        Profile.

    Returns
    -------
    numpy.ndarray
        Signal (electron) by the value of the profile in the middle of each pixel, shape [ny, nx].
    """
    image = np.zeros(shape)
    for y, x, flux in field:
        reach = _reach(flux, fwhm, stars)
        rows = np.arange(max(0, round(y) - reach), min(shape[0], round(y) + reach + 1))
        columns = np.arange(max(0, round(x) - reach), min(shape[1], round(x) + reach + 1))
        if rows.size and columns.size:
            distance = (rows[:, np.newaxis] - y) ** 2 + (columns - x) ** 2
            seen = flux * _profile(distance, fwhm, stars)
            image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] += seen
    return image


def _profile(squared_distance: FloatArray, fwhm: float, stars: Stars) -> FloatArray:
    """Light of a star of unit signal in a pixel."""
    if stars.profile == "gaussian":
        variance = fwhm**2 / (8.0 * math.log(2.0))
        return np.asarray(np.exp(-0.5 * squared_distance / variance) / (2.0 * np.pi * variance))
    squared_width = _squared_width(fwhm, stars)
    peak = (stars.beta - 1.0) / (np.pi * squared_width)
    return np.asarray(peak * (1.0 + squared_distance / squared_width) ** -stars.beta)


def _squared_width(fwhm: float, stars: Stars) -> float:
    """Square of the Moffat profile's alpha (pixel**2)."""
    return float(fwhm**2 / (4.0 * (2.0 ** (1.0 / stars.beta) - 1.0)))


def _reach(flux: float, fwhm: float, stars: Stars) -> int:
    """Distance (pixel) at which a star is lost."""
    if stars.profile == "gaussian":
        return math.ceil(3.0 * fwhm)
    squared_width = _squared_width(fwhm, stars)
    peak = flux * (stars.beta - 1.0) / (math.pi * squared_width)
    distance = math.sqrt(squared_width * max(0.0, (peak / _FAINTEST) ** (1.0 / stars.beta) - 1.0))
    return math.ceil(max(3.0 * fwhm, distance))


def bleed(charge: FloatArray, full_well: float, n_halves: int) -> FloatArray:
    """Return the charge after full pixels have run over along their columns, half up and half down.

    Parameters
    ----------
    charge
        Charge (electron), shape [ny, nx].
    full_well
        What a pixel holds (electron).
    n_halves
        Number of parts, above each other, of which each is read to its own side: charge crosses neither their
        borders nor the edges, where it is lost.
    """
    result = np.minimum(charge, full_well)
    height = charge.shape[0] // n_halves
    for half in range(n_halves):
        rows = slice(half * height, (half + 1) * height)
        columns = np.flatnonzero((charge[rows] > full_well).any(axis=0))
        if columns.size:
            excess = 0.5 * np.maximum(charge[rows, columns] - full_well, 0.0)
            upwards = _fill(result[rows, columns], excess, full_well)
            result[rows, columns] = _fill(upwards[::-1], excess[::-1], full_well)[::-1]
    return result


def _fill(held: FloatArray, excess: FloatArray, full_well: float) -> FloatArray:
    """Let the excess run to higher indices until there is room for it."""
    filled, running = held.copy(), np.zeros(held.shape[1])
    for row in range(len(held)):
        running += excess[row]
        taken = np.minimum(full_well - filled[row], running)
        filled[row] += taken
        running -= taken
    return filled
