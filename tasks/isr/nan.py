"""Pixels that are not a number."""

import numpy as np
import numpy.typing as npt

from infra.images import MaskPlane

__all__ = ["mask_nan"]


def mask_nan(image: npt.NDArray[np.float32], mask: npt.NDArray[np.uint16]) -> int:
    """Flag NaN pixels as UNMASKEDNAN, in place.

    Parameters
    ----------
    image, mask
        Image and its mask, shape (ny, nx).

    Returns
    -------
    n_nan
        Number of pixels flagged.
    """
    if not np.isnan(image.min()):  # one NaN makes the minimum NaN
        return 0
    unknown = np.isnan(image)
    mask[unknown] |= np.uint16(MaskPlane.UNMASKEDNAN)
    return int(np.count_nonzero(unknown))
