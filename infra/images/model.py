"""Values that travel between corrections, stacks and files: an image, its mask, its variance, its header."""

import math
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from infra.errors import CalprodError

__all__ = ["CalibrationImage", "CorrectedExposure", "Metadata", "MetadataValue", "Unit", "finite_cards"]

type MetadataValue = str | int | float | bool | None
"""Value of one FITS card."""

type Metadata = dict[str, MetadataValue]
"""FITS cards by key; a key may be long or hold spaces, and is then written as HIERARCH."""

type Unit = Literal["adu", "electron"]
"""Unit of the image; the variance is in its square."""


def finite_cards(metadata: Metadata) -> Metadata:
    """Copy of the cards with None in place of every NaN and infinity, which FITS cannot hold."""
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in metadata.items()
    }


def _check_planes(
    image: npt.NDArray[np.float32], mask: npt.NDArray[np.uint16], variance: npt.NDArray[np.float32]
) -> None:
    """Refuse planes that differ in shape or have the wrong pixel type."""
    if not image.shape == mask.shape == variance.shape or image.ndim != 2:
        raise CalprodError(
            f"image {image.shape}, mask {mask.shape}, variance {variance.shape} are not planes of one image",
            "pass three two-dimensional arrays of equal shape",
        )
    if image.dtype != np.float32 or mask.dtype != np.uint16 or variance.dtype != np.float32:
        raise CalprodError(
            f"pixel types {image.dtype}, {mask.dtype}, {variance.dtype} for image, mask and variance",
            "pass float32, uint16 and float32",
        )


@dataclass(frozen=True, slots=True, eq=False)
class CorrectedExposure:
    """One exposure of one detector after instrument-signature removal: assembled and trimmed.

    Raises
    ------
    CalprodError
        The planes differ in shape, or are not float32, uint16, float32.
    """

    image: npt.NDArray[np.float32]
    """Pixel values, shape (ny, nx), in ``unit``."""
    mask: npt.NDArray[np.uint16]
    """`MaskPlane` bits, shape (ny, nx)."""
    variance: npt.NDArray[np.float32]
    """Expected variance of each pixel, shape (ny, nx), in ``unit`` squared."""
    unit: Unit
    """Unit of the image."""
    metadata: Metadata = field(default_factory=dict)
    """FITS cards: what was done, with which numbers."""

    def __post_init__(self) -> None:
        _check_planes(self.image, self.mask, self.variance)


@dataclass(frozen=True, slots=True, eq=False)
class CalibrationImage:
    """A combined bias, dark or flat of one detector.

    Raises
    ------
    CalprodError
        The planes differ in shape, or are not float32, uint16, float32.
    """

    image: npt.NDArray[np.float32]
    """Pixel values, shape (ny, nx): electron (bias), electron/s (dark) or 1 (flat)."""
    mask: npt.NDArray[np.uint16]
    """`MaskPlane` bits, shape (ny, nx): BAD, and SAT in a bootstrap product."""
    variance: npt.NDArray[np.float32]
    """Squared standard error of each pixel, shape (ny, nx)."""
    metadata: Metadata = field(default_factory=dict)
    """FITS cards: provenance, times, quality numbers."""

    def __post_init__(self) -> None:
        _check_planes(self.image, self.mask, self.variance)
