"""Linearity, pixel by pixel: the compiled loops."""

import numpy as np
import numpy.typing as npt
from numba import njit

from tasks.isr.akima import N_BUCKETS

__all__ = ["add_polynomial", "look_up", "subtract_spline"]


@njit(cache=True, nogil=True)
def add_polynomial(image: npt.NDArray[np.floating], coefficients: npt.NDArray[np.float64]) -> None:
    """Add to each pixel x the sum of q_j x^j from j = 2, in place, by Horner's rule in double precision.

    Parameters
    ----------
    image
        Pixels, shape (ny, nx).
    coefficients
        q₂, q₃, ….
    """
    for y in range(image.shape[0]):
        for x in range(image.shape[1]):
            pixel = np.float64(image[y, x])
            total = 0.0
            for j in range(coefficients.size - 1, -1, -1):
                total = (total + coefficients[j]) * pixel
            image[y, x] = pixel + total * pixel


@njit(cache=True, nogil=True)
def look_up(
    image: npt.NDArray[np.floating], row: npt.NDArray[np.floating], offset: float, gain: float
) -> int:
    """Add to each pixel its entry of a table, in place; count the pixels beyond the table.

    Parameters
    ----------
    image
        Pixels, shape (ny, nx); NaN stays NaN and counts as beyond.
    row
        Entries, shape (n,).
    offset
        Of the index.
    gain
        Unit of the entries in that of the image.
    """
    n_out, last = 0, row.size - 1
    for y in range(image.shape[0]):
        for x in range(image.shape[1]):
            pixel = np.float64(image[y, x])
            # Truncated as Rubin does, and clamped before the conversion: huge values have no integer.
            index = int(min(max(np.trunc(pixel / gain + offset), -1.0), last + 1.0)) if pixel == pixel else -1
            if index < 0 or index > last:
                n_out += 1
                index = min(max(index, 0), last)
            image[y, x] = pixel + gain * row[index]
    return n_out


@njit(cache=True, nogil=True)
def subtract_spline(
    image: npt.NDArray[np.floating],
    nodes: npt.NDArray[np.float64],
    cubics: npt.NDArray[np.float64],
    buckets: npt.NDArray[np.int64],
    highest: float,
) -> None:
    """Subtract a spline from each pixel, in place.

    Parameters
    ----------
    image
        Pixels, shape (ny, nx).
    nodes, cubics, buckets
        Nodes, their `tasks.isr.akima.akima_cubics` and `tasks.isr.akima.node_buckets`.
    highest
        Largest argument of the spline.

    Notes
    -----
    The interval is found by the pixel's bucket, then by at most a few steps.
    """
    per_unit = N_BUCKETS / (nodes[-1] - nodes[0])
    for y in range(image.shape[0]):
        for x in range(image.shape[1]):
            pixel = np.float64(image[y, x])
            if pixel != pixel:
                continue
            point = min(max(pixel, nodes[0]), highest)
            i = buckets[min(int((point - nodes[0]) * per_unit), N_BUCKETS - 1)]
            while i < nodes.size - 2 and point >= nodes[i + 1]:
                i += 1
            d = point - nodes[i]
            image[y, x] = pixel - (cubics[i, 0] + d * (cubics[i, 1] + d * (cubics[i, 2] + d * cubics[i, 3])))
