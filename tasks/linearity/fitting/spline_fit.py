"""The fit of a linearity spline: start, least squares, rejection of outliers."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.optimize import leastsq

from tasks.linearity.fitting.robust import mad_sigma
from tasks.linearity.fitting.spline_model import SplineData, SplineModel, SplineParameters, SplineSettings
from tasks.linearity.fitting.turnoff import slope_through_origin

__all__ = ["SplineFit", "fit_spline"]

type FloatArray = npt.NDArray[np.float64]

_TOLERANCE = 1e-8
"""Of the sum of squares: Rubin's 1e-5 stops short of the node values' own errors."""


@dataclass(frozen=True, slots=True, eq=False)
class SplineFit:
    """A fitted linearity spline."""

    nodes: FloatArray
    """Positions of the nodes (adu), shape (n_nodes,)."""
    parameters: SplineParameters
    """What was fitted."""
    vector: FloatArray
    """[node values, slopes, nuisance parameters], in their units; the first node value, 0, is included."""
    errors: FloatArray
    """Standard errors, same shape; 0 for the first node value."""
    good: npt.NDArray[np.bool_]
    """Points that were not rejected, shape (n,)."""
    reduced_chi_squared: float
    """Of the good points; near 1 if the weights are the inverse errors."""
    deviations: FloatArray
    """Weighted residuals of all points, shape (n,)."""


def fit_spline(data: SplineData, settings: SplineSettings, turnoff: float, n_outer: int = 1) -> SplineFit:
    """Fit a linearity spline.

    Parameters
    ----------
    data
        The points.
    settings
        How to fit.
    turnoff
        Turnoff of the ramp (adu), below which the start of the slopes is sought.
    n_outer
        Rounds: after each but the last, what was found of groups, offset, temperature and time is taken out
        of the points, and the fit starts anew.

    Notes
    -----
    Rubin cp_pipe. Of the points farther than 5 normalised median absolute deviations at most the five worst
    are rejected after each fit, for good. The errors are the covariance of the fit times its reduced χ².
    """
    fit = _fit_once(data, settings, turnoff)
    factors, earlier = np.ones_like(fit.parameters.slopes), fit.parameters
    for _ in range(n_outer - 1):
        factors = factors * fit.parameters.slopes / fit.parameters.slopes.mean()
        data = _folded(data, fit.parameters)
        fit = _fit_once(data, settings, turnoff)
        new = fit.parameters
        earlier = replace(
            new,
            offset=earlier.offset + new.offset,
            temperature=_product(earlier.temperature, new.temperature),
            time=_product(earlier.time, new.time),
        )
    total = replace(earlier, slopes=factors * earlier.slopes)
    return replace(fit, parameters=total, vector=_vector(total, settings))


def _fit_once(data: SplineData, settings: SplineSettings, turnoff: float) -> SplineFit:
    """One start, and fits until nothing is rejected."""
    model = SplineModel(data, settings, _start(data, settings, turnoff))
    vector = model.pack(model.start)
    good = np.ones(data.levels.size, np.bool_)
    covariance = None
    for i in range(settings.most_iterations):
        vector, covariance, *_ = leastsq(
            model.residuals, vector, (good,), full_output=True, ftol=_TOLERANCE, maxfev=12_000
        )
        residuals = np.abs(model.points(model.unpack(vector)))
        cut = settings.n_sigma * mad_sigma(model.points(model.unpack(vector))[good])
        far = np.flatnonzero(good & (residuals > cut))
        # Never so many that the parameters are left undetermined.
        spare = int(np.count_nonzero(good)) - model.n_parameters - 1
        worst = far[np.argsort(residuals[far])[::-1][: min(settings.most_rejected, max(spare, 0))]]
        good[worst] = False
        if worst.size == 0 and i + 1 >= settings.fewest_iterations:
            break
    parameters = model.unpack(vector)
    freedom = int(np.count_nonzero(good)) - model.n_slopes - model.n_nuisance
    # The node values count too, which Rubin's degrees of freedom leave out; one is the constraint's.
    freedom -= model.n_values - 1
    deviations = model.points(parameters)
    points = deviations[good]
    chi_squared = float((points**2).sum() / freedom) if freedom > 0 else np.nan
    errors = np.full(model.n_parameters, np.nan)
    if covariance is not None:
        errors = np.sqrt(np.abs(np.diag(covariance)) * chi_squared) * model.scales()
    return SplineFit(
        data.nodes,
        parameters,
        _vector(parameters, settings),
        np.concatenate([[0.0], errors]),
        good,
        chi_squared,
        deviations,
    )


def _start(data: SplineData, settings: SplineSettings, turnoff: float) -> SplineParameters:
    """Straight lines through the lower points, and what the points above miss them by."""
    slopes = np.empty(int(data.groups.max()) + 1)
    for group in range(slopes.size):
        own = data.groups == group
        low = own & (data.levels < 0.8 * turnoff)
        if not low.any():
            low = own & (data.levels <= np.quantile(data.levels[own], 0.25))
        slopes[group] = slope_through_origin(data.light[low], data.levels[low])
    ratios = data.levels / (slopes[data.groups] * data.light)
    typical = float(np.median(ratios))
    slopes, ratios = slopes * typical, ratios / typical
    # The bin of a node reaches half-way to its neighbours.
    edges = 0.5 * (data.nodes[1:] + data.nodes[:-1])
    nearest = np.searchsorted(edges, data.levels)
    counts = np.bincount(nearest, minlength=data.nodes.size)
    sums = np.bincount(nearest, weights=ratios - 1.0, minlength=data.nodes.size)
    values = np.where(data.nodes > 0, sums / np.maximum(counts, 1) * data.nodes, 0.0)
    seen = (counts > 0) | (data.nodes == 0)
    values = np.interp(data.nodes, data.nodes[seen], values[seen])
    limit = 0.5 * min(settings.largest_fraction * data.nodes[-1], settings.largest_correction)
    return SplineParameters(np.clip(values, -limit, limit), slopes, weights=settings.weights)


def _folded(data: SplineData, found: SplineParameters) -> SplineData:
    """Points with the groups' proportions, offset, temperature and time taken out."""
    factors = found.slopes / found.slopes.mean()
    levels = data.levels * (1.0 + found.temperature * data.temperature) * (1.0 + found.time * data.time)
    return replace(data, light=data.light * factors[data.groups], levels=levels - found.offset)


def _product(first: float, second: float) -> float:
    """Coefficient of two changes made one after the other."""
    return first + second + first * second


def _vector(parameters: SplineParameters, settings: SplineSettings) -> FloatArray:
    """All fitted numbers in their units."""
    parts = [parameters.values, parameters.slopes]
    parts += [np.array([parameters.offset])] if settings.fit_offset else []
    parts += [np.array(parameters.weights)] if settings.fit_weights else []
    parts += [np.array([parameters.temperature])] if settings.fit_temperature else []
    parts += [np.array([parameters.time])] if settings.fit_time else []
    return np.concatenate(parts)
