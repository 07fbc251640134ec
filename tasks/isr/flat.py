"""Flat fielding."""

import numpy as np
import numpy.typing as npt

from infra.images import CalibrationImage, MaskPlane

__all__ = ["MINIMUM_RESPONSE", "divide_by_flat"]

MINIMUM_RESPONSE = 0.05
"""Smallest response that is divided out.

A pixel that sees less than a twentieth of the light is dead or covered; dividing would make a mean over its
amplifier that of its noise.
"""


def divide_by_flat(
    image: npt.NDArray[np.float32],
    mask: npt.NDArray[np.uint16],
    variance: npt.NDArray[np.float32] | None,
    flat: CalibrationImage,
) -> None:
    """Divide by the combined flat, in place; pixels BAD in the flat become BAD.

    Parameters
    ----------
    image, mask
        Trimmed image and its mask, shape (ny, nx).
    variance
        Variance of the image; None where it is not kept.
    flat
        Combined flat, about 1. Where it is not above `MINIMUM_RESPONSE` the pixel becomes NaN and BAD.

    Notes
    -----
    Variance of a quotient: (V + (I/F)² V_F) / F², with image I, flat F and their variances V and V_F.
    """
    divisor = flat.image
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        image /= divisor
        if variance is not None:
            variance += image * image * flat.variance
            variance /= divisor * divisor
    mask |= flat.mask
    unknown = ~(divisor > MINIMUM_RESPONSE)
    if unknown.any():
        image[unknown] = np.nan
        mask[unknown] |= np.uint16(MaskPlane.BAD)
        if variance is not None:
            variance[unknown] = np.nan
