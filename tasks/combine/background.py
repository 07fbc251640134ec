"""A smooth background, from the clipped means of a mesh."""

from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy.interpolate import RectBivariateSpline
from scipy.ndimage import distance_transform_edt

from tasks.combine.clipping import clipped_mean

__all__ = ["background"]

_FEWEST = 0.05
"""Fraction of the pixels of a cell that must be usable."""


def background(
    image: npt.NDArray[np.float32], excluded: npt.NDArray[np.bool_], mesh: int
) -> npt.NDArray[np.float32]:
    """Model the background of an image.

    Parameters
    ----------
    image
        Shape (ny, nx), any unit.
    excluded
        True for pixels that are not background, shape (ny, nx).
    mesh
        Size of a cell (pixels), about.

    Returns
    -------
    model
        Shape (ny, nx): a spline, cubic where there are four cells or more, through the clipped means of the
        cells. Cells with too few pixels take the value of the nearest other. 0 without any usable pixel.
    """
    ny, nx = image.shape
    edges_y, edges_x = _edges(ny, mesh), _edges(nx, mesh)
    values = np.full((edges_y.size - 1, edges_x.size - 1), np.nan)
    for i, (y0, y1) in enumerate(pairwise(edges_y)):
        for j, (x0, x1) in enumerate(pairwise(edges_x)):
            usable = ~excluded[y0:y1, x0:x1]
            if np.count_nonzero(usable) >= max(_FEWEST * usable.size, 10):
                values[i, j] = clipped_mean(image[y0:y1, x0:x1][usable]).mean
    known = np.isfinite(values)
    if not known.any():
        rest = image[~excluded]
        level = clipped_mean(rest).mean if rest.size else 0.0
        return np.full(image.shape, level if np.isfinite(level) else 0.0, np.float32)
    nearest = distance_transform_edt(~known, return_distances=False, return_indices=True)
    return _interpolate(values[tuple(nearest)], edges_y, edges_x)


def _edges(size: int, mesh: int) -> npt.NDArray[np.int64]:
    """Bounds of the cells along one axis."""
    return np.linspace(0, size, max(1, round(size / mesh)) + 1).astype(np.int64)


def _interpolate(
    values: npt.NDArray[np.float64], edges_y: npt.NDArray[np.int64], edges_x: npt.NDArray[np.int64]
) -> npt.NDArray[np.float32]:
    """Spline through the centres of the cells; beyond the outermost centres the value stays."""
    # One cell along an axis becomes two equal ones, which a spline of degree 1 can go through.
    axes = []
    for axis, edges in enumerate((edges_y, edges_x)):
        centres = (edges[:-1] + edges[1:] - 1) / 2
        if centres.size == 1:
            values = np.repeat(values, 2, axis=axis)
            centres = np.array([centres[0], centres[0] + 1.0])
        axes.append(centres)
    degrees = [min(3, centres.size - 1) for centres in axes]
    spline = RectBivariateSpline(axes[0], axes[1], values, kx=degrees[0], ky=degrees[1])
    y = np.clip(np.arange(edges_y[-1]), axes[0][0], axes[0][-1])
    x = np.clip(np.arange(edges_x[-1]), axes[1][0], axes[1][-1])
    return np.asarray(spline(y, x), np.float32)
