"""Spots, such as stars: their flux and second moments, which the effect makes grow with the flux."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import find_objects, label

from infra.images import MaskPlane
from tasks.combine.background import background
from tasks.combine.sources import detect_sources

__all__ = ["Spots", "measure_spots"]

type FloatArray = npt.NDArray[np.float64]

_UNUSABLE = MaskPlane.BAD | MaskPlane.SAT | MaskPlane.SUSPECT | MaskPlane.NO_DATA | MaskPlane.UNMASKEDNAN
_REACH = 4.0
"""Radius of the aperture in units of the spots' own width: beyond lacks 3e-4 of a Gaussian."""

_SMALLEST, _LARGEST = 4, 30
"""Bounds of that radius (pixel)."""

_FEWEST_PIXELS = 5
"""Pixels above the threshold below which nothing is a spot."""

_MESH = 64
"""Size of the cells of the background (pixel)."""


@dataclass(frozen=True, slots=True, eq=False)
class Spots:
    """Spots of one exposure, shape (n,) each."""

    x: FloatArray
    """Column of the centre (pixel)."""
    y: FloatArray
    """Row of the centre (pixel)."""
    flux: FloatArray
    """electron."""
    xx: FloatArray
    """Second moment along the serial direction about the centre (pixel²)."""
    yy: FloatArray
    """Second moment along the parallel direction (pixel²)."""


def measure_spots(
    image: npt.NDArray[np.float32], mask: npt.NDArray[np.uint16], *, n_sigma: float = 10.0
) -> Spots:
    """Find isolated spots and measure their moments.

    Parameters
    ----------
    image
        Exposure (electron), shape (ny, nx).
    mask
        `MaskPlane` bits, same shape.
    n_sigma
        Height above the background, in its standard deviations.

    Returns
    -------
    spots
        Those whose aperture lies within the image, and holds no other spot and no unusable pixel.

    Notes
    -----
    Moments are those of all light in an aperture of four widths, without weights: a weight that follows the
    spot would see half of what the effect adds, since that lies in the wings.
    """
    found = detect_sources(image, mask, n_sigma=n_sigma, both_signs=False, grow=6)
    clean = image - background(image, found | ((mask & np.uint16(_UNUSABLE)) != 0), _MESH)
    cores = detect_sources(clean, mask, n_sigma=n_sigma, both_signs=False, grow=0)
    labels, count = label(cores)
    boxes = [
        box for box, n in zip(find_objects(labels), _sizes(labels, count), strict=True) if n >= _FEWEST_PIXELS
    ]
    radius = _radius(clean, boxes)
    rows = []
    for box in boxes:
        number = labels[box].max()
        measured = _measure(clean, mask, labels, int(number), box, radius)
        if measured is not None:
            rows.append(measured)
    columns = np.array(rows, np.float64).reshape(-1, 5).T
    return Spots(*columns)


def _sizes(labels: npt.NDArray[np.int32], count: int) -> npt.NDArray[np.int64]:
    """Pixels of each label."""
    return np.bincount(labels.ravel(), minlength=count + 1)[1:]


def _radius(image: npt.NDArray[np.float32], boxes: list[tuple[slice, ...]]) -> int:
    """Radius of the aperture of all spots, from the median of their widths in their boxes."""
    widths = []
    for box in boxes:
        light = np.maximum(image[box], 0.0)
        y, x = np.indices(light.shape)
        total = float(light.sum())
        if total <= 0:
            continue
        cy, cx = float((light * y).sum()) / total, float((light * x).sum()) / total
        widths.append(math.sqrt(float((light * ((x - cx) ** 2 + (y - cy) ** 2)).sum()) / total / 2.0))
    return int(np.clip(math.ceil(_REACH * np.median(widths)), _SMALLEST, _LARGEST)) if widths else _SMALLEST


def _measure(
    image: npt.NDArray[np.float32],
    mask: npt.NDArray[np.uint16],
    labels: npt.NDArray[np.int32],
    number: int,
    box: tuple[slice, ...],
    radius: int,
) -> tuple[float, float, float, float, float] | None:
    """Centre, flux and moments of a spot; None if it does not stand alone."""
    core = np.where(labels[box] == number, image[box], 0.0)
    y, x = np.indices(core.shape)
    total = float(core.sum())
    cy = float((core * y).sum()) / total + box[0].start
    cx = float((core * x).sum()) / total + box[1].start
    for _ in range(3):
        y0, x0 = round(cy), round(cx)
        if min(y0, x0) < radius or y0 >= image.shape[0] - radius or x0 >= image.shape[1] - radius:
            return None
        window = (slice(y0 - radius, y0 + radius + 1), slice(x0 - radius, x0 + radius + 1))
        grid = np.arange(-radius, radius + 1)
        dy, dx = (grid + y0 - cy)[:, None], (grid + x0 - cx)[None, :]
        inside = dx**2 + dy**2 <= radius**2
        light = np.where(inside, image[window], 0.0).astype(np.float64)
        flux = float(light.sum())
        if not flux > 0:
            return None
        moved_y, moved_x = float((light * dy).sum()) / flux, float((light * dx).sum()) / flux
        cy, cx = cy + moved_y, cx + moved_x
    others = (labels[window] != 0) & (labels[window] != number)
    if others.any() or ((mask[window] & np.uint16(_UNUSABLE)) != 0).any():
        return None
    xx, yy = float((light * dx**2).sum()) / flux, float((light * dy**2).sum()) / flux
    return cx, cy, flux, xx - moved_x**2, yy - moved_y**2
