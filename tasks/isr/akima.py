"""Akima's interpolation, compiled: fitted over few nodes, evaluated at millions of pixels."""

import numpy as np
import numpy.typing as npt
from numba import njit

from infra.errors import CalprodError

__all__ = ["akima_cubics", "evaluate_akima", "interpolate_akima", "node_buckets"]

N_BUCKETS = 1024
"""Equal intervals into which the range of the nodes is cut to find a pixel's interval without a search."""

_NEGLIGIBLE = 1e-9
"""Where slopes change by less than this part of the largest change, their mean is taken."""


@njit(cache=True, nogil=True)
def akima_cubics(nodes: npt.NDArray[np.float64], values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Cubic polynomial of each interval between nodes.

    Parameters
    ----------
    nodes
        Abscissae, rising, shape (n,), n ≥ 2.
    values
        Ordinates, shape (n,).

    Returns
    -------
    cubics
        Shape (n − 1, 4): coefficients of 1, d, d², d³ with d the distance from the interval's left node.

    Notes
    -----
    Akima, J. ACM 17, 589 (1970), with his extrapolation of two slopes at either end. Two nodes make a line.
    """
    n = nodes.size
    m = np.empty(n + 3)
    for i in range(n - 1):
        m[i + 2] = (values[i + 1] - values[i]) / (nodes[i + 1] - nodes[i])
    if n == 2:
        m[:] = m[2]
    else:
        m[1] = 2.0 * m[2] - m[3]
        m[0] = 2.0 * m[1] - m[2]
        m[n + 1] = 2.0 * m[n] - m[n - 1]
        m[n + 2] = 2.0 * m[n + 1] - m[n]
    change = np.abs(np.diff(m))
    largest = 0.0
    for i in range(n):
        largest = max(largest, change[i] + change[i + 2])
    slope = np.empty(n)
    for i in range(n):
        left, right = change[i], change[i + 2]
        if left + right > _NEGLIGIBLE * largest:
            slope[i] = (right * m[i + 1] + left * m[i + 2]) / (left + right)
        else:
            slope[i] = 0.5 * (m[i + 1] + m[i + 2])
    cubics = np.empty((n - 1, 4))
    for i in range(n - 1):
        width, secant = nodes[i + 1] - nodes[i], m[i + 2]
        cubics[i, 0] = values[i]
        cubics[i, 1] = slope[i]
        cubics[i, 2] = (3.0 * secant - 2.0 * slope[i] - slope[i + 1]) / width
        cubics[i, 3] = (slope[i] + slope[i + 1] - 2.0 * secant) / (width * width)
    return cubics


@njit(cache=True, nogil=True)
def node_buckets(nodes: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """First interval that each of `N_BUCKETS` equal parts of the nodes' range can lie in, shape (N_BUCKETS,).

    Parameters
    ----------
    nodes
        Abscissae, rising, shape (n,).
    """
    first = np.empty(N_BUCKETS, np.int64)
    width = (nodes[-1] - nodes[0]) / N_BUCKETS
    interval = 0
    for i in range(N_BUCKETS):
        # One bucket early: rounding of the bucket number must never skip an interval.
        while interval < nodes.size - 2 and nodes[interval + 1] <= nodes[0] + (i - 1) * width:
            interval += 1
        first[i] = interval
    return first


@njit(cache=True, nogil=True)
def evaluate_akima(
    x: npt.NDArray[np.float64], nodes: npt.NDArray[np.float64], cubics: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Value of the interpolation at points, which are clipped to the range of the nodes first.

    Parameters
    ----------
    x
        Points, shape (m,); NaN stays NaN.
    nodes
        Abscissae, shape (n,).
    cubics
        From `akima_cubics`.

    Returns
    -------
    values
        Shape (m,).
    """
    out = np.empty(x.size)
    for k in range(x.size):
        if not np.isfinite(x[k]):
            out[k] = np.nan
            continue
        point = min(max(x[k], nodes[0]), nodes[-1])
        i = min(max(np.searchsorted(nodes, point, side="right") - 1, 0), nodes.size - 2)
        d = point - nodes[i]
        out[k] = cubics[i, 0] + d * (cubics[i, 1] + d * (cubics[i, 2] + d * cubics[i, 3]))
    return out


def interpolate_akima(
    x: npt.ArrayLike, nodes: npt.NDArray[np.float64], values: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Interpolate at points, which are clipped to the range of the nodes first.

    Parameters
    ----------
    x
        Points, any shape.
    nodes, values
        Shape (n,), n ≥ 2, nodes rising.

    Raises
    ------
    CalprodError
        Fewer than two nodes, or nodes that do not rise.
    """
    if nodes.size < 2 or nodes.shape != values.shape or not (np.diff(nodes) > 0).all():
        raise CalprodError("the nodes of a spline must rise, and each have one value", "solve it again")
    points = np.asarray(x, np.float64)
    return evaluate_akima(np.ravel(points), nodes, akima_cubics(nodes, values)).reshape(points.shape)
