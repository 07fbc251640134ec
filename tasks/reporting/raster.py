"""Images as small PNG files with a palette: stretched, coloured, first row below."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib
import numpy as np
import numpy.typing as npt
from PIL import Image

from infra.images.mask_planes import MaskPlane
from infra.images.model import CalibrationImage
from tasks.reporting.contents import BinnedImage
from tasks.verification.binning import bin_image

__all__ = ["Stretch", "binned", "coarser", "colour_bar_png", "data_uri", "image_png", "percentile_stretch"]

_COLOURS = 128
"""Shades; more would not be told apart, and would make noise harder to compress."""
_NO_VALUE = _COLOURS
"""Palette entry of pixels without a value: transparent."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Values shown in the first and in the last colour."""

    low: float
    high: float
    colours: str = "viridis"
    """Colour map of Matplotlib; only such as people of any colour vision can read."""


def percentile_stretch(
    images: Sequence[npt.NDArray[np.float32]],
    percentiles: tuple[float, float] = (1.0, 99.0),
    *,
    centre: float | None = None,
) -> Stretch:
    """Return one stretch for all the images.

    Parameters
    ----------
    images
        Images of any shape and one unit; values that are not finite do not count.
    percentiles
        Percentiles of their values shown in the first and last colour.
    centre
        When given, the stretch is symmetric about it and its colours diverge from it.
    """
    values = (
        np.concatenate([image[np.isfinite(image)].ravel() for image in images]) if images else np.empty(0)
    )
    low, high = (float(edge) for edge in np.percentile(values, percentiles)) if values.size else (0.0, 1.0)
    if centre is not None:
        reach = max(abs(low - centre), abs(high - centre)) or 1.0
        return Stretch(centre - reach, centre + reach, "RdBu_r")
    if not high > low:
        reach = max(abs(low) * 1e-6, 1e-12)
        low, high = low - reach, high + reach
    return Stretch(low, high)


def binned(image: CalibrationImage | BinnedImage, largest_side: int) -> BinnedImage:
    """Return an image with sides of at most ``largest_side`` blocks; one that is small enough as it is."""
    if isinstance(image, BinnedImage):
        return coarser(image, largest_side)
    factor = max(1, -(-max(image.image.shape) // largest_side))
    # Not BAD: people want to see how bad the bad pixels are.
    return BinnedImage(bin_image(image.image, image.mask, factor, MaskPlane.NO_DATA), factor)


def coarser(image: BinnedImage, largest_side: int) -> BinnedImage:
    """Bin a binned image further until its sides are at most ``largest_side``."""
    factor = max(1, -(-max(image.image.shape) // largest_side))
    if factor == 1:
        return image
    pixels = np.asarray(image.image, np.float32)
    return BinnedImage(bin_image(pixels, np.zeros(pixels.shape, np.uint16), factor), image.binning * factor)


def image_png(image: npt.NDArray[np.float32], stretch: Stretch) -> bytes:
    """Return an image as PNG, its first row at the bottom, transparent where it has no value."""
    finite = np.isfinite(image)
    scaled = (np.where(finite, image, stretch.low) - stretch.low) / (stretch.high - stretch.low)
    indices = np.clip(scaled * _COLOURS, 0, _COLOURS - 1).astype(np.uint8)
    indices[~finite] = _NO_VALUE
    return _png(indices[::-1], stretch.colours)


def colour_bar_png(stretch: Stretch) -> bytes:
    """Return a column of all colours, the last at the top."""
    return _png(np.arange(_COLOURS, dtype=np.uint8)[::-1, np.newaxis], stretch.colours)


def data_uri(png: bytes) -> str:
    """Return a PNG as a data URI."""
    return "data:image/png;base64," + base64.b64encode(png).decode()


def _png(indices: npt.NDArray[np.uint8], colours: str) -> bytes:
    picture = Image.fromarray(np.ascontiguousarray(indices))
    palette = matplotlib.colormaps[colours](np.linspace(0.0, 1.0, _COLOURS), bytes=True)[:, :3]
    picture = picture.convert("L")
    picture.putpalette([*palette.ravel().tolist(), 0, 0, 0])
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", optimize=True, transparency=_NO_VALUE)
    return buffer.getvalue()
