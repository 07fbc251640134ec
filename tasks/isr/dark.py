"""Dark subtraction."""

import numpy as np
import numpy.typing as npt

from infra.errors import CalprodError
from infra.images import CalibrationImage

__all__ = ["dark_scale", "subtract_dark"]


def dark_scale(dark_time: float | None, dark: CalibrationImage) -> float:
    """Ratio of an exposure's dark time to that of the combined dark.

    Parameters
    ----------
    dark_time
        Dark time of the exposure (s).
    dark
        Combined dark; its card DARKTIME (s) is taken, 1 s without it.

    Raises
    ------
    CalprodError
        A dark time is missing, not finite, negative, or zero for the combined dark.
    """
    own = dark.metadata.get("DARKTIME", 1.0)
    if not isinstance(own, int | float) or not np.isfinite(own) or own <= 0:
        raise CalprodError(f"the combined dark has a dark time of {own} s", "make it again: it should be 1 s")
    if dark_time is None or not np.isfinite(dark_time) or dark_time < 0:
        raise CalprodError(f"cannot subtract a dark from an exposure with a dark time of {dark_time} s")
    return float(dark_time / own)


def subtract_dark(
    image: npt.NDArray[np.float32], mask: npt.NDArray[np.uint16], dark: CalibrationImage, scale: float
) -> None:
    """Subtract the scaled combined dark, in place; pixels BAD in the dark become BAD.

    Parameters
    ----------
    image, mask
        Trimmed image (electron) and its mask, shape (ny, nx).
    dark
        Combined dark (electron/s).
    scale
        From `dark_scale`.
    """
    image -= np.float32(scale) * dark.image
    mask |= dark.mask
