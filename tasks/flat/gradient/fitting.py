"""The fit of the light over the focal plane to binned flats."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from infra.errors import CalprodError
from tasks.flat.gradient.least_absolute import minimise_absolute
from tasks.flat.gradient.model import FlatGradient
from tasks.flat.gradient.recipe import GradientSettings
from tasks.isr.akima import akima_cubics, evaluate_akima

__all__ = ["FocalPlaneBins", "GradientFit", "fit_gradient"]

type FloatArray = npt.NDArray[np.float64]

FEWEST = 50
"""Bins below which nothing is fitted."""

_STEP = 1e-6
"""Change of a node by which the derivative of the spline is found."""


@dataclass(frozen=True, slots=True, eq=False)
class FocalPlaneBins:
    """Binned flats of all detectors."""

    x: FloatArray
    """Position of each bin in the focal plane (mm), shape (n,)."""
    y: FloatArray
    """The same in y."""
    value: FloatArray
    """Signal, shape (n,); about 1."""
    is_itl: npt.NDArray[np.bool_]
    """Whether the sensor is an ITL, shape (n,)."""
    detector: npt.NDArray[np.int32]
    """Detector number, shape (n,)."""

    def where(self, chosen: npt.NDArray[np.bool_]) -> "FocalPlaneBins":
        """Return some of the bins."""
        return FocalPlaneBins(
            self.x[chosen], self.y[chosen], self.value[chosen], self.is_itl[chosen], self.detector[chosen]
        )


@dataclass(frozen=True, slots=True, eq=False)
class GradientFit:
    """The light over the focal plane, and how well the bins agree with it."""

    gradient: FlatGradient
    used: npt.NDArray[np.bool_]
    """Bins that took part, shape (n,)."""
    residual: FloatArray
    """Signal over model, less 1, of every bin, shape (n,)."""
    has_converged: bool
    """Whether both passes came to rest."""
    warnings: tuple[str, ...] = ()
    """What people should know."""


def fit_gradient(bins: FocalPlaneBins, settings: GradientSettings) -> GradientFit:
    """Fit the light over the focal plane.

    Parameters
    ----------
    bins
        Of all detectors; those that are not finite are left out.
    settings
        What is fitted.

    Raises
    ------
    CalprodError
        There are too few bins.

    Notes
    -----
    Rubin cp_pipe, flat gradients: the sum of absolute deviations in two passes. The first reaches to the last
    of the initial nodes and settles the ratio of the makers, the second to the last node.
    """
    warnings: list[str] = []
    normalization = _middle(bins, settings, warnings)
    scaled = replace(bins, value=bins.value / normalization)
    finite = (
        np.isfinite(scaled.value) & (scaled.value >= settings.lowest) & (scaled.value <= settings.highest)
    )
    radius = np.hypot(bins.x, bins.y)
    used = finite & (radius <= settings.nodes[-1])
    inner = scaled.where(used & (radius <= settings.initial_nodes[-1]))
    if inner.value.size < FEWEST:
        raise CalprodError(
            f"{inner.value.size} bins of the flats have a signal between {settings.lowest:g} and "
            f"{settings.highest:g} of the middle's: too few to fit the light over the focal plane",
            "make the flats of more detectors, or with smaller bins",
        )
    both = 0 < int(np.count_nonzero(inner.is_itl)) < inner.is_itl.size
    start = _start(inner, np.array(settings.initial_nodes), FlatGradient(np.zeros(2), np.zeros(2)))
    if both:
        start = replace(start, itl_ratio=_first_ratio(inner, start))
    first, first_rests = _pass(inner, start, settings, fit_ratio=both, last_is_zero=False)
    outer = scaled.where(used)
    second = _start(outer, np.array(settings.nodes), first, last_is_zero=settings.last_is_zero)
    found, second_rests = _pass(outer, second, settings, fit_ratio=False, last_is_zero=settings.last_is_zero)
    rests = first_rests and second_rests
    if not rests:
        warnings.append("the fit of the light over the focal plane did not come to rest")
    gradient = replace(found, normalization=normalization)
    with np.errstate(divide="ignore", invalid="ignore"):
        residual = scaled.value / gradient.model(bins.x, bins.y, bins.is_itl) - 1.0
    return GradientFit(gradient, used, residual, rests, tuple(warnings))


def _middle(bins: FocalPlaneBins, settings: GradientSettings, warnings: list[str]) -> float:
    """Signal that becomes 1: that of the middle, or of everything where nothing is in the middle."""
    if not settings.normalise_centre:
        return 1.0
    near = np.isfinite(bins.value) & (np.hypot(bins.x, bins.y) <= settings.centre_radius)
    if not near.any():
        near = np.isfinite(bins.value)
        warnings.append(
            f"no detector within {settings.centre_radius:g} mm of the middle has a flat: the median of all "
            "stands in for that of the middle"
        )
    middle = float(np.median(bins.value[near])) if near.any() else np.nan
    if not middle > 0:
        raise CalprodError(
            f"the flats have the signal {middle:g} in the middle of the focal plane",
            "look at the flats of the detectors there",
        )
    return middle


def _start(
    bins: FocalPlaneBins, nodes: FloatArray, known: FlatGradient, *, last_is_zero: bool = False
) -> FlatGradient:
    """First guess: the median signal about each node, the rest as known already."""
    flattened = bins.value * known.plane(bins.x, bins.y) / np.where(bins.is_itl, known.itl_ratio, 1.0)
    radius = known.radius(bins.x, bins.y)
    edges = np.concatenate([[-np.inf], 0.5 * (nodes[1:] + nodes[:-1]), [np.inf]])
    values = np.full(nodes.size, np.nan)
    for i in range(nodes.size):
        about = (radius >= edges[i]) & (radius < edges[i + 1])
        if about.any():
            values[i] = np.median(flattened[about])
    there = np.isfinite(values)
    values = np.interp(nodes, nodes[there], values[there])
    if last_is_zero:
        values[-1] = 0.0
    return replace(known, nodes=nodes, values=values)


def _first_ratio(bins: FocalPlaneBins, start: FlatGradient) -> float:
    """Ratio of the makers' median residuals where both lie well inside."""
    radius = np.hypot(bins.x, bins.y)
    inside = radius < 0.8 * radius.max()
    residual = bins.value / start.radial(bins.x, bins.y)
    parts = [residual[inside & (bins.is_itl == itl)] for itl in (True, False)]
    if min(part.size for part in parts) == 0:
        parts = [residual[bins.is_itl == itl] for itl in (True, False)]
    return float(np.median(parts[0]) / np.median(parts[1]))


