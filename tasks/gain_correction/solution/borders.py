"""Steps from one amplifier to the next, seen in the bins beside their border."""

import numpy as np
import numpy.typing as npt

from infra.instruments.layout import Box, DetectorLayout
from tasks.flat_pairs.binned_flat import BinnedFlat

__all__ = ["border_steps"]

type FloatArray = npt.NDArray[np.float64]

FEWEST = 4
"""Bins on one side of a border below which a step is not measured."""

DEPTH = 3.0
"""Bins that a strip beside a border is deep, at most."""


def border_steps(ratio: BinnedFlat, layout: DetectorLayout, bin_size: int) -> tuple[FloatArray, FloatArray]:
    """Measure the steps from amplifiers to their neighbours, right and above.

    Parameters
    ----------
    ratio
        Bins of the detector.
    layout
        Where the amplifiers lie.
    bin_size
        Side of a bin (pixels).

    Returns
    -------
    steps, errors
        Median beside the border there over that here, less 1; and its standard error. Shape (borders,) each,
        of those that have bins on both sides.
    """
    ny, nx = layout.image_shape
    x, y = (ratio.x + 1.0) / 2.0 * nx, (ratio.y + 1.0) / 2.0 * ny
    steps, errors = [], []
    for i, one in enumerate(layout.amplifiers):
        for j, other in enumerate(layout.amplifiers):
            along = _border(one.image_box, other.image_box)
            if along is None:
                continue
            position = x if along == "x" else y
            here, there = ratio.amplifier == i, ratio.amplifier == j
            if not (here.any() and there.any()):
                continue
            depth = DEPTH * bin_size
            here &= position > position[here].max() - depth
            there &= position < position[there].min() + depth
            if min(np.count_nonzero(here), np.count_nonzero(there)) < FEWEST:
                continue
            first, last = ratio.value[here], ratio.value[there]
            level = float(np.median(first))
            steps.append(float(np.median(last)) / level - 1.0)
            errors.append(float(np.hypot(_error(first), _error(last))) / level)
    return np.array(steps), np.array(errors)


def _border(one: Box, other: Box) -> str | None:
    """Axis across the border, where the other lies to the right ("x") or above ("y"); None elsewhere."""
    if other.x0 == one.x1 and other.y0 == one.y0:
        return "x"
    if other.y0 == one.y1 and other.x0 == one.x0:
        return "y"
    return None


def _error(values: FloatArray) -> float:
    """Return the standard error of a median."""
    scatter = 1.4826 * float(np.median(np.abs(values - np.median(values))))
    return 1.2533 * scatter / float(np.sqrt(values.size))
