"""Cosmic rays in an image without stars: which pixels they hit.

A bias, a dark, or the residual of a flat holds no stars, so the only sharp positive features are cosmic rays
and hot pixels. A pixel seeds a cosmic ray when it stands above the sky by a threshold and is sharper than the
point spread function allows; from the seeds the mask grows to every touching pixel above a lower threshold.
Smooth structure, such as a light leak or an illumination gradient, is not sharper than the PSF and stays, so
that it is seen and not cleaned away.

The sharpness criterion is condition 3 of the SDSS photometric pipeline's finder, with the factors and the
fake Gaussian PSF that Rubin's cp_pipe and cp_verify use (6 sigma, 2.5, 0.6, FWHM 3 pixels). Growth replaces
its three passes over neighbours, because a grazing muon track is longer than three pixels.
"""

import math
from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

__all__ = ["CosmicRayRules", "CosmicRays", "find_cosmic_rays"]


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


@dataclass(frozen=True, slots=True, eq=False)
class CosmicRays:
    """The pixels of an image that cosmic rays hit, and the moments of all usable ones."""

    pixels: npt.NDArray[np.int64]
    """Flat indices (``y * nx + x``) of the pixels hit, in no order."""
    n_valid: int
    """Number of usable pixels, hit or not."""
    total: float
    """Sum over the usable pixels of their value less the sky."""
    squares: float
    """Sum of the squares of the same."""
    gave_up: bool
    """Whether there were too many hits to be cosmic rays."""


def find_cosmic_rays(
    image: npt.NDArray[np.float32],
    mask: npt.NDArray[np.uint16],
    excluded: int,
    sky: float,
    sky_sigma: float,
    rules: CosmicRayRules,
) -> CosmicRays:
    """Find the pixels of one amplifier that cosmic rays hit, in one pass over them.

    Parameters
    ----------
    image
        Pixels of one amplifier, shape (ny, nx), any unit.
    mask
        Mask planes, shape (ny, nx).
    excluded
        Mask bits that exclude a pixel; non-finite pixels are excluded too.
    sky
        Level without cosmic rays, such as the clipped mean, in the unit of ``image``.
    sky_sigma
        Scatter without cosmic rays, such as the clipped standard deviation, in the unit of ``image``. Where
        it is 0 or NaN, as in a dead amplifier, nothing can be called sharp, and nothing is found.
    rules
        Thresholds.
    """
    # Ratio of a Gaussian one, and one diagonal, pixel from its peak to its peak.
    exponent = -4.0 * math.log(2.0) / rules.psf_fwhm**2
    unit = sky_sigma if sky_sigma > 0.0 else math.inf
    n_valid, total, squares, pixels = _scan(
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
    return CosmicRays(pixels, n_valid, total, squares, pixels.size > rules.maximum_fraction * n_valid)


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
) -> npt.NDArray[np.int64]:  # pragma: no cover
    """Grow from the seeds in ``stack``, emptying it; return the flat indices of the hit."""
    hit = np.zeros(image.shape, np.bool_)
    found = [np.int64(0)]
    found.pop()
    while len(stack) > 0:
        y, x = stack.pop()
        if hit[y, x]:
            continue
        hit[y, x] = True
        found.append(np.int64(y * image.shape[1] + x))
        for ty in range(y - 1, y + 2):
            for tx in range(x - 1, x + 2):
                if not _usable(image, mask, excluded, ty, tx) or hit[ty, tx]:
                    continue
                if image[ty, tx] - sky > growth:
                    stack.append((ty, tx))
    return np.array(found)


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
) -> tuple[int, float, float, npt.NDArray[np.int64]]:  # pragma: no cover
    """Return number, sum and squares of the usable pixels about the sky, and the flat indices of the hit."""
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
    if len(stack) == 0:
        return n_valid, total, squares, np.empty(0, np.int64)
    return n_valid, total, squares, _grow(image, mask, excluded, sky, growth, stack)
