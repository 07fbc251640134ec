"""From spooled exposures to one image: scale, stack, fill, mask."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import local

import numpy as np
import numpy.typing as npt

from infra.errors import CalprodError
from infra.images import MaskPlane
from tasks.combine.order_statistics import quartiles
from tasks.combine.spool import ExposureSpool
from tasks.combine.stack import PROPAGATION_LIMIT, combine_rows

__all__ = ["Combination", "check_scale", "combine"]

_BLOCK_SAMPLES = 1 << 21
"""Samples read at a time by each thread (8 MiB): the block shrinks as exposures are added."""


@dataclass(frozen=True, slots=True, eq=False)
class Combination:
    """The planes of a combined calibration."""

    image: npt.NDArray[np.float32]
    """Clipped mean of the scaled exposures, shape (ny, nx)."""
    mask: npt.NDArray[np.uint16]
    """BAD where the image is filled, shape (ny, nx)."""
    variance: npt.NDArray[np.float32]
    """Squared standard error, shape (ny, nx)."""
    count: npt.NDArray[np.uint16]
    """Number of exposures that survived at each pixel, shape (ny, nx)."""


def check_scale(scale: float, name: str, remedy: str | None = None) -> float:
    """Return the scale, which must be a positive finite number.

    Raises
    ------
    CalprodError
        It is zero, negative, infinite or NaN: dividing by it would silently make a plane of BAD pixels.
    """
    if not (np.isfinite(scale) and scale > 0):
        raise CalprodError(
            f"{name} cannot be divided by its scale {scale}", remedy or "leave the exposure out"
        )
    return float(scale)


def combine(
    spool: ExposureSpool,
    scales: Sequence[float],
    *,
    n_sigma: float = 3.0,
    n_iterations: int = 3,
    n_threads: int = 1,
) -> Combination:
    """Combine spooled exposures by their clipped mean.

    Parameters
    ----------
    spool
        The exposures.
    scales
        Number by which each exposure is divided, in the order of the spool.
    n_sigma, n_iterations
        The clip rule, as in `tasks.combine.stack.combine_rows`.
    n_threads
        Threads that work on blocks of rows; the result does not depend on it.

    Returns
    -------
    combination
        Without NaN: a pixel where no exposure survives, or whose variance cannot be known, holds the median
        of the other pixels of the detector, its variance theirs, and is BAD. All other planes are cleared.

    Raises
    ------
    CalprodError
        There are no exposures; a scale is not positive; no pixel at all survives.

    Notes
    -----
    Rubin cp_pipe, ``CalibCombineTask``: from `PROPAGATION_LIMIT` exposures on the variance is the squared
    standard error from the scatter of the survivors, below it is propagated from the input variances. The
    reference lets zero and NaN scales through; here they are refused.
    """
    ny, nx = spool.shape
    if len(scales) != len(spool):
        raise CalprodError(f"{len(scales)} scales for {len(spool)} exposures")
    factors = [np.float32(check_scale(scale, f"exposure {i} of the stack")) for i, scale in enumerate(scales)]
    image, variance = np.empty((ny, nx), np.float32), np.empty((ny, nx), np.float32)
    count = np.empty((ny, nx), np.uint16)
    step = max(1, min(256, _BLOCK_SAMPLES // (len(spool) * nx)))
    buffers = local()

    def combine_block(start: int) -> None:
        """Read, scale and stack the rows from start on."""
        stop = min(start + step, ny)
        if not hasattr(buffers, "block"):
            buffers.block = np.empty(len(spool) * step * nx, np.float32)
        block = spool.read_rows(start, stop, buffers.block)
        variances = spool.read_variance_rows(start, stop) if len(spool) < PROPAGATION_LIMIT else None
        for i, factor in enumerate(factors):
            if factor != 1:
                block[i] /= factor
                if variances is not None:
                    variances[i] /= factor * factor
        rows = combine_rows(block, variances, n_sigma, n_iterations)
        image[start:stop], variance[start:stop], count[start:stop] = rows.mean, rows.variance, rows.count

    starts = range(0, ny, step)
    if n_threads > 1:
        with ThreadPoolExecutor(n_threads) as pool:
            list(pool.map(combine_block, starts))
    else:
        for start in starts:
            combine_block(start)
    return Combination(image, _fill(image, variance), variance, count)


def _fill(image: npt.NDArray[np.float32], variance: npt.NDArray[np.float32]) -> npt.NDArray[np.uint16]:
    """Fill unknown pixels in place with the detector's medians; return the mask that says which they were."""
    mask = np.zeros(image.shape, np.uint16)
    # One NaN makes the minimum NaN: most images need no second look.
    if np.isfinite(image.min()) and np.isfinite(image.max()) and np.isfinite(variance.max()):
        return mask
    for plane in (image, variance):
        finite = np.isfinite(plane)
        if not finite.any():
            raise CalprodError(
                "no pixel of the combination has a value and a variance",
                "look at the inputs: all pixels are masked, NaN, or without variance",
            )
        mask[~finite] = MaskPlane.BAD
    bad = mask != 0
    for plane in (image, variance):
        plane[bad] = quartiles(plane[np.isfinite(plane)])[1]
    return mask
