"""Where a camera's detectors and their pixels stand in the focal plane (mm)."""

import re

import numpy as np
from numpy.typing import NDArray

from infra.errors import UsageError
from infra.instruments.geometry import CameraModel, DetectorModel
from infra.instruments.layout import DetectorLayout

__all__ = ["CCD_PITCH", "PIXEL_SIZE", "RAFT_PITCH", "detector_centre", "pixel_positions"]

RAFT_PITCH = 127.0
"""Distance of the centres of neighbouring rafts (mm)."""

CCD_PITCH = 42.25
"""Distance of the centres of neighbouring sensors of a raft (mm)."""

PIXEL_SIZE = 0.01
"""Width of a pixel of a full-size frame (mm)."""

_PLACE = re.compile(r"R(\d)(\d)_S(\d)(\d)")


def detector_centre(camera: CameraModel, detector: int) -> tuple[float, float]:
    """Return where the middle of a detector stands (mm), x and y from the middle of the focal plane.

    Parameters
    ----------
    camera
        The camera.
    detector
        Number of the detector.

    Raises
    ------
    infra.errors.UsageError
        If the camera has several detectors, not all named by raft and slot.

    Notes
    -----
    Rubin's names give row and column: R22 is the raft in the middle, R01 stands below R11, S02 is the lower
    right sensor of a raft. Gaps differ by tens of micrometres from these nominal places.
    """
    model = camera.detector(detector)
    place = _PLACE.fullmatch(model.full_name)
    if place is not None:
        raft_y, raft_x, y, x = (int(digit) for digit in place.groups())
        return (raft_x - 2) * RAFT_PITCH + (x - 1) * CCD_PITCH, (raft_y - 2) * RAFT_PITCH + (
            y - 1
        ) * CCD_PITCH
    if len(camera.detectors) == 1:
        return 0.0, 0.0
    raise UsageError(
        f"{camera.name}: it is not known where in the focal plane detector {model.full_name} stands"
    )


def pixel_positions(
    camera: CameraModel, layout: DetectorLayout
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return where the pixels of a trimmed frame stand (mm).

    Parameters
    ----------
    camera
        The camera.
    layout
        The detector's frame. One of reduced size covers the whole detector with larger pixels.

    Returns
    -------
    x, y : numpy.ndarray
        Of the columns, shape [1, nx], and of the rows, shape [ny, 1]; they broadcast to the frame.
    """
    model = camera.detector(layout.id)
    x0, y0 = detector_centre(camera, layout.id)
    ny, nx = layout.image_shape
    height, width = _extent(model)
    x = x0 + width * ((np.arange(nx) + 0.5) / nx - 0.5)
    y = y0 + height * ((np.arange(ny) + 0.5) / ny - 0.5)
    return x[np.newaxis, :], y[:, np.newaxis]


def _extent(model: DetectorModel) -> tuple[float, float]:
    """Height and width of the light-sensitive part of a detector (mm)."""
    rows, columns = model.layout().image_shape
    return rows * PIXEL_SIZE, columns * PIXEL_SIZE
