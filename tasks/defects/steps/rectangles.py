"""From a map of defects to few rectangles that cover exactly its pixels."""

import numpy as np
import numpy.typing as npt

from infra.instruments.layout import Box
from tasks.defects.steps.model import Defect, DefectReason

__all__ = ["rectangles"]

_KINDS = np.uint16(DefectReason.HOT | DefectReason.COLD)


def rectangles(reasons: npt.NDArray[np.uint16]) -> tuple[Defect, ...]:
    """Cut a map of defects into rectangles that do not overlap.

    Parameters
    ----------
    reasons
        `DefectReason` bits, shape (ny, nx).

    Returns
    -------
    defects
        In order of x0, then y0. Their pixels are the defects of the map, and no other.

    Notes
    -----
    Pixels of one reason that stand above each other make a run; equal runs in neighbouring columns make a
    rectangle. Inside a column defect it does not matter which single pixels are hot or cold: the run bears
    every reason found in it, so that a hot column is one rectangle, "hot+column".
    """
    ny = reasons.shape[0]
    flat = np.ascontiguousarray(reasons.T).reshape(-1)
    places = np.flatnonzero(flat)
    if places.size == 0:
        return ()
    values = flat[places]
    in_column = values & np.uint16(DefectReason.COLUMN) != 0
    keys = np.where(in_column, values & ~_KINDS, values)
    x, y = places // ny, places % ny
    starts = np.ones(places.size, np.bool_)
    starts[1:] = (np.diff(places) != 1) | (np.diff(x) != 0) | (keys[1:] != keys[:-1])
    first = np.flatnonzero(starts)
    last = np.append(first[1:], places.size) - 1
    return _join(x[first], y[first], y[last] + 1, np.bitwise_or.reduceat(values, first))


def _join(
    x: npt.NDArray[np.int64],
    y0: npt.NDArray[np.int64],
    y1: npt.NDArray[np.int64],
    reason: npt.NDArray[np.uint16],
) -> tuple[Defect, ...]:
    """Join equal runs of neighbouring columns."""
    order = np.lexsort((x, reason, y1, y0))
    x, y0, y1, reason = x[order], y0[order], y1[order], reason[order]
    starts = np.ones(x.size, np.bool_)
    starts[1:] = (np.diff(x) != 1) | (np.diff(y0) != 0) | (np.diff(y1) != 0) | (reason[1:] != reason[:-1])
    first = np.flatnonzero(starts)
    width = np.diff(np.append(first, x.size))
    boxes = [
        Defect(Box(int(x[i]), int(y0[i]), int(n), int(y1[i] - y0[i])), DefectReason(int(reason[i])))
        for i, n in zip(first, width, strict=True)
    ]
    return tuple(sorted(boxes, key=lambda defect: (defect.box.x0, defect.box.y0)))
