"""Defects: the pixels that are known to be bad."""

import math
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from astropy.table import Row, Table

from infra.errors import CalprodError
from infra.images import MaskPlane
from infra.instruments.layout import Box, DetectorLayout

__all__ = ["boxes_of_table", "dead_amplifiers", "mask_defects"]

_SIMPLE = ("x0", "y0", "width", "height")
_REGION = ("X", "Y", "SHAPE", "R", "ROTANG")


def mask_defects(mask: npt.NDArray[np.uint16], boxes: Iterable[Box]) -> None:
    """Flag the pixels of boxes as BAD, in place.

    Parameters
    ----------
    mask
        `MaskPlane` bits of the trimmed image, shape (ny, nx); changed.
    boxes
        Defects in the trimmed image; what reaches beyond it is left out.
    """
    bad = np.uint16(MaskPlane.BAD)
    for box in boxes:
        rows, columns = slice(max(box.y0, 0), max(box.y1, 0)), slice(max(box.x0, 0), max(box.x1, 0))
        mask[rows, columns] |= bad


def dead_amplifiers(boxes: Iterable[Box], layout: DetectorLayout) -> tuple[str, ...]:
    """Names of the amplifiers that are defects as a whole.

    Parameters
    ----------
    boxes
        Defects in the trimmed image.
    layout
        Where the amplifiers lie.

    Notes
    -----
    Rubin's ip_isr asks whether one box covers the amplifier. Boxes that do so together count here too: an
    amplifier at the edge is cut into several by the edge's own reason.
    """
    boxes = tuple(boxes)
    smallest = min(one.image_box.area for one in layout.amplifiers)
    if sum(box.area for box in boxes) < smallest:
        return ()
    mask = np.zeros(layout.image_shape, np.uint16)
    mask_defects(mask, boxes)
    return tuple(one.name for one in layout.amplifiers if mask[one.image_box.slices].all())


def boxes_of_table(table: Table) -> tuple[Box, ...]:
    """Boxes of a table of defects.

    Parameters
    ----------
    table
        With columns x0, y0, width, height, or in the form of the FITS region standard: X, Y (centre,
        1-based), SHAPE (BOX, POINT, or ROTBOX turned by a multiple of 90 degrees), R, ROTANG. Others are
        ignored.

    Raises
    ------
    CalprodError
        The columns are missing; a shape is none of these; a box has no pixels.
    """
    if len(table) == 0:
        return ()
    if set(_SIMPLE) <= set(table.colnames):
        boxes = [Box(*(int(row[name]) for name in _SIMPLE)) for row in table]
    elif set(_REGION) <= set(table.colnames):
        boxes = [_region(row) for row in table]
    else:
        raise CalprodError(
            f"a table of defects with columns {', '.join(table.colnames)}",
            f"give it the columns {', '.join(_SIMPLE)}, or {', '.join(_REGION)}",
        )
    for index, box in enumerate(boxes):
        if box.width < 1 or box.height < 1:
            raise CalprodError(f"defect {index} of a table has size {box.width} x {box.height}")
    return tuple(boxes)


def _region(row: Row) -> Box:
    """Box of a row in the form of the FITS region standard."""
    shape = str(row["SHAPE"]).strip().upper()
    sizes = np.atleast_1d(row["R"])
    turned = float(np.atleast_1d(row["ROTANG"])[0]) % 180.0
    if shape == "POINT":
        width, height = 1, 1
    elif shape in ("BOX", "ROTBOX") and sizes.size >= 2 and turned in (0.0, 90.0):
        width, height = int(sizes[0]), int(sizes[1])
        if turned:
            width, height = height, width
    else:
        raise CalprodError(
            f"a defect of shape {shape}, sizes {sizes.tolist()}, turned by {turned} degrees",
            "a defect is a POINT, or a BOX with two sizes that stands upright",
        )
    # FITS counts from 1; the centre of a box of even size lies between two pixels.
    x, y = (float(np.atleast_1d(row[name])[0]) - 1.0 for name in ("X", "Y"))
    return Box(math.floor(x - (width - 1) / 2 + 0.5), math.floor(y - (height - 1) / 2 + 0.5), width, height)
