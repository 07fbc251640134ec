"""What a correction of charge works on: the image in electrons, bridged where it holds no measurement."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
from scipy.ndimage import binary_dilation

from infra.images import MaskPlane
from tasks.isr.interpolation import interpolate
from tasks.isr.work import Work

__all__ = ["put_back"]

_BRIDGED = MaskPlane.SAT | MaskPlane.BAD | MaskPlane.NO_DATA | MaskPlane.UNMASKEDNAN
"""Pixels that hold no measurement of charge."""

_GROWTH = 2
"""Pixels by which these planes grow, as what moved to the neighbours is not known (Rubin ip_isr)."""


@contextmanager
def put_back(work: Work, gains: Mapping[str, float], reach: int) -> Iterator[npt.NDArray[np.float32]]:
    """Lend a copy of the image to a correction, and add what it has changed to the image.

    Parameters
    ----------
    work
        Its image and mask are changed.
    gains
        electron/adu by amplifier, for an image in adu; those of the photon transfer curve or of the camera
        model stand in for amplifiers without.
    reach
        Distance over which charge acts (pixels): pixels that near an edge become EDGE.

    Yields
    ------
    charge
        Image in electrons, finite throughout; to be changed in place.

    Notes
    -----
    Rubin ip_isr: the correction sees the image interpolated over SAT, BAD, NO_DATA and UNMASKEDNAN; only the
    difference it makes is added to the image itself, and these planes grow by 2 pixels.
    """
    gain_of = _gains(work, gains)
    charge = work.workspace.array("charge", work.image.shape, np.float32)
    for amplifier in work.layout.amplifiers:
        pixels = amplifier.image_box.slices
        np.multiply(work.image[pixels], np.float32(gain_of[amplifier.name]), out=charge[pixels])
    is_bridged = (work.mask & np.uint16(_BRIDGED)) != 0
    is_bridged |= ~np.isfinite(charge)
    if is_bridged.any():
        flags = np.where(is_bridged, np.uint16(MaskPlane.BAD), np.uint16(0))
        interpolate(charge, flags, planes=MaskPlane.BAD)
        charge[~np.isfinite(charge)] = 0.0
    before = charge.copy()
    yield charge
    charge -= before
    for amplifier in work.layout.amplifiers:
        pixels = amplifier.image_box.slices
        work.image[pixels] += charge[pixels] / np.float32(gain_of[amplifier.name])
    _grow(work.mask)
    _flag_edge(work.mask, reach)


def _gains(work: Work, gains: Mapping[str, float]) -> dict[str, float]:
    """Electrons per unit of the image, by amplifier."""
    if work.unit == "electron":
        return dict.fromkeys((one.name for one in work.layout.amplifiers), 1.0)
    responses = work.calibrations.responses
    known = {one.name: one.gain for one in work.layout.amplifiers}
    return known | ({} if responses is None else dict(responses.gains)) | dict(gains)


def _grow(mask: npt.NDArray[np.uint16]) -> None:
    """Let the planes without a measurement grow into their neighbours, in place."""
    for plane in (MaskPlane.SAT, MaskPlane.BAD, MaskPlane.NO_DATA, MaskPlane.UNMASKEDNAN):
        flagged = (mask & np.uint16(plane)) != 0
        if flagged.any():
            mask[binary_dilation(flagged, iterations=_GROWTH)] |= np.uint16(plane)


def _flag_edge(mask: npt.NDArray[np.uint16], reach: int) -> None:
    """Flag what is too near an edge to be corrected, in place."""
    edge = np.uint16(MaskPlane.EDGE)
    for border in (mask[:reach], mask[-reach:], mask[:, :reach], mask[:, -reach:]):
        border |= edge
