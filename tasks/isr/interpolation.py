"""Interpolation over pixels that hold no measurement."""

import numpy as np
import numpy.typing as npt
from numba import njit

from infra.images import MaskPlane

__all__ = ["interpolate"]

INTERPOLATED_PLANES = MaskPlane.SAT | MaskPlane.BAD | MaskPlane.UNMASKEDNAN
"""Pixels with any of these planes are interpolated over."""

_FAR = 1 << 30
"""Length of a gap with an open end; such a gap is bridged only if there is no other."""


def interpolate(
    image: npt.NDArray[np.float32],
    mask: npt.NDArray[np.uint16],
    variance: npt.NDArray[np.float32] | None = None,
    planes: MaskPlane = INTERPOLATED_PLANES,
) -> int:
    """Replace the pixels that have any of some planes by what their surroundings suggest, in place.

    Parameters
    ----------
    image
        Trimmed image, shape (ny, nx).
    mask
        `MaskPlane` bits; the pixels replaced become INTRP and keep their other planes.
    variance
        Shape (ny, nx); replaced in the same way. None or a read-only array is left alone.
    planes
        Planes of the pixels to replace. Pixels that are not finite never serve to replace others.

    Returns
    -------
    n_interpolated
        Number of pixels replaced. Pixels with no sound one in their row nor in their column stay as they are.

    Notes
    -----
    Linear between the nearest sound pixels of the row or of the column, whichever gap is shorter (the row's
    when equal); beside an edge, the value of the nearest sound pixel. Rubin's ip_isr predicts the value
    in the row from the point spread function, which calibration exposures do not have.
    """
    bad = mask & np.uint16(planes) != 0
    if not bad.any():
        return 0
    unusable = bad | ~np.isfinite(image)
    # The gap bridged along the row, by pixel, decides whether the column does better.
    lengths = np.full(image.shape, np.iinfo(np.int32).max, np.int32)
    arrays = [image]
    if variance is not None and variance.flags.writeable:
        arrays.append(variance)
    before = [array.copy() for array in arrays]
    for source, target in zip(before, arrays, strict=True):
        lengths[...] = np.iinfo(np.int32).max
        _bridge(source, target, bad, unusable, lengths)
        # Transposed views: the same along columns, for pixels that are nearer to a sound one there.
        _bridge(source.T, target.T, bad.T, unusable.T, lengths.T)
    replaced = bad & (lengths != np.iinfo(np.int32).max)
    mask[replaced] |= np.uint16(MaskPlane.INTRP)
    return int(np.count_nonzero(replaced))


@njit(cache=True, nogil=True)
def _bridge(
    source: npt.NDArray[np.float32],
    target: npt.NDArray[np.float32],
    bad: npt.NDArray[np.bool_],
    unusable: npt.NDArray[np.bool_],
    lengths: npt.NDArray[np.int32],
) -> None:  # pragma: no cover
    """Bridge the gaps along the second axis where they are shorter than in ``lengths``, which is updated."""
    ny, nx = source.shape
    for y in range(ny):
        x = 0
        while x < nx:
            if not unusable[y, x]:
                x += 1
                continue
            first = x
            while x < nx and unusable[y, x]:
                x += 1
            left, right = first - 1, x
            if left < 0 and right >= nx:
                continue
            is_open = left < 0 or right >= nx
            length = x - first + (_FAR if is_open else 0)
            for i in range(first, x):
                if not bad[y, i] or lengths[y, i] <= length:
                    continue
                if left < 0:
                    value = np.float64(source[y, right])
                elif right >= nx:
                    value = np.float64(source[y, left])
                else:
                    weight = (i - left) / (right - left)
                    value = (1.0 - weight) * source[y, left] + weight * source[y, right]
                target[y, i] = np.float32(value)
                lengths[y, i] = length
