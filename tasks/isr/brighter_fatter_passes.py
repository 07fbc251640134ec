"""One pass of the brighter-fatter correction over an image, in machine code."""

import numpy as np
import numpy.typing as npt
from numba import njit

__all__ = ["diffusion_pass", "transfer_pass"]

type Image = npt.NDArray[np.float32]


@njit(cache=True, nogil=True, fastmath={"reassoc", "nsz", "contract"})
def diffusion_pass(
    image: Image, convolved: Image, border: int, correction: Image, change: Image
) -> float:  # pragma: no cover
    """Correct an image by the divergence of what diffuses; the correction becomes the new one, in place.

    Parameters
    ----------
    image
        Image as the pass before has corrected it (electron), shape (ny, nx).
    convolved
        Kernel convolved with it (dimensionless).
    border
        Pixels at each edge that are left alone.
    correction
        What is added to the uncorrected image (electron); replaced.
    change
        Where to put what the pass has changed of it (electron); the border is not touched.

    Returns
    -------
    total
        Sum of the absolute changes (electron).

    Notes
    -----
    Coulton et al. 2018 (AJ 155, 258): I' = I + ½ (∇I·∇C + I ∇²C), with central differences for ∇ and the
    difference to the four neighbours for ∇². Corrections are small beside the image, so that their changes
    are known far below the rounding of the image itself.
    """
    ny, nx = image.shape
    half, quarter, four = np.float32(0.5), np.float32(0.25), np.float32(4.0)
    for y in range(border, ny - border):
        for x in range(border, nx - border):
            along_x = (image[y, x + 1] - image[y, x - 1]) * (convolved[y, x + 1] - convolved[y, x - 1])
            along_y = (image[y + 1, x] - image[y - 1, x]) * (convolved[y + 1, x] - convolved[y - 1, x])
            curvature = (
                convolved[y, x + 1] + convolved[y, x - 1] + convolved[y + 1, x] + convolved[y - 1, x]
            ) - four * convolved[y, x]
            found = half * (quarter * (along_x + along_y) + image[y, x] * curvature)
            change[y, x] = found - correction[y, x]
    return _add(correction, change, border)


@njit(cache=True, nogil=True)
def transfer_pass(
    image: Image, convolved: Image, border: int, correction: Image, change: Image
) -> float:  # pragma: no cover
    """Correct an image by what passes through the faces between pixels; see `diffusion_pass`.

    Notes
    -----
    What leaves one pixel enters its neighbour, so that the charge of all pixels within the border is kept.
    Through each face go −½ times the charge of the pixel it comes from times the difference of C.
    """
    ny, nx = image.shape
    change[border : ny - border, border : nx - border] = np.float32(0.0)
    for y in range(border, ny - border):
        for x in range(border, nx - border):
            if x < nx - border - 1:
                moved = _flux(image[y, x], image[y, x + 1], convolved[y, x], convolved[y, x + 1])
                change[y, x] -= moved
                change[y, x + 1] += moved
            if y < ny - border - 1:
                moved = _flux(image[y, x], image[y + 1, x], convolved[y, x], convolved[y + 1, x])
                change[y, x] -= moved
                change[y + 1, x] += moved
    for y in range(border, ny - border):
        for x in range(border, nx - border):
            change[y, x] -= correction[y, x]
    return _add(correction, change, border)


@njit(cache=True, nogil=True, inline="always")
def _flux(
    before: np.float32, behind: np.float32, convolved_before: np.float32, convolved_behind: np.float32
) -> np.float32:  # pragma: no cover
    """Charge that passes from a pixel to the one behind it (electron)."""
    slope = convolved_behind - convolved_before
    donor = before if slope < 0 else behind
    return np.float32(-0.5) * donor * slope


@njit(cache=True, nogil=True, fastmath={"reassoc", "nsz", "contract"})
def _add(correction: Image, change: Image, border: int) -> float:  # pragma: no cover
    """Add what a pass changed; the sum of its absolute values."""
    total = 0.0
    ny, nx = correction.shape
    for y in range(border, ny - border):
        of_row = np.float32(0.0)
        for x in range(border, nx - border):
            correction[y, x] += change[y, x]
            of_row += abs(change[y, x])
        total += float(of_row)
    return total
