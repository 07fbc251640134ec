"""Footprints of sources: what stands out of a smooth background, bright or dark."""

import numpy as np
import numpy.typing as npt
from scipy.ndimage import binary_dilation, gaussian_filter

from infra.errors import CalprodError
from infra.images import MaskPlane
from tasks.combine.clipping import clipped_mean

__all__ = ["detect_sources"]

_LEAST_WEIGHT = 0.25
"""Part of the smoothing kernel that must lie on usable pixels."""

_UNUSABLE = MaskPlane.BAD | MaskPlane.NO_DATA


def detect_sources(
    image: npt.NDArray[np.float32],
    mask: npt.NDArray[np.uint16],
    *,
    n_sigma: float = 5.0,
    width: float = 1.0,
    both_signs: bool = True,
    grow: int = 2,
    excluded: MaskPlane = _UNUSABLE,
) -> npt.NDArray[np.bool_]:
    """Find the pixels of sources in an image whose background has been subtracted.

    Parameters
    ----------
    image
        Shape (ny, nx), any unit.
    mask
        `MaskPlane` bits, shape (ny, nx).
    n_sigma
        Height of a source's pixels above the background, in standard deviations of the smoothed image.
    width
        Standard deviation of the Gaussian that the image is smoothed with (pixel); 0 does not smooth.
    both_signs
        Whether dark features are sources, too.
    grow
        By how many pixels (of distance along x plus y) footprints are grown.
    excluded
        Pixels with these planes say nothing. A saturated pixel is part of a source, so SAT is not among them.

    Returns
    -------
    sources
        True for the pixels of sources, shape (ny, nx); never for excluded pixels, nor for those that are not
        finite, unless a source grew over them.

    Raises
    ------
    CalprodError
        Image and mask differ in shape, or the threshold makes no sense.

    Notes
    -----
    Rubin meas_algorithms, ``SourceDetectionTask``, as cp_pipe uses it for fringes: 5 sigma after smoothing
    with 1 pixel, footprints grown by 2.4 widths. Level and standard deviation are those that a clip at 3
    sigma leaves of the smoothed image. Excluded pixels carry no weight in the smoothing, so that no hole
    makes a source of its rim.
    """
    if image.shape != mask.shape or image.ndim != 2:
        raise CalprodError(f"an image {image.shape} with a mask {mask.shape}", "pass planes of one image")
    if not n_sigma > 0 or width < 0 or grow < 0:
        raise CalprodError(
            f"sources at {n_sigma} σ after smoothing with {width} pixels, grown by {grow}",
            "the threshold must be above 0, width and growth at least 0",
        )
    usable = ((mask & np.uint16(excluded)) == 0) & np.isfinite(image)
    if not usable.any():
        return np.zeros(image.shape, np.bool_)
    smooth, trusted = _smoothed(image, usable, width)
    found = clipped_mean(smooth[trusted])
    # A level of its own keeps an image with a pedestal from being one source.
    limit = n_sigma * found.standard_deviation
    height = smooth - np.float32(found.mean)
    sources = (np.abs(height) if both_signs else height) > limit
    sources &= trusted
    if grow and sources.any():
        sources = binary_dilation(sources, iterations=grow)
    return np.asarray(sources, np.bool_)


def _smoothed(
    image: npt.NDArray[np.float32], usable: npt.NDArray[np.bool_], width: float
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Smooth over the usable pixels alone; return also where enough of them took part."""
    if usable.all():
        return (gaussian_filter(image, width) if width else image), usable
    level = clipped_mean(image[usable]).mean
    filled = np.where(usable, image - np.float32(level), np.float32(0.0))
    if not width:
        return np.asarray(filled, np.float32), usable
    weight = gaussian_filter(usable.astype(np.float32), width)
    with np.errstate(divide="ignore", invalid="ignore"):
        smooth = gaussian_filter(filled, width) / weight
    trusted = usable & (weight > _LEAST_WEIGHT)
    return np.asarray(np.where(trusted, smooth, np.float32(0.0)), np.float32), trusted
