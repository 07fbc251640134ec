"""Statistics of a residual image without its cosmic rays, which `tasks.combine.cosmic_rays` finds."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tasks.combine.cosmic_rays import CosmicRayRules, find_cosmic_rays

__all__ = ["CleanedStatistics", "CosmicRayRules", "statistics_without_cosmic_rays"]


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
    found = find_cosmic_rays(image, mask, excluded, sky, sky_sigma, rules or CosmicRayRules())
    if found.gave_up:
        return CleanedStatistics(math.nan, math.nan, found.pixels.size, True)
    # Moments about the sky keep their precision, and those of the few pixels hit are taken out of them.
    hit = image[np.unravel_index(found.pixels, image.shape)].astype(np.float64) - sky
    total, squares = found.total - float(hit.sum()), found.squares - float((hit * hit).sum())
    n = found.n_valid - hit.size
    mean = sky + total / n if n > 0 else math.nan
    deviation = math.sqrt(max(squares - total * total / n, 0.0) / (n - 1)) if n > 1 else math.nan
    return CleanedStatistics(mean, deviation, hit.size, False)
