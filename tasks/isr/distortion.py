"""The brighter-fatter effect, corrected with the shifts of the pixels' boundaries."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from infra.errors import CalprodError
from tasks.isr.convolution import ImageConvolution

__all__ = ["DistortionMatrix", "correct_distortion"]

type FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class DistortionMatrix:
    """How far one electron moves the boundaries of the pixels around it.

    Raises
    ------
    CalprodError
        The two are not square matrices of one size, or hold what is no number.
    """

    north: FloatArray
    """Outward shift (pixel/electron) of the upper boundary of the pixel that is i columns to the right of the
    electron and j rows above it, [i][j], shape (n, n)."""
    east: FloatArray
    """The same of the right boundary."""
    gains: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    """Gains (electron/adu) it was made with, by amplifier, for images in adu."""

    def __post_init__(self) -> None:
        side = self.north.shape[0]
        sound = np.isfinite(self.north).all() and np.isfinite(self.east).all()
        if not self.north.shape == self.east.shape == (side, side) or not sound:
            raise CalprodError(
                f"boundary shifts of shapes {self.north.shape} and {self.east.shape}",
                "they are square matrices of one size, all numbers; make the matrix again",
            )

    @property
    def half_width(self) -> int:
        """Largest distance at which charge moves a boundary (pixels)."""
        return self.north.shape[0]


def correct_distortion(image: npt.NDArray[np.float32], matrix: DistortionMatrix) -> None:
    """Put charge back across the boundaries that moved, in place; the sum is kept.

    Parameters
    ----------
    image
        Trimmed image (electron), shape (ny, nx), finite throughout; it is taken to go on beyond its edges
        as it is at the edge.
    matrix
        How far charge moves boundaries.

    Notes
    -----
    Astier & Regnault 2023 (arXiv:2301.03274): across a boundary went the charge density at it, half the sum
    of the two pixels, times its shift; on average over the exposure half the charge was there to move it.
    """
    n = matrix.half_width
    # A level that is the same everywhere moves nothing; without it single precision is enough.
    padded = np.pad(image - np.float32(np.median(image[::4, ::4])), n, mode="edge")
    up, right = ImageConvolution(padded.shape, _upper(matrix.north), _upper(matrix.east.T).T)(padded)
    inside = slice(n, -n)
    moved_up = np.float32(0.25) * (image[:-1] + image[1:]) * up[inside, inside][:-1]
    moved_right = np.float32(0.25) * (image[:, :-1] + image[:, 1:]) * right[inside, inside][:, :-1]
    # A boundary that moved outward gave the pixel charge of its neighbour's.
    image[:-1] -= moved_up
    image[1:] += moved_up
    image[:, :-1] -= moved_right
    image[:, 1:] += moved_right


def _upper(quarter: FloatArray) -> FloatArray:
    """Shift of the upper boundary of each pixel about the electron, [y, x], shape (2 n + 1, 2 n + 1).

    By symmetry the upper boundary of a pixel below the electron is the mirror image of the lower boundary of
    the one above, which is the upper boundary of the next; the shifts of a column sum to zero.
    """
    n = quarter.shape[0]
    full = np.zeros((2 * n + 1, 2 * n + 1))
    half = quarter.T  # [j][i]
    columns = np.concatenate([half[:, :0:-1], half], axis=1)  # [j][-(n - 1) … n - 1]
    full[n : 2 * n, 1 : 2 * n] = columns
    full[:n, 1 : 2 * n] = -columns[::-1]
    return full
