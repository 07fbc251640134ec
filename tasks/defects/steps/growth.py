"""Pixels that are defects because of where they are: beside saturated ones, around vampires, at the edges."""

import numpy as np
import numpy.typing as npt

__all__ = ["beside_saturated", "edges", "grown"]


def beside_saturated(saturated: npt.NDArray[np.bool_], radius: int) -> npt.NDArray[np.bool_]:
    """Find the saturated pixels and those up to ``radius`` pixels to their left and right.

    Parameters
    ----------
    saturated
        Shape (ny, nx).
    radius
        Pixels; 0 finds nothing, not even the saturated pixels themselves.
    """
    found = np.zeros(saturated.shape, np.bool_)
    if radius < 1 or not saturated.any():
        return found
    found |= saturated
    for shift in range(1, min(radius, saturated.shape[1] - 1) + 1):
        found[:, shift:] |= saturated[:, :-shift]
        found[:, :-shift] |= saturated[:, shift:]
    return found


def grown(pixels: npt.NDArray[np.bool_], radius: int) -> npt.NDArray[np.bool_]:
    """Find all pixels within ``radius`` pixels (Euclidean) of a given one.

    Parameters
    ----------
    pixels
        Shape (ny, nx).
    radius
        Pixels; 0 for the pixels themselves.
    """
    ny, nx = pixels.shape
    found = pixels.copy()
    rows, columns = np.nonzero(pixels)
    for dy in range(-radius, radius + 1):
        for dx in range(-radius, radius + 1):
            if dx * dx + dy * dy <= radius * radius:
                y, x = rows + dy, columns + dx
                inside = (y >= 0) & (y < ny) & (x >= 0) & (x < nx)
                found[y[inside], x[inside]] = True
    return found


def edges(shape: tuple[int, int], n_columns: int, n_rows: int) -> npt.NDArray[np.bool_]:
    """Find the outermost pixels of a sensor.

    Parameters
    ----------
    shape
        Of the trimmed image, (ny, nx).
    n_columns, n_rows
        Number of columns at the left and right, and of rows at the bottom and top.
    """
    found = np.ones(shape, np.bool_)
    found[n_rows : shape[0] - n_rows, n_columns : shape[1] - n_columns] = False
    return found
