"""The smooth response of the optics in one amplifier."""

from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter, median_filter, uniform_filter

__all__ = ["EdgeMode", "Smoothing", "smooth_response"]

type Smoothing = Literal["mean", "gauss", "median"]
"""How neighbouring pixels are put together."""

type EdgeMode = Literal["mirror", "reflect", "nearest", "wrap"]
"""What is taken for pixels beyond the edge, as SciPy names it."""


def smooth_response(
    image: npt.NDArray[np.float64],
    usable: npt.NDArray[np.bool_],
    *,
    smoothing: Smoothing = "mean",
    window: int = 40,
    mode: EdgeMode = "mirror",
    outlier_percentile: float = 1.0,
) -> npt.NDArray[np.float64]:
    """Smooth one amplifier of a flat.

    Parameters
    ----------
    image
        Pixels divided by their median, shape (ny, nx).
    usable
        Pixels that have a value; others count as 1, shape (ny, nx).
    smoothing
        Mean or median over a square, or Gaussian weights.
    window
        Side of the square, or sigma of the Gaussian (pixels).
    mode
        What is taken for pixels beyond the edge.
    outlier_percentile
        For the mean, which outliers pull at: pixels below this percentile, and as many above, count as 1.

    Returns
    -------
    response
        Shape (ny, nx).

    Notes
    -----
    Rubin cp_pipe, CpSpectroFlatTask, after Spectractor's flats of LATISS.
    """
    values = np.where(usable, image, 1.0)
    if smoothing == "gauss":
        return np.asarray(gaussian_filter(values, sigma=window, mode=mode))
    if smoothing == "median":
        return np.asarray(median_filter(values, size=window, mode=mode))
    low, high = np.percentile(image[usable], [outlier_percentile, 100.0 - outlier_percentile])
    values[(values < low) | (values > high)] = 1.0
    return np.asarray(uniform_filter(values, size=window, mode=mode))
