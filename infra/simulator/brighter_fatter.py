"""The brighter-fatter effect: charge already collected moves the boundaries of the pixels around it."""

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve
from scipy.sparse import eye_array, kron
from scipy.sparse.linalg import spsolve

__all__ = ["boundary_shifts", "move_boundaries"]

type FloatArray = NDArray[np.float64]

_MARGIN = 8
"""Pixels about the a-matrix within which the potential falls to zero."""


def boundary_shifts(a_matrix: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return how far one electron moves the pixel boundaries around it.

    Parameters
    ----------
    a_matrix
        Fractional area change per electron (1/electron), one quadrant, [serial lag][parallel lag].

    Returns
    -------
    to_right, to_top : numpy.ndarray
        Outward shift (1/electron) of the right and of the top boundary of each pixel about the electron,
        which is in the middle, shapes [n, n - 1] and [n - 1, n].

    Notes
    -----
    The area change of a pixel is the sum of the shifts of its four boundaries. Shifts that are differences of
    a potential, s = phi[here] - phi[there], give every a-matrix: the potential solves -laplacian(phi) = a.
    Away from the matrix the potential is zero, so that a matrix that does not sum to zero is completed by
    minute changes of area at the rim.
    """
    quadrant = np.asarray(a_matrix).T  # now [parallel lag][serial lag]
    half = np.concatenate([quadrant[:, :0:-1], quadrant], axis=1)
    full = np.pad(np.concatenate([half[:0:-1], half], axis=0), _MARGIN)
    rows, columns = full.shape

    def second_difference(n: int) -> object:
        return 2 * eye_array(n) - eye_array(n, k=1) - eye_array(n, k=-1)

    operator = kron(second_difference(rows), eye_array(columns)) + kron(
        eye_array(rows), second_difference(columns)
    )
    potential = spsolve(operator.tocsr(), full.ravel()).reshape(full.shape)
    return potential[:, :-1] - potential[:, 1:], potential[:-1] - potential[1:]


def move_boundaries(charge: FloatArray, a_matrix: FloatArray) -> FloatArray:
    """Return the charge as collected by pixels whose boundaries move.

    Parameters
    ----------
    charge
        Charge without the effect (electron), trimmed and assembled, shape [ny, nx].
    a_matrix
        Fractional area change per electron (1/electron), one quadrant, [serial lag][parallel lag].

    Returns
    -------
    numpy.ndarray
        Charge (electron), shape [ny, nx]. Charge is moved across boundaries only, so that the sum is kept.

    Notes
    -----
    First order in the a-matrix, as if the charge of every pixel grew linearly in time, which halves the final
    shift: pairs of flats then have covariances C_ij = a_ij mu**2 (electron**2) beside the Poisson variance
    (Astier et al. 2019, A&A 629, A36, eq. 20 at lowest order).
    """
    to_right, to_top = boundary_shifts(a_matrix)
    padded = np.pad(charge, max(to_right.shape), mode="edge")
    margin = max(to_right.shape)
    ny, nx = charge.shape
    # A boundary lies half a pixel off the grid, so the kernels are one short in its direction; of the "valid"
    # output the boundaries inside the image are kept.
    right = fftconvolve(padded, to_right, mode="valid")
    top = fftconvolve(padded, to_top, mode="valid")
    row0, column0 = margin - to_right.shape[0] // 2, margin - to_right.shape[1] // 2 + 1
    right = right[row0 : row0 + ny, column0 : column0 + nx - 1]
    row0, column0 = margin - to_top.shape[0] // 2 + 1, margin - to_top.shape[1] // 2
    top = top[row0 : row0 + ny - 1, column0 : column0 + nx]
    moved = charge.copy()
    across_right = 0.25 * (charge[:, :-1] + charge[:, 1:]) * right
    across_top = 0.25 * (charge[:-1] + charge[1:]) * top
    moved[:, :-1] += across_right
    moved[:, 1:] -= across_right
    moved[:-1] += across_top
    moved[1:] -= across_top
    return moved
