"""Flats in coarse bins, amplifier by amplifier: small enough to be kept until the gains are known."""

from collections.abc import Sequence
from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from infra.instruments.geometry import Box

__all__ = ["BinGrid", "BinnedFlat", "bin_grid", "bin_pixels", "chosen_bins", "in_electrons", "middling"]

type FloatArray = npt.NDArray[np.float64]

LOWEST, HIGHEST = 0.8, 1.2
"""Values are kept from this times the 5th to this times the 95th percentile."""


@dataclass(frozen=True, slots=True, eq=False)
class BinGrid:
    """Where the bins of a detector lie: blocks within each amplifier, none across a border."""

    amplifier: npt.NDArray[np.int16]
    """Place of the amplifier of each bin, shape (n_bins,)."""
    x: npt.NDArray[np.float32]
    """Column of the middle of each bin in the trimmed image, 0 in the middle of the first pixel."""
    y: npt.NDArray[np.float32]
    """Row of the middle of each bin."""
    size: int
    """Pixels binned in each direction."""
    corners: npt.NDArray[np.int64]
    """First row and first column of each bin, shape (n_bins, 2)."""
    image_shape: tuple[int, int]
    """Shape (ny, nx) of the trimmed image."""
    radius: npt.NDArray[np.float32] | None = None
    """Distance of each bin from the middle of the focal plane (mm); None where nobody asked for it."""


@dataclass(frozen=True, slots=True, eq=False)
class BinnedFlat:
    """Bins of a flat, of all amplifiers, in one row."""

    amplifier: npt.NDArray[np.intp]
    """Place of the amplifier of each bin."""
    x: FloatArray
    """Serial position, from −1 to 1 across the image."""
    y: FloatArray
    """Parallel position, from −1 to 1 across the image."""
    value: FloatArray
    """Mean signal (electron), or ratio of two."""
    radius: FloatArray | None = None
    """Distance from the middle of the focal plane (mm); None where nobody asked for it."""


def bin_grid(boxes: Sequence[Box], image_shape: tuple[int, int], edge: int, size: int) -> BinGrid:
    """Lay bins over the amplifiers of a detector.

    Parameters
    ----------
    boxes
        Where the amplifiers lie.
    image_shape
        Shape (ny, nx) of the trimmed image.
    edge
        Border of each amplifier left out (pixels).
    size
        Pixels binned in each direction.

    Returns
    -------
    grid
        Whole bins only; an amplifier too small for one has none.
    """
    places, corners = [np.zeros(0, np.int16)], [np.zeros((0, 2), np.int64)]
    for place, box in enumerate(boxes):
        rows, columns = (max(side - 2 * edge, 0) // size for side in (box.height, box.width))
        i, j = np.indices((rows, columns)).reshape(2, -1)
        corners.append(np.stack([box.y0 + edge + i * size, box.x0 + edge + j * size], axis=1))
        places.append(np.full(i.size, place, np.int16))
    corner = np.concatenate(corners)
    middle = (corner + 0.5 * (size - 1)).astype(np.float32)
    return BinGrid(np.concatenate(places), middle[:, 1], middle[:, 0], size, corner, image_shape)


def bin_pixels(
    image: npt.NDArray[np.float32], usable: npt.NDArray[np.bool_], grid: BinGrid
) -> npt.NDArray[np.float32]:
    """Mean of the usable pixels of each bin.

    Parameters
    ----------
    image
        Flat, assembled, shape (ny, nx); pixels that are not finite are not usable.
    usable
        Pixels that take part, shape (ny, nx).
    grid
        The bins.

    Returns
    -------
    values
        Shape (n_bins,), in the unit of the image; NaN for bins with less than half their pixels usable.
    """
    return _bin_pixels(image, usable, grid.corners, grid.size)


@numba.njit(nogil=True, cache=True)
def _bin_pixels(
    image: npt.NDArray[np.float32],
    usable: npt.NDArray[np.bool_],
    corners: npt.NDArray[np.int64],
    size: int,
) -> npt.NDArray[np.float32]:
    """Mean of each block of pixels."""
    values = np.empty(corners.shape[0], np.float32)
    for k in range(corners.shape[0]):
        y0, x0 = corners[k]
        total, n = 0.0, 0
        for y in range(y0, y0 + size):
            for x in range(x0, x0 + size):
                value = image[y, x]
                if usable[y, x] and np.isfinite(value):
                    total += value
                    n += 1
        values[k] = total / n if 2 * n >= size * size else np.nan
    return values


def in_electrons(grid: BinGrid, values: npt.NDArray[np.float32], gains: Sequence[float]) -> BinnedFlat:
    """Bins of a flat in electrons, those far from the middling ones left out.

    Parameters
    ----------
    grid
        The bins.
    values
        Their means (adu), shape (n_bins,).
    gains
        Gain of each amplifier (electron/adu), in the order of the grid; NaN leaves an amplifier out.
    """
    signal = values * np.asarray(gains, np.float64)[grid.amplifier]
    finite = np.isfinite(signal)
    if not finite.any():
        nothing = np.zeros(0)
        return BinnedFlat(np.zeros(0, np.intp), nothing, nothing, nothing)
    return chosen_bins(grid, signal, finite & middling(signal, finite))


def middling(signal: FloatArray, finite: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Tell which bins are not far from the middling ones.

    Parameters
    ----------
    signal
        Shape (n_bins,).
    finite
        Bins that have a value, at least one.
    """
    low, high = np.percentile(signal[finite], [5, 95])
    return np.asarray((signal >= LOWEST * low) & (signal <= HIGHEST * high))


def chosen_bins(grid: BinGrid, signal: FloatArray, kept: npt.NDArray[np.bool_]) -> BinnedFlat:
    """Return some bins of a flat.

    Parameters
    ----------
    grid
        All bins.
    signal
        Their values, shape (n_bins,).
    kept
        Which are wanted, shape (n_bins,).
    """
    ny, nx = grid.image_shape
    return BinnedFlat(
        amplifier=grid.amplifier[kept].astype(np.intp),
        x=(grid.x[kept] + 0.5) / nx * 2.0 - 1.0,
        y=(grid.y[kept] + 0.5) / ny * 2.0 - 1.0,
        value=signal[kept],
        radius=None if grid.radius is None else grid.radius[kept].astype(np.float64),
    )
