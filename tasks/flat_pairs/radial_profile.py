"""The profile of a flat's light in the distance from the middle of the focal plane."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy.interpolate import CubicSpline

from infra.errors import UsageError
from infra.instruments import camera
from infra.instruments.focal_plane import pixel_positions
from infra.instruments.layout import DetectorLayout
from tasks.flat_pairs.binned_flat import BinGrid
from tasks.isr.akima import interpolate_akima

__all__ = ["divide_by_profile", "profile_basis", "profile_nodes", "with_radius"]

type FloatArray = npt.NDArray[np.float64]

FEWEST_NODES = 4
"""Nodes below which there is no cubic spline."""


def with_radius(grid: BinGrid, instrument: str, layout: DetectorLayout) -> BinGrid:
    """Return bins that know their distance from the middle of the focal plane (mm).

    Parameters
    ----------
    grid
        Bins of the detector.
    instrument, layout
        The camera and its detector.

    Raises
    ------
    infra.errors.UsageError
        It is not known where the detector stands.
    """
    x, y = (one.ravel() for one in pixel_positions(camera(instrument), layout))
    radius = np.hypot(
        np.interp(grid.x, np.arange(x.size), x),
        np.interp(grid.y, np.arange(y.size), y),
    )
    return replace(grid, radius=radius.astype(np.float32))


def profile_nodes(radius: FloatArray, n_nodes: int) -> FloatArray:
    """Nodes at equal steps over the bins (mm), shape (n_nodes,).

    Raises
    ------
    UsageError
        There are too few for a spline.
    """
    if n_nodes < FEWEST_NODES:
        raise UsageError(
            f"a radial profile of {n_nodes} nodes is no spline",
            f"set radial_nodes to {FEWEST_NODES} or more, or to 0 for no profile",
        )
    return np.linspace(float(radius.min()), float(radius.max()), n_nodes)


def profile_basis(radius: FloatArray, nodes: FloatArray) -> FloatArray:
    """Values at the bins of the splines that are 1 at one node and 0 at all others, shape (n, n_nodes)."""
    return np.asarray(CubicSpline(nodes, np.eye(nodes.size))(radius), np.float64)


def divide_by_profile(
    values: FloatArray, radius: FloatArray, nodes: FloatArray, logarithms: FloatArray
) -> FloatArray:
    """Divide the values of bins by a profile.

    Parameters
    ----------
    values, radius
        Of the bins, shape (n,).
    nodes, logarithms
        Of the profile, shape (n_nodes,); between nodes Akima's spline goes through its values.
    """
    profile = interpolate_akima(radius, nodes, np.exp(logarithms))
    return np.asarray(values / profile)
