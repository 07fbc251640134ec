"""Residual images binned for people: the mean of the usable pixels of each block."""

import numba
import numpy as np
import numpy.typing as npt

from infra.errors import CalprodError
from infra.images.mask_planes import MaskPlane

__all__ = ["bin_image"]

_NOTHING_KNOWN = MaskPlane.BAD | MaskPlane.NO_DATA


def bin_image(
    image: npt.NDArray[np.float32],
    mask: npt.NDArray[np.uint16],
    factor: int = 8,
    excluded: MaskPlane = _NOTHING_KNOWN,
) -> npt.NDArray[np.float32]:
    """Return the mean of the usable pixels of each ``factor`` x ``factor`` block.

    Parameters
    ----------
    image
        Image, shape (ny, nx), any unit.
    mask
        Mask planes, shape (ny, nx).
    factor
        Side of a block (pixel). Blocks at the upper and right edges may be smaller.
    excluded
        Planes that exclude a pixel; non-finite pixels are excluded too.

    Returns
    -------
    numpy.ndarray
        Block means, float32, shape (ceil(ny / factor), ceil(nx / factor)); NaN where no pixel is usable.

    Raises
    ------
    CalprodError
        If the factor is not positive, or the mask has another shape than the image.
    """
    if factor < 1:
        raise CalprodError(f"an image cannot be binned by {factor}", "give a block side of at least 1 pixel")
    if image.shape != mask.shape:
        raise CalprodError(f"image is {image.shape}, its mask {mask.shape}", "pass planes of one image")
    ny, nx = image.shape
    binned = np.empty((-(-ny // factor), -(-nx // factor)), np.float32)
    _bin(image, mask, np.uint16(excluded), factor, binned)
    return binned


@numba.njit(nogil=True, cache=True)
def _bin(
    image: npt.NDArray[np.float32],
    mask: npt.NDArray[np.uint16],
    excluded: np.uint16,
    factor: int,
    binned: npt.NDArray[np.float32],
) -> None:  # pragma: no cover
    """Fill ``binned``, one row of blocks at a time."""
    ny, nx = image.shape
    rows, columns = binned.shape
    total = np.empty(columns, np.float64)
    count = np.empty(columns, np.int64)
    for row in range(rows):
        total[:] = 0.0
        count[:] = 0
        for y in range(row * factor, min(ny, (row + 1) * factor)):
            for column in range(columns):
                block_total, block_count = 0.0, 0
                for x in range(column * factor, min(nx, (column + 1) * factor)):
                    value = image[y, x]
                    if mask[y, x] & excluded == 0 and np.isfinite(value):
                        block_total += value
                        block_count += 1
                total[column] += block_total
                count[column] += block_count
        for column in range(columns):
            binned[row, column] = total[column] / count[column] if count[column] > 0 else np.nan
