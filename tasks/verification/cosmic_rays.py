"""Cosmic rays in a residual image: which pixels they hit, and the statistics of all others.

A residual of a bias, dark or flat holds no stars, so the only sharp positive features are cosmic rays and hot
pixels. A pixel seeds a cosmic ray when it stands above the sky by a threshold and is sharper than the point
spread function allows; from the seeds the mask grows to every touching pixel above a lower threshold. Smooth
structure, such as a light leak or an illumination gradient, is not sharper than the PSF and stays, so that it
is seen and not cleaned away.

The sharpness criterion is condition 3 of the SDSS photometric pipeline's finder, with the factors and the
fake Gaussian PSF that Rubin's cp_verify uses (6 sigma, 2.5, 0.6, FWHM 3 pixels). Growth replaces its three
passes over neighbours, because a grazing muon track is longer than three pixels.
"""

import math
from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

__all__ = ["CleanedStatistics", "CosmicRayRules", "statistics_without_cosmic_rays"]


@dataclass(frozen=True, slots=True)
class CosmicRayRules:
    """Thresholds of the cosmic-ray finder."""

    seed_threshold: float = 6.0
    """Height above the sky of a seed pixel, in sky sigma."""
    growth_threshold: float = 3.0
    """Height above the sky of a pixel that touches a cosmic ray and belongs to it, in sky sigma."""
    sharpness_sigma: float = 2.5
    """By how many sigma the sharpness criterion must be exceeded."""
    sharpness_factor: float = 0.6
    """How much sharper than the PSF a seed must be; below 1 is stricter."""
    psf_fwhm: float = 3.0
    """Full width at half maximum of the Gaussian PSF (pixel)."""
    maximum_fraction: float = 0.01
    """Largest plausible fraction of pixels hit; above it the finder gives up."""


@dataclass(frozen=True, slots=True)
class CleanedStatistics:
    """What remains when the pixels hit by cosmic rays are left out."""

    mean: float
    """Plain mean of the remaining pixels; NaN when none remains or the finder gave up."""
    standard_deviation: float
    """Sample standard deviation (n - 1) of the remaining pixels; NaN when the finder gave up."""
    n_rejected: int
    """Number of pixels left out."""
    gave_up: bool
    """Whether there were too many such pixels to be cosmic rays."""


def statistics_without_cosmic_rays(
    image: npt.NDArray[np.float32],
    mask: npt.NDArray[np.uint16],
    excluded: int,
    sky: float,
    sky_sigma: float,
    rules: CosmicRayRules | None = None,
) -> CleanedStatistics:
    """Measure the plain mean and standard deviation of an image without its cosmic rays.

    Parameters
    ----------
    image
        Residual of one amplifier, shape (ny, nx), any unit.
    mask
        Mask planes, shape (ny, nx).
    excluded
        Mask bits that exclude a pixel; non-finite pixels are excluded too.
    sky
        Level without cosmic rays, such as the clipped mean, in the unit of ``image``.
    sky_sigma
        Scatter without cosmic rays, such as the clipped standard deviation, in the unit of ``image``.
    rules
        Thresholds; the defaults when None.

    Returns
    -------
    CleanedStatistics
        NaN scatter when fewer than two pixels remain, or when the finder gave up.
    """
    rules = rules or CosmicRayRules()
    # Ratio of a Gaussian one, and one diagonal, pixel from its peak to its peak.
    exponent = -4.0 * math.log(2.0) / rules.psf_fwhm**2
    # Without scatter (a dead amplifier) nothing can be called sharp: no threshold is ever passed.
    unit = sky_sigma if sky_sigma > 0.0 else math.inf
    n_valid, n_rejected, mean, deviation = _scan(
        image,
        mask,
        np.uint16(excluded),
        sky,
        sky_sigma,
        rules.seed_threshold * unit,
        rules.growth_threshold * unit,
        rules.sharpness_sigma,
        rules.sharpness_factor * math.exp(exponent),
        rules.sharpness_factor * math.exp(2.0 * exponent),
    )
    gave_up = n_rejected > rules.maximum_fraction * n_valid
    if gave_up:
        mean = deviation = math.nan
    return CleanedStatistics(mean, deviation, n_rejected, gave_up)


@numba.njit(nogil=True, cache=True)
def _usable(
    image: npt.NDArray[np.float32], mask: npt.NDArray[np.uint16], excluded: np.uint16, y: int, x: int
) -> bool:  # pragma: no cover
    """Tell whether a pixel lies in the image, is finite and not excluded."""
    inside = 0 <= y < image.shape[0] and 0 <= x < image.shape[1]
    return inside and mask[y, x] & excluded == 0 and np.isfinite(image[y, x])


