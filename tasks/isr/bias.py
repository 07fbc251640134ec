"""Bias subtraction."""

import numpy as np
import numpy.typing as npt

from infra.images import CalibrationImage

__all__ = ["subtract_bias"]


def subtract_bias(
    image: npt.NDArray[np.float32], mask: npt.NDArray[np.uint16], bias: CalibrationImage
) -> None:
    """Subtract the combined bias, in place; pixels BAD in the bias become BAD.

    Parameters
    ----------
    image, mask
        Trimmed image (unit of the bias) and its mask, shape (ny, nx).
    bias
        Combined bias.
    """
    image -= bias.image
    mask |= bias.mask
