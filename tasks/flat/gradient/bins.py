"""A flat in coarse bins with their places in the focal plane."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from astropy.table import Table

from infra.errors import CalprodError
from infra.images import CalibrationImage, MaskPlane
from infra.instruments.focal_plane import pixel_positions
from infra.instruments.geometry import CameraModel
from infra.instruments.layout import Box, DetectorLayout
from tasks.flat.gradient.fitting import FocalPlaneBins
from tasks.flat_pairs.binned_flat import bin_grid, bin_pixels

__all__ = ["BIN_SIZE", "BOUNDARY", "bin_size", "binned_flat", "bins_from_tables"]

BIN_SIZE = 128
"""Pixels binned in each direction (Rubin cp_pipe)."""

BOUNDARY = 10
"""Border of the detector left out (pixels; Rubin cp_pipe)."""

FEWEST_ACROSS = 12
"""Bins across a detector below which they are made smaller, as for frames of reduced size."""

_UNUSABLE = np.uint16(MaskPlane.BAD | MaskPlane.NO_DATA | MaskPlane.SAT)


def bin_size(shape: tuple[int, int], wanted: int = BIN_SIZE) -> int:
    """Side of a bin (pixels): as wanted, or less on a detector of too few pixels.

    Parameters
    ----------
    shape
        Shape (ny, nx) of the trimmed image.
    wanted
        Side of a bin on a full-size detector.
    """
    return max(1, min(wanted, (min(shape) - 2 * BOUNDARY) // FEWEST_ACROSS))


def binned_flat(
    flat: CalibrationImage,
    layout: DetectorLayout,
    camera: CameraModel,
    *,
    size: int = BIN_SIZE,
    defects: Iterable[Box] = (),
) -> Table:
    """Mean of the flat in bins.

    Parameters
    ----------
    flat
        The combined flat of one detector.
    layout
        That detector.
    camera
        Its camera, for the places of the bins.
    size
        Side of a bin (pixels); made smaller on a detector of few pixels.
    defects
        Boxes of the trimmed image that are left out.

    Returns
    -------
    table
        A row for each bin: detector, is_itl, x and y (mm in the focal plane), value; NaN where less than half
        of the pixels is usable.
    """
    usable = (flat.mask & _UNUSABLE) == 0
    for box in defects:
        usable[box.slices] = False
    ny, nx = layout.image_shape
    grid = bin_grid([Box(0, 0, nx, ny)], (ny, nx), BOUNDARY, bin_size((ny, nx), size))
    value = bin_pixels(flat.image, usable, grid)
    x, y = pixel_positions(camera, layout)
    return Table(
        {
            "detector": np.full(value.size, layout.id, np.int32),
            "is_itl": np.full(value.size, layout.vendor == "ITL"),
            "x": np.interp(grid.x, np.arange(nx), x[0]),
            "y": np.interp(grid.y, np.arange(ny), y[:, 0]),
            "value": value.astype(np.float64),
        }
    )


def bins_from_tables(tables: Iterable[Table]) -> FocalPlaneBins:
    """Bins of all detectors, as `binned_flat` gave those of each.

    Raises
    ------
    CalprodError
        There are none.
    """
    parts = [{name: np.asarray(table[name]) for name in table.colnames} for table in tables]
    if not parts:
        raise CalprodError("there are no binned flats to fit", "make the flats of the detectors first")

    def column(name: str) -> npt.NDArray[np.float64]:
        return np.concatenate([part[name] for part in parts]).astype(np.float64)

    return FocalPlaneBins(
        x=column("x"),
        y=column("y"),
        value=column("value"),
        is_itl=column("is_itl") > 0,
        detector=column("detector").astype(np.int32),
    )
