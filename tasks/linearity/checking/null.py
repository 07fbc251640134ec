"""A second linearizer, solved from linearised levels: it should do nothing."""

import numpy as np
import numpy.typing as npt

from tasks.isr.linearity import linearized
from tasks.linearity.algorithm import (
    AmplifierRamp,
    DetectorRamp,
    LinearitySettings,
    PolynomialSettings,
    SplineSettings,
    TurnoffSettings,
    solve_linearity,
)

__all__ = ["null_fraction"]

type FloatArray = npt.NDArray[np.float64]

_N_NODES = 10
_N_LEVELS = 50


def null_fraction(light: FloatArray, values: FloatArray) -> float:
    """Return the largest change that a second linearizer makes, as a fraction of the level.

    Parameters
    ----------
    light
        Abscissa, shape (n,).
    values
        Linearised levels of one amplifier above its offset (adu), shape (n,); NaN where they are not usable.

    Returns
    -------
    fraction
        A common factor, which is no matter of linearity, is taken out. NaN if no second linearizer can be
        solved.

    Notes
    -----
    Rubin cp_verify solves a second linearizer too, but compares its coefficients: of a spline the largest
    correction over node, whose first node is 0; of a polynomial the second coefficient, whatever the range it
    is applied to; of a lookup table entry over index with 1 as the limit, meaning percent. Here every kind is
    judged by what it would do to the levels that were measured. A spline of 10 nodes is tried, and for fewer
    levels a square.
    """
    usable = np.isfinite(values) & np.isfinite(light) & (values > 0) & (light > 0)
    if np.count_nonzero(usable) < 4:
        return float("nan")
    ordinate = np.where(usable, values, np.nan)
    low, high = float(values[usable].min()), float(values[usable].max())
    ramp = DetectorRamp(0, light, (AmplifierRamp("", ordinate, usable, turnoff=high),))
    turnoff = TurnoffSettings(minimum_signal=0.5 * low, largest_residual=0.1)
    range_of_levels = PolynomialSettings(order=2, minimum=0.5 * low, maximum=2.0 * high)
    spline = SplineSettings(n_nodes=_N_NODES, minimum=0.5 * low)
    for settings in (
        LinearitySettings("Spline", spline=spline, turnoff=turnoff),
        LinearitySettings("Squared", polynomial=range_of_levels, turnoff=turnoff),
    ):
        second = solve_linearity(ramp, settings)
        if second.reasons:
            continue
        levels = np.linspace(low, high, _N_LEVELS)
        factors = linearized(levels, second.correction("")) / levels
        return float(np.abs(factors / np.median(factors) - 1.0).max())
    return float("nan")
