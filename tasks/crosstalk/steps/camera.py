"""The matrices of all detectors of a camera, compared with each other."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from tasks.isr.crosstalk_matrix import CrosstalkMatrix

__all__ = ["replace_outliers"]

_MAD_TO_SIGMA = 1.4826
"""Standard deviation of a Gaussian in units of its median absolute deviation."""


def replace_outliers(
    matrices: Mapping[str, CrosstalkMatrix],
    groups: Mapping[str, str],
    *,
    linear_sigma: float = 3.0,
    quadratic_sigma: float = 6.0,
) -> dict[str, CrosstalkMatrix]:
    """Replace coefficients that stand out from those of like detectors by the medians.

    Parameters
    ----------
    matrices
        By detector.
    groups
        Kind of sensor, by detector; detectors without an entry (the wavefront sensors) stay as they are.
    linear_sigma, quadratic_sigma
        How far a coefficient may be from the median of its kind, in standard deviations estimated from the
        median absolute deviation.

    Returns
    -------
    matrices
        By detector. Where either coefficient of a pair stands out, both are replaced.

    Notes
    -----
    Rubin cp_pipe, the filter over the focal plane. A coefficient that was not measured stays so.
    """
    replaced = dict(matrices)
    for group in sorted(set(groups.values())):
        members = [name for name in matrices if groups.get(name) == group]
        linear = np.stack([matrices[name].coefficients for name in members])
        quadratic = np.stack([matrices[name].quadratic for name in members])
        linear_centre, linear_scatter = _robust(linear)
        quadratic_centre, quadratic_scatter = _robust(quadratic)
        for index, name in enumerate(members):
            outlier = np.abs(linear[index] - linear_centre) > linear_sigma * linear_scatter
            outlier |= np.abs(quadratic[index] - quadratic_centre) > quadratic_sigma * quadratic_scatter
            replaced[name] = replace(
                matrices[name],
                coefficients=np.where(outlier, linear_centre, linear[index]),
                quadratic=np.where(outlier, quadratic_centre, quadratic[index]),
            )
    return replaced


def _robust(
    values: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Median and standard deviation over the first axis; NaN where nothing was measured."""
    measured = np.isfinite(values).any(axis=0)
    safe = np.where(measured, values, 0.0)
    centre = np.nanmedian(safe, axis=0)
    scatter = _MAD_TO_SIGMA * np.nanmedian(np.abs(safe - centre), axis=0)
    return np.where(measured, centre, np.nan), np.where(measured, scatter, np.nan)
