"""The focal plane as one picture: every detector's combined image in its place."""

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from tasks.reporting.contents import CalibrationContents
from tasks.reporting.detectors import FocalPlane
from tasks.reporting.figures import mosaic_image
from tasks.reporting.raster import coarser, percentile_stretch

__all__ = ["mosaic_figure"]

_LARGEST_MOSAIC = 560
"""Blocks on a side of the picture."""
_SMALLEST_THUMBNAIL = 12


def mosaic_figure(contents: CalibrationContents, plane: FocalPlane) -> Markup | None:
    """Draw the combined images of all detectors in their places; None where there are no thumbnails.

    Parameters
    ----------
    contents
        The calibration, with thumbnails.
    plane
        Places of the detectors.
    """
    placed = [number for number in plane.places if number in contents.thumbnails]
    if len(placed) < 2:
        return None
    side = max(_SMALLEST_THUMBNAIL, int(_LARGEST_MOSAIC / max(plane.width, plane.height)))
    canvas = np.full((round(plane.height * side), round(plane.width * side)), np.nan, np.float32)
    for number in placed:
        small = _filling(coarser(contents.thumbnails[number], side - 1).image, side - 1)
        x, y = (round(place * side) for place in plane.places[number])
        canvas[y : y + small.shape[0], x : x + small.shape[1]] = small[
            : canvas.shape[0] - y, : canvas.shape[1] - x
        ]
    return mosaic_image(
        canvas,
        unit=contents.unit,
        stretch=percentile_stretch([canvas]),
        description=f"Combined {contents.key} of {len(placed)} detectors in the focal plane",
    )


def _filling(image: npt.NDArray[np.float32], side: int) -> npt.NDArray[np.float32]:
    """Repeat blocks so that the longer side of an image is ``side`` long."""
    ny, nx = image.shape
    rows, columns = (max(1, round(side * length / max(ny, nx))) for length in (ny, nx))
    return image[np.ix_(np.arange(rows) * ny // rows, np.arange(columns) * nx // columns)]
