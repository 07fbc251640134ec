"""Saturation: flag the pixels at or above the level where the response ends."""

import numpy as np
import numpy.typing as npt

from infra.images import MaskPlane

__all__ = ["mask_saturation"]


def mask_saturation(
    data: npt.NDArray[np.float32],
    mask: npt.NDArray[np.uint16],
    saturation: float,
    suspect: float | None = None,
) -> int:
    """Flag saturated and suspect pixels of one amplifier, in place.

    Parameters
    ----------
    data
        Data pixels, shape (ny, nx).
    mask
        Their `MaskPlane` bits, same shape; changed.
    saturation
        Pixels at or above this (unit of ``data``) get SAT; NaN flags none.
    suspect
        Pixels at or above this get SUSPECT; None flags none.

    Returns
    -------
    n_saturated
        Number of pixels at or above the saturation level.

    Notes
    -----
    Rubin ip_isr. Where all pixels of the amplifier would be flagged, the level cannot be right, or there is
    nothing to be learnt from it: it becomes BAD instead.
    """
    n_saturated = _flag(data, mask, saturation, MaskPlane.SAT)
    if suspect is not None:
        _flag(data, mask, suspect, MaskPlane.SUSPECT)
    return n_saturated


def _flag(data: npt.NDArray[np.float32], mask: npt.NDArray[np.uint16], level: float, plane: MaskPlane) -> int:
    """Set a plane, or BAD for an amplifier that is above the level as a whole; count the pixels above."""
    above = data >= level
    n_above = int(np.count_nonzero(above))
    if n_above == data.size:
        mask |= np.uint16(MaskPlane.BAD)
    elif n_above:
        mask[above] |= np.uint16(plane)
    return n_above
