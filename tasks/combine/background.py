"""A smooth background, from the clipped means of a mesh."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy.interpolate import RectBivariateSpline
from scipy.ndimage import distance_transform_edt

from tasks.combine.clipping import clipped_mean

__all__ = ["CellMeans", "background", "cell_edges", "cell_means", "interpolate_cells"]

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
    cells = cell_means(image, ~excluded, mesh)
    if not np.isfinite(cells.mean).any():
        rest = image[~excluded]
        level = clipped_mean(rest).mean if rest.size else 0.0
        return np.full(image.shape, level if np.isfinite(level) else 0.0, np.float32)
    return interpolate_cells(cells.mean, cells.edges_y, cells.edges_x)


@dataclass(frozen=True, slots=True, eq=False)
class CellMeans:
    """Clipped means of the cells of an image."""

    mean: npt.NDArray[np.float64]
    """Shape (cells along y, cells along x); NaN where too few pixels are usable."""
    error: npt.NDArray[np.float64]
    """Their standard errors, same shape."""
    edges_y: npt.NDArray[np.int64]
    """Bounds of the cells along y (pixel)."""
    edges_x: npt.NDArray[np.int64]
    """Bounds of the cells along x (pixel)."""


def cell_means(
    image: npt.NDArray[np.float32], usable: npt.NDArray[np.bool_], mesh: int, fewest: float = _FEWEST
) -> CellMeans:
    """Clipped mean (3 σ, 3 passes) of each cell of an image.

    Parameters
    ----------
    image
        Shape (ny, nx), any unit.
    usable
        Pixels that take part, shape (ny, nx).
    mesh
        Size of a cell (pixels), about.
    fewest
        Fraction of the pixels of a cell that must be usable, and ten of them.
    """
    edges_y, edges_x = cell_edges(image.shape[0], mesh), cell_edges(image.shape[1], mesh)
    mean = np.full((edges_y.size - 1, edges_x.size - 1), np.nan)
    error = mean.copy()
    for i, (y0, y1) in enumerate(pairwise(edges_y)):
        for j, (x0, x1) in enumerate(pairwise(edges_x)):
            kept = usable[y0:y1, x0:x1]
            if np.count_nonzero(kept) >= max(fewest * kept.size, 10):
                found = clipped_mean(image[y0:y1, x0:x1][kept])
                mean[i, j], error[i, j] = found.mean, found.standard_error
    return CellMeans(mean, error, edges_y, edges_x)


def interpolate_cells(
    values: npt.NDArray[np.float64], edges_y: npt.NDArray[np.int64], edges_x: npt.NDArray[np.int64]
) -> npt.NDArray[np.float32]:
    """Spline through the values of cells, cubic where there are four or more along an axis.

    Parameters
    ----------
    values
        Shape (cells along y, cells along x); one that is NaN takes the value of the nearest that is not.
    edges_y, edges_x
        Bounds of the cells (pixel), as `cell_edges` gives them.

    Returns
    -------
    image
        Shape (ny, nx); beyond the outermost centres the value stays.
    """
    known = np.isfinite(values)
    nearest = distance_transform_edt(~known, return_distances=False, return_indices=True)
    return _interpolate(values[tuple(nearest)], edges_y, edges_x)


def cell_edges(size: int, mesh: int) -> npt.NDArray[np.int64]:
    """Bounds of the cells along one axis.

    Parameters
    ----------
    size
        Length of the axis (pixel).
    mesh
        Size of a cell (pixel), about.
    """
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