@numba.njit(nogil=True, cache=True)
def _is_sharp(
    image: npt.NDArray[np.float32],
    mask: npt.NDArray[np.uint16],
    excluded: np.uint16,
    y: int,
    x: int,
    sky: float,
    sigma: float,
    n_sigma: float,
    straight: float,
    diagonal: float,
) -> bool:  # pragma: no cover
    """Tell whether a pixel is sharper than the PSF in at least one of the four directions."""
    height = image[y, x] - sky - n_sigma * sigma
    for direction in range(4):
        dy = 0 if direction == 0 else 1
        dx = 0 if direction == 1 else (-1 if direction == 3 else 1)
        total, count = 0.0, 0
        for sign in (-1, 1):
            if _usable(image, mask, excluded, y + sign * dy, x + sign * dx):
                total += image[y + sign * dy, x + sign * dx] - sky
                count += 1
        if count == 0:
            continue
        allowed = (straight if direction < 2 else diagonal) * height
        if allowed > total / count + n_sigma * sigma / math.sqrt(count):
            return True
    return False


@numba.njit(nogil=True, cache=True)
def _grow(
    image: npt.NDArray[np.float32],
    mask: npt.NDArray[np.uint16],
    excluded: np.uint16,
    sky: float,
    growth: float,
    stack: list[tuple[int, int]],
) -> tuple[int, float, float]:  # pragma: no cover
    """Grow from the seeds in ``stack``, emptying it; return number, sum and squares of the hit."""
    n_hit, total, squares = 0, 0.0, 0.0
    hit = np.zeros(image.shape, np.bool_)
    while len(stack) > 0:
        y, x = stack.pop()
        if hit[y, x]:
            continue
        hit[y, x] = True
        value = image[y, x] - sky
        n_hit += 1
        total += value
        squares += value * value
        for ty in range(y - 1, y + 2):
            for tx in range(x - 1, x + 2):
                if not _usable(image, mask, excluded, ty, tx) or hit[ty, tx]:
                    continue
                if image[ty, tx] - sky > growth:
                    stack.append((ty, tx))
    return n_hit, total, squares


@numba.njit(nogil=True, cache=True, fastmath={"reassoc", "nsz", "contract"})
def _moments(
    pixels: npt.NDArray[np.float32], planes: npt.NDArray[np.uint16], excluded: np.uint16, sky: float
) -> tuple[int, float, float, float]:  # pragma: no cover
    """Return number, sum, squares and largest of one row's usable pixels less the sky, vectorised."""
    count, total, squares, largest = 0, 0.0, 0.0, 0.0
    for x in range(pixels.size):
        usable = ((planes[x] & excluded) == 0) & np.isfinite(pixels[x])
        value = np.float64(pixels[x]) - sky if usable else 0.0
        count += 1 if usable else 0
        total += value
        squares += value * value
        largest = max(largest, value)
    return count, total, squares, largest


@numba.njit(nogil=True, cache=True)
def _scan(
    image: npt.NDArray[np.float32],
    mask: npt.NDArray[np.uint16],
    excluded: np.uint16,
    sky: float,
    sigma: float,
    seed: float,
    growth: float,
    n_sigma: float,
    straight: float,
    diagonal: float,
) -> tuple[int, int, float, float]:  # pragma: no cover
    """Return the number of usable and of rejected pixels, mean and standard deviation of the others."""
    # Moments about the sky keep their precision, and those of the few rejected pixels are taken out after.
    n_valid, total, squares = 0, 0.0, 0.0
    stack = [(0, 0)]
    stack.pop()
    for y in range(image.shape[0]):
        row_count, row_total, row_squares, largest = _moments(image[y], mask[y], excluded, sky)
        n_valid += row_count
        total += row_total
        squares += row_squares
        if largest > seed:
            for x in range(image.shape[1]):
                if (
                    image[y, x] - sky > seed
                    and _usable(image, mask, excluded, y, x)
                    and _is_sharp(image, mask, excluded, y, x, sky, sigma, n_sigma, straight, diagonal)
                ):
                    stack.append((y, x))
    n_rejected = 0
    if len(stack) > 0:
        n_rejected, hit_total, hit_squares = _grow(image, mask, excluded, sky, growth, stack)
        total -= hit_total
        squares -= hit_squares
    n = n_valid - n_rejected
    mean = sky + total / n if n > 0 else np.nan
    variance = max(squares - total * total / n, 0.0) / (n - 1) if n > 1 else np.nan
    return n_valid, n_rejected, mean, math.sqrt(variance)
