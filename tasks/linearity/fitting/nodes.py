"""Where the nodes of a linearity spline stand."""

from math import ceil

import numpy as np
import numpy.typing as npt

__all__ = ["distinct_levels", "node_positions", "supported_nodes"]

_SAME_LEVEL = 0.005
"""Points nearer to each other than this fraction say nothing about the curve between them."""


def node_positions(
    low_threshold: float,
    ptc_turnoff: float,
    turnoff: float,
    *,
    first: float = 100.0,
    low_size: float = 750.0,
    mid_size: float = 5000.0,
    high_size: float = 2000.0,
) -> npt.NDArray[np.float64]:
    """Positions of the nodes of a spline of the DoubleSpline kind.

    Parameters
    ----------
    low_threshold
        Level (adu) below which the response changes fast; 0 for no such range.
    ptc_turnoff
        Turnoff of the photon transfer curve (adu).
    turnoff
        Highest level to be corrected (adu).
    first
        First node after 0 in the low range (adu).
    low_size, mid_size, high_size
        Largest distance of nodes below ``low_threshold``, up to ``ptc_turnoff`` and beyond (adu).

    Returns
    -------
    nodes
        Strictly rising from 0, shape (n,) (adu); the three levels are among them, exactly.

    Notes
    -----
    Rubin cp_pipe ("noderator"): at least 2, 5 and 3 nodes in the three ranges.
    """
    nodes = np.zeros(0)
    start = 0.0
    if low_threshold > first:
        count = max(2, ceil((low_threshold - first) / low_size))
        nodes = np.concatenate([[0.0], np.linspace(first, low_threshold, count)[:-1]])
        start = low_threshold
    nodes = np.concatenate(
        [nodes, np.linspace(start, ptc_turnoff, max(5, ceil((ptc_turnoff - start) / mid_size)))]
    )
    if turnoff > ptc_turnoff:
        count = max(3, ceil((turnoff - ptc_turnoff) / high_size))
        nodes = np.concatenate([nodes, np.linspace(ptc_turnoff, turnoff, count)[1:]])
    return nodes


def distinct_levels(levels: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Levels that differ from the next lower one by more than half a percent.

    Parameters
    ----------
    levels
        Positive, shape (n,).

    Returns
    -------
    distinct
        Rising, shape (m,).
    """
    ordered = np.sort(levels)
    return ordered[np.concatenate([[True], np.diff(ordered) > _SAME_LEVEL * ordered[1:]])[: ordered.size]]


def supported_nodes(
    nodes: npt.NDArray[np.float64], levels: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Nodes that the points of a ramp can determine.

    Parameters
    ----------
    nodes
        Wanted positions (adu), rising from 0, shape (n,).
    levels
        Levels of the points (adu), positive, shape (m,).

    Returns
    -------
    nodes
        Those of the wanted ones, the first and the last among them, that leave two distinct levels in every
        interval.

    Notes
    -----
    Rubin cp_pipe fits every node whatever the ramp. Where its steps are wider than the nodes, values between
    the points are then arbitrary, and wild ones reach the images.
    """
    distinct = distinct_levels(levels)
    kept = [0]
    for i in range(1, nodes.size):
        inside = (distinct > nodes[kept[-1]]) & (distinct <= nodes[i])
        if np.count_nonzero(inside) > 1:
            kept.append(i)
    if len(kept) > 1:
        kept.pop()
    return nodes[[*kept, nodes.size - 1]]
