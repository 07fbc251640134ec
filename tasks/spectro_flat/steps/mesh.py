"""A background from clipped medians of a mesh, by the rules of photutils' Background2D."""

import numba
import numpy as np
import numpy.typing as npt
from scipy.ndimage import zoom
from scipy.spatial import cKDTree

from infra.errors import CalprodError

__all__ = ["mesh_background"]

type FloatArray = npt.NDArray[np.float64]
type BoolArray = npt.NDArray[np.bool_]

FEWEST = 0.9
"""Fraction of a whole box's pixels that must be more than exceeded for the box to count."""

N_PASSES = 5
"""Most passes of the clip of one box."""

N_NEIGHBOURS = 10
"""Boxes that one without a value is filled from."""


def mesh_background(
    image: FloatArray, usable: BoolArray, *, box: int = 20, width: int = 3, n_sigma: float = 3.0
) -> FloatArray:
    """Model the background of an image.

    Parameters
    ----------
    image
        Shape (ny, nx), any unit.
    usable
        Pixels that take part, shape (ny, nx).
    box
        Side of a box of the mesh (pixels).
    width
        Side of the median filter of the mesh (boxes), odd; 1 for none.
    n_sigma
        Half-width of the clip about the median of a box, in its standard deviations.

    Returns
    -------
    background
        Shape (ny, nx).

    Raises
    ------
    CalprodError
        No box has enough usable pixels.

    Notes
    -----
    The rules are those of photutils.background.Background2D with MedianBackground and its defaults: boxes are
    laid from the first pixel on; one with no more than 90 % of a whole box's pixels left by clip and mask, as
    narrow ones at the far edges, is filled from its ten nearest neighbours by inverse distance; the mesh is
    median-filtered, and brought to the image's size by cubic splines that do not leave the mesh's range.
    """
    medians, counts = _clipped_medians(image, usable & np.isfinite(image), box, n_sigma, N_PASSES)
    medians[counts <= FEWEST * box * box] = np.nan
    if not np.isfinite(medians).any():
        raise CalprodError(
            f"no box of {box} x {box} pixels has enough usable ones for a background", "use larger boxes"
        )
    mesh = _median_filtered(_filled(medians), width)
    ny, nx = image.shape
    if np.ptp(mesh) == 0.0:
        return np.full(image.shape, mesh[0, 0])
    model = zoom(mesh, box, order=3, mode="reflect", grid_mode=True)[:ny, :nx]
    return np.asarray(np.clip(model, mesh.min(), mesh.max()))


@numba.njit(nogil=True, cache=True)
def _clipped_medians(
    image: FloatArray, usable: BoolArray, box: int, n_sigma: float, n_passes: int
) -> tuple[FloatArray, npt.NDArray[np.int64]]:  # pragma: no cover
    """Clipped median of every box, and the number of pixels it is of."""
    ny, nx = image.shape
    rows, columns = -(-ny // box), -(-nx // box)
    medians = np.full((rows, columns), np.nan)
    counts = np.zeros((rows, columns), np.int64)
    values = np.empty(box * box)
    for i in range(rows):
        for j in range(columns):
            n = 0
            for y in range(i * box, min(ny, (i + 1) * box)):
                for x in range(j * box, min(nx, (j + 1) * box)):
                    if usable[y, x]:
                        values[n] = image[y, x]
                        n += 1
            if n == 0:
                continue
            # In sorted order what a clip about the median keeps is one stretch.
            ordered = np.sort(values[:n])
            first, last = 0, n
            for _ in range(n_passes):
                kept = ordered[first:last]
                median, limit = _middle(kept), n_sigma * kept.std()
                low = first + np.searchsorted(kept, median - limit, side="left")
                high = first + np.searchsorted(kept, median + limit, side="right")
                if low == first and high == last:
                    break
                first, last = int(low), int(high)
            medians[i, j] = _middle(ordered[first:last])
            counts[i, j] = last - first
    return medians, counts


@numba.njit(nogil=True, cache=True)
def _middle(ordered: FloatArray) -> float:  # pragma: no cover
    """Median of sorted values."""
    half = ordered.size // 2
    return ordered[half] if ordered.size % 2 else 0.5 * (ordered[half - 1] + ordered[half])


def _filled(mesh: FloatArray) -> FloatArray:
    """Give boxes without a value the mean of their neighbours, weighted by inverse distance."""
    known = np.isfinite(mesh)
    if known.all():
        return mesh
    n = min(N_NEIGHBOURS, int(np.count_nonzero(known)))
    # Of boxes equally near photutils takes those its tree meets first, and its leaves hold ten.
    distances, places = cKDTree(np.argwhere(known), leafsize=10).query(np.argwhere(~known), k=n)
    weights = 1.0 / np.reshape(distances, (-1, n))
    values = mesh[known][np.reshape(places, (-1, n))]
    filled = mesh.copy()
    filled[~known] = np.sum(weights * values, axis=1) / np.sum(weights, axis=1)
    return filled


def _median_filtered(mesh: FloatArray, width: int) -> FloatArray:
    """Median of each box and its neighbours; beyond the edge there are none."""
    if width == 1:
        return mesh
    padded = np.pad(mesh, width // 2, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (width, width))
    return np.asarray(np.nanmedian(windows.reshape(*mesh.shape, width * width), axis=-1))