def _pass(
    bins: FocalPlaneBins,
    start: FlatGradient,
    settings: GradientSettings,
    *,
    fit_ratio: bool,
    last_is_zero: bool,
) -> tuple[FlatGradient, bool]:
    """Fit what is free; return the model and whether it came to rest."""
    n_nodes = start.nodes.size - (1 if last_is_zero else 0)
    n_plane, n_shift = (2 if free else 0 for free in (settings.fit_plane, settings.fit_shift))

    def unpack(parameters: FloatArray) -> FlatGradient:
        values = start.values.copy()
        values[:n_nodes] = parameters[:n_nodes]
        rest = parameters[n_nodes:].tolist()
        slope = (rest[0], rest[1]) if n_plane else start.slope
        shift = (rest[n_plane], rest[n_plane + 1]) if n_shift else start.shift
        ratio = rest[-1] if fit_ratio else start.itl_ratio
        return replace(start, values=values, slope=slope, shift=shift, itl_ratio=ratio)

    def model(parameters: FloatArray) -> FloatArray:
        return unpack(parameters).model(bins.x, bins.y, bins.is_itl)

    def jacobian(parameters: FloatArray) -> FloatArray:
        return _derivatives(bins, unpack(parameters), n_nodes, n_plane > 0, n_shift > 0, fit_ratio)

    first = [*start.values[:n_nodes]]
    first += [*start.slope] if n_plane else []
    first += [*start.shift] if n_shift else []
    first += [start.itl_ratio] if fit_ratio else []
    fit = minimise_absolute(bins.value, model, jacobian, np.array(first))
    return unpack(fit.parameters), fit.has_converged


def _derivatives(
    bins: FocalPlaneBins, at: FlatGradient, n_nodes: int, plane: bool, shift: bool, ratio: bool
) -> FloatArray:
    """Return derivatives of the model after nodes, slope, shift and ratio, shape (n, m)."""
    radius, tilt = at.radius(bins.x, bins.y), at.plane(bins.x, bins.y)
    factor = np.where(bins.is_itl, at.itl_ratio, 1.0) / tilt
    radial = _spline(radius, at.nodes, at.values)
    columns = []
    for i in range(n_nodes):
        # An Akima spline bends with its nodes in a way that has no simple derivative; a node reaches three
        # intervals to either side.
        reach = (radius >= at.nodes[max(i - 3, 0)]) & (radius <= at.nodes[min(i + 3, at.nodes.size - 1)])
        up, down = at.values.copy(), at.values.copy()
        up[i] += _STEP
        down[i] -= _STEP
        column = np.zeros(radius.size)
        near = radius[reach]
        column[reach] = (_spline(near, at.nodes, up) - _spline(near, at.nodes, down)) / (2.0 * _STEP)
        columns.append(column * factor)
    x, y = bins.x - at.centre[0], bins.y - at.centre[1]
    if plane:
        columns += [-radial * factor / tilt * side for side in (x, y)]
    if shift:
        rise = (
            _spline(radius + 1e-4, at.nodes, at.values) - _spline(radius - 1e-4, at.nodes, at.values)
        ) / 2e-4
        away = np.maximum(radius, 1e-9)
        columns += [-rise * factor * (s - d) / away for s, d in ((x, at.shift[0]), (y, at.shift[1]))]
    if ratio:
        columns.append(np.where(bins.is_itl, radial / tilt, 0.0))
    return np.stack(columns, axis=1)


def _spline(radius: FloatArray, nodes: FloatArray, values: FloatArray) -> FloatArray:
    return evaluate_akima(radius, nodes, akima_cubics(nodes, values))
