"""Small detectors and images for the tests of defects."""

import numpy as np

from infra.images import CalibrationImage
from infra.instruments import camera
from infra.instruments.layout import AmplifierLayout, Box, DetectorLayout, SegmentModel


def detector(columns, rows, width, height, *, vendor="ITL", gain=1.0):
    """Detector of ``columns`` x ``rows`` amplifiers without overscan."""
    amplifiers = []
    for row in range(rows):
        for column in range(columns):
            box = Box(column * width, row * height, width, height)
            amplifiers.append(
                AmplifierLayout(
                    name=f"C{column}{row}",
                    image_box=box,
                    raw_box=box,
                    data_box=box,
                    serial_overscan_box=Box(box.x1, box.y0, 0, height),
                    parallel_overscan_box=Box(box.x0, box.y1, width, 0),
                    flip_x=column % 2 == 1,
                    flip_y=row % 2 == 1,
                    gain=gain,
                    read_noise=5.0,
                    saturation=1e5,
                    readout_corner=("U" if row % 2 else "L") + ("R" if column % 2 else "L"),
                )
            )
    shape = (rows * height, columns * width)
    return DetectorLayout("R00_S00", 0, "none", vendor, tuple(amplifiers), shape, shape)


MOCK = detector(2, 4, 100, 51)
"""The detector of the upstream unit tests: 200 wide, 204 high, 8 amplifiers of 100 x 51."""

LATISS = camera("LATISS").detector(0).layout(SegmentModel(160, 220, 3, 120, 200))
"""A LATISS detector of reduced size: 960 wide, 400 high."""


def combined(image, mask=None, **cards):
    image = np.asarray(image, np.float32)
    mask = np.zeros(image.shape, np.uint16) if mask is None else np.asarray(mask, np.uint16)
    return CalibrationImage(image, mask, np.ones(image.shape, np.float32), dict(cards))


def boxes(defects):
    """Boxes as (x0, y0, width, height)."""
    return {(one.box.x0, one.box.y0, one.box.width, one.box.height) for one in defects}


def pixels(shape, *boxes):
    """Return an image that is True in boxes (x0, y0, width, height)."""
    found = np.zeros(shape, bool)
    for x0, y0, width, height in boxes:
        found[y0 : y0 + height, x0 : x0 + width] = True
    return found
