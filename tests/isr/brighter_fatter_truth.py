"""Images with a known, asymmetric brighter-fatter effect, and what undoes it."""

from functools import cache

import numpy as np
from scipy.sparse import diags_array, eye_array, kron
from scipy.sparse.linalg import spsolve

from infra.simulator.brighter_fatter import boundary_shifts, move_boundaries
from tasks.isr.brighter_fatter import BrighterFatterKernel
from tasks.isr.distortion import DistortionMatrix

A_MATRIX = np.array([[-2.06e-6, 4.8e-7, 4.0e-8], [1.2e-7, 8.0e-8, 2.0e-8], [2.0e-8, 2.0e-8, 5.0e-9]])
"""Area changes (1/electron), [serial lag][parallel lag]: four times as much to parallel neighbours."""
LEVEL = 60_000.0
SIDE = 900
MARGIN = 14


def second_difference(n):
    return diags_array([np.ones(n - 1), np.full(n, -2.0), np.ones(n - 1)], offsets=[-1, 0, 1])


@cache
def kernel(exchanged=False):
    """Kernel whose Laplacian is the negative of the area changes, [serial lag][parallel lag]."""
    quadrant = A_MATRIX.T if exchanged else A_MATRIX
    half = np.concatenate([quadrant[:0:-1], quadrant])
    source = -np.pad(np.concatenate([half[:, :0:-1], half], axis=1), 8)
    n = source.shape[0]
    operator = kron(second_difference(n), eye_array(n)) + kron(eye_array(n), second_difference(n))
    return BrighterFatterKernel(spsolve(operator.tocsr(), source.ravel()).reshape(n, n))


@cache
def matrix(exchanged=False):
    """Shifts of the boundaries that the simulated sensor has."""
    right, top = boundary_shifts(A_MATRIX)
    c = right.shape[0] // 2
    places = range(right.shape[0] - c - 2)
    east = np.array([[right[c + j, c + i] for j in places] for i in places])
    north = np.array([[top[c + j, c + i] for j in places] for i in places])
    return DistortionMatrix(east.T, north.T) if exchanged else DistortionMatrix(north, east)


@cache
def flat():
    """Charge of a flat without the effect (electron), and the same with it."""
    charge = np.random.default_rng(7).poisson(LEVEL, (SIDE, SIDE)).astype(float)
    return charge, move_boundaries(charge, A_MATRIX).astype(np.float32)


def spot(peak, sigma=2.0):
    """Return a round spot on a faint background (electron), without and with the effect."""
    y, x = np.mgrid[-30:31, -30:31]
    charge = 1000.0 + peak * np.exp(-(x**2 + y**2) / (2 * sigma**2))
    return charge, move_boundaries(charge, A_MATRIX).astype(np.float32)


def moments(image):
    """Second moments xx and yy (pixel²) of a spot on a background of 1000 electron."""
    y, x = np.mgrid[-30:31, -30:31]
    light = np.where(np.hypot(x, y) < 12, image - 1000.0, 0.0)
    return (light * x**2).sum() / light.sum(), (light * y**2).sum() / light.sum()


def covariances(image):
    """Variance, and covariances of serial and of parallel neighbours (electron²)."""
    inner = image[MARGIN:-MARGIN, MARGIN:-MARGIN].astype(float)
    inner -= inner.mean()
    return np.array(
        [
            np.mean(inner**2),
            np.mean(inner[:, 1:] * inner[:, :-1]),
            np.mean(inner[1:] * inner[:-1]),
        ]
    )
