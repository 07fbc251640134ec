"""How many nodes the noise of a ramp supports."""

from dataclasses import replace

import numpy as np

from tasks.linearity.fitting.nodes import supported_nodes
from tasks.linearity.fitting.robust import mad_sigma
from tasks.linearity.fitting.spline_fit import SplineFit, fit_spline
from tasks.linearity.fitting.spline_model import SplineData, SplineSettings

__all__ = ["fit_chosen_nodes"]

_FEWEST_NODES = 3
_FARTHEST = 5.0
"""A residual counts for no more than this many normalised median absolute deviations."""


def fit_chosen_nodes(
    data: SplineData, settings: SplineSettings, turnoff: float, n_outer: int = 1
) -> SplineFit:
    """Fit a linearity spline with as many of its nodes as the points speak for.

    Parameters
    ----------
    data
        The points, and the nodes wanted.
    settings
        How to fit. With fitted weights, whose residuals cannot be compared, all nodes are kept.
    turnoff, n_outer
        As for `tasks.linearity.fitting.spline_fit.fit_spline`.

    Returns
    -------
    fit
        Of all nodes, or of as many, half as many, a quarter, … at equal distances, where an Akima spline
        renders a square, the commonest non-linearity, exactly.

    Notes
    -----
    Rubin cp_pipe fits all nodes whatever the noise. Where the exposure time stands for the light and the lamp
    flickers by 0.3 %, nodes every 3000 adu follow the flicker, and the correction does more harm than the
    non-linearity. The number of nodes here is that of the least Bayesian information criterion,
    n ln(sum of squares / n) + k ln n for n points and k parameters (Schwarz 1978).
    """
    best = fit_spline(data, settings, turnoff, n_outer)
    if settings.fit_weights or not np.isfinite(best.parameters.values).all():
        return best
    limit = _FARTHEST * mad_sigma(best.deviations[best.good])
    lowest, size = _criterion(best, limit), data.nodes.size
    tried = {data.nodes.tobytes()}
    while size >= _FEWEST_NODES:
        nodes = supported_nodes(np.linspace(0.0, data.nodes[-1], size), data.levels)
        size //= 2
        if nodes.tobytes() in tried:
            continue
        tried.add(nodes.tobytes())
        fit = fit_spline(replace(data, nodes=nodes), settings, turnoff, n_outer)
        criterion = _criterion(fit, limit)
        if criterion <= lowest and np.isfinite(fit.parameters.values).all():
            best, lowest = fit, criterion
    return best


def _criterion(fit: SplineFit, limit: float) -> float:
    """Bayesian information criterion of a fit; ``limit`` keeps outliers from deciding."""
    n = fit.deviations.size
    squares = float(np.minimum(fit.deviations**2, limit**2).sum()) if limit > 0 else 0.0
    # Noise below the rounding of the least squares is no reason for nodes.
    return n * float(np.log(max(squares / n, 1e-18))) + fit.vector.size * float(np.log(n))
