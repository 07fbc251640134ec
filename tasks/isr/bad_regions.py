"""Bad regions: give them a plausible level, so that nothing stands out where nothing is known."""

import numpy as np
import numpy.typing as npt

from infra.images import MaskPlane

__all__ = ["fill_bad_regions"]


def fill_bad_regions(image: npt.NDArray[np.float32], mask: npt.NDArray[np.uint16]) -> int:
    """Give all BAD pixels the median of the others, in place.

    Parameters
    ----------
    image
        Trimmed image, shape (ny, nx); changed.
    mask
        `MaskPlane` bits, same shape; it stays as it is.

    Returns
    -------
    n_filled
        Number of BAD pixels; they stay as they are if no other pixel is finite.

    Notes
    -----
    Rubin ip_isr, ``doSetBadRegions``.
    """
    bad = mask & np.uint16(MaskPlane.BAD) != 0
    n_bad = int(np.count_nonzero(bad))
    if not n_bad:
        return 0
    sound = image[~bad]
    sound = sound[np.isfinite(sound)]
    if sound.size:
        image[bad] = np.median(sound)
    return n_bad
