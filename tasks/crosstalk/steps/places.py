"""Pixels of amplifiers that are read at the same moment."""

import numpy as np
import numpy.typing as npt
from scipy.ndimage import maximum_filter1d

from infra.instruments.layout import AmplifierLayout, DetectorLayout

__all__ = ["as_read", "grown", "read_with_others"]

type BoolArray = npt.NDArray[np.bool_]


def as_read[T: np.generic](image: npt.NDArray[T], amplifier: AmplifierLayout) -> npt.NDArray[T]:
    """Pixels of an amplifier in the order in which they are read, a view.

    Parameters
    ----------
    image
        Assembled and trimmed detector, shape (ny, nx).
    amplifier
        Where it lies in it, and how it is read.
    """
    pixels = image[amplifier.image_box.slices]
    return pixels[:: -1 if amplifier.flip_y else 1, :: -1 if amplifier.flip_x else 1]


def read_with_others(chosen: BoolArray, layout: DetectorLayout) -> BoolArray:
    """Pixels that are read together with a chosen one of another amplifier, shape (ny, nx)."""
    counts = np.sum([as_read(chosen, one) for one in layout.amplifiers], axis=0, dtype=np.uint8)
    found = np.zeros(chosen.shape, np.bool_)
    for one in layout.amplifiers:
        as_read(found, one)[...] = counts > as_read(chosen, one)
    return found


def grown(pixels: BoolArray, growth: int) -> BoolArray:
    """Pixels, and those up to ``growth`` columns and rows away, shape (ny, nx)."""
    found = pixels.astype(np.uint8)
    for axis in (0, 1):
        found = maximum_filter1d(found, 2 * growth + 1, axis=axis, mode="constant")
    return found > 0
