"""A radial gradient of the light across an amplifier, fitted and divided out."""

import numpy as np
import numpy.typing as npt
from scipy.interpolate import Akima1DInterpolator
from scipy.optimize import least_squares

from infra.instruments.layout import Box

__all__ = ["divide_by_radial_gradient"]

_BIN = 8
"""Pixels along each side of a bin."""
_MARGIN = 20
"""Pixels at the amplifier's edges that are left out of the fit."""
_NODES = 4
"""Nodes of the spline."""
_SOFT = 0.003
"""Residual (fraction of the light) from which it counts linearly and not by its square."""


def divide_by_radial_gradient(
    image: npt.NDArray[np.float32], box: Box, centre: tuple[float, float]
) -> npt.NDArray[np.float32]:
    """Divide the pixels of an amplifier by a smooth function of their distance from a centre.

    Parameters
    ----------
    image
        Trimmed flat, shape (ny, nx); not changed.
    box
        The amplifier.
    centre
        Centre (x, y) of the gradient, in pixels of the image; it may lie outside.

    Returns
    -------
    pixels
        Shape ``box.shape``; unchanged where there is too little to fit.

    Notes
    -----
    Rubin cp_pipe: an Akima spline with 4 nodes, fitted to 8 x 8 bins relative to their 95th percentile. The
    sum of absolute residuals that it minimises is here a soft one, which a defect moves as little and which
    has a derivative.
    """
    pixels = image[box.slices]
    y, x = np.mgrid[box.y0 : box.y1, box.x0 : box.x1]
    radius = np.hypot(x - centre[0], y - centre[1])
    values, radii = _binned(pixels), _binned(radius)
    usable = np.isfinite(values)
    if np.count_nonzero(usable) < 4 * _NODES:
        return pixels.copy()
    values, radii = values[usable], radii[usable]
    level = np.percentile(values, 95)
    if not level > 0:
        return pixels.copy()
    nodes = np.linspace(radii.min(), radii.max(), _NODES)
    values = values / level

    def residuals(at_nodes: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.asarray(values - Akima1DInterpolator(nodes, at_nodes)(radii))

    start = np.interp(nodes, *_profile(radii, values))
    fit = least_squares(residuals, start, loss="soft_l1", f_scale=_SOFT)
    model = Akima1DInterpolator(nodes, fit.x, extrapolate=True)(radius)
    if not (model > 0).all():
        return pixels.copy()
    return np.asarray(pixels / model, np.float32)


def _binned(pixels: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Median of each bin, as a list; the margin is smaller in a small amplifier."""
    margin = min(_MARGIN, min(pixels.shape) // 8)
    inner = pixels[margin : pixels.shape[0] - margin, margin : pixels.shape[1] - margin]
    ny, nx = inner.shape[0] // _BIN, inner.shape[1] // _BIN
    bins = inner[: ny * _BIN, : nx * _BIN].reshape(ny, _BIN, nx, _BIN).swapaxes(1, 2)
    return np.asarray(np.median(bins.reshape(ny * nx, _BIN * _BIN), axis=1), np.float64)


def _profile(
    radii: npt.NDArray[np.float64], values: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Mean radius and median value of groups of neighbouring radii."""
    groups = np.array_split(np.argsort(radii), 2 * _NODES)
    return (
        np.array([radii[group].mean() for group in groups]),
        np.array([np.median(values[group]) for group in groups]),
    )
