"""The model behind a linearity spline: parameters, residuals and constraints as one vector."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from infra.errors import CalprodError
from tasks.isr.akima import akima_cubics, evaluate_akima

__all__ = ["SplineData", "SplineModel", "SplineParameters", "SplineSettings"]

type FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SplineSettings:
    """How a linearity spline is fitted."""

    n_nodes: int = 10
    """Nodes, equally spaced (Spline only); 10 for LATISS, 15 for LSSTCam."""
    minimum: float = 30.0
    """Levels must be above this (adu)."""
    fit_offset: bool = False
    """Fit an offset of the levels (adu)."""
    fit_weights: bool = False
    """Fit the pair of weight parameters."""
    weights: tuple[float, float] = (1.0, 0.0)
    """Fractional error of a point: √(w₀² + w₁² / level); start of the fit, or fixed."""
    fit_temperature: bool = False
    """Fit a coefficient of the temperature."""
    fit_time: bool = False
    """Fit a coefficient of the time."""
    largest_fraction: float = 0.25
    """Largest correction at the last node, as a fraction of the node."""
    largest_correction: float = np.inf
    """Largest correction at the last node (adu)."""
    fewest_iterations: int = 3
    """Fits made at least."""
    most_iterations: int = 20
    """Fits made at most: each rejects at most ``most_rejected`` points."""
    most_rejected: int = 5
    """Points that one fit may reject."""
    n_sigma: float = 5.0
    """Distance of a point to be rejected, in normalised median absolute deviations."""
    fewest_in_group: int = 100
    """Points a group needs, where there are several groups of photodiode charges."""


@dataclass(frozen=True, slots=True, eq=False)
class SplineData:
    """Points of one spline fit, all of them usable."""

    light: FloatArray
    """Abscissa, shape (n,), positive."""
    levels: FloatArray
    """Ordinate (adu), shape (n,), positive."""
    groups: npt.NDArray[np.int64]
    """Group of each point, 0 to n_groups − 1, shape (n,)."""
    temperature: FloatArray
    """Temperature minus its median, shape (n,); zeros if not known."""
    time: FloatArray
    """MJD minus its median, shape (n,); zeros if not known."""
    nodes: FloatArray
    """Positions of the nodes (adu), rising from 0, shape (n_nodes,)."""
    ptc_turnoff: float
    """The mean correction from 0 to here is 0 (adu)."""


@dataclass(frozen=True, slots=True, eq=False)
class SplineParameters:
    """Parameters of one spline fit."""

    values: FloatArray
    """Correction at the nodes (adu), shape (n_nodes,); the first is 0."""
    slopes: FloatArray
    """Level by light of each group, shape (n_groups,)."""
    offset: float = 0.0
    """Offset of the levels (adu)."""
    weights: tuple[float, float] = (1.0, 0.0)
    """See `SplineSettings.weights`."""
    temperature: float = 0.0
    """Relative change of the level per degree."""
    time: float = 0.0
    """Relative change of the level per day."""


class SplineModel:
    """Residuals of points and constraints as a function of one vector of numbers of order 1.

    Parameters
    ----------
    data
        The points.
    settings
        Which parameters are free.
    start
        Values of those that are not, and scales of those that are.

    Notes
    -----
    Astier's model as in Rubin cp_pipe: residual w [(μ − S(μ) − O) / (k D) − 1] with μ the level with its
    dependence on temperature and time taken out, S the Akima spline over the nodes, O an offset and k the
    slope of the point's group. Constraints follow the points: the mean of S up to the turnoff of the photon
    transfer curve is 0, which separates it from the slopes; the correction at the last node is bounded; free
    weights pay for themselves as in a Gaussian likelihood. S(0) = 0 is not a constraint of great weight, as
    there, but built in: the first node value is no parameter.
    """

    def __init__(self, data: SplineData, settings: SplineSettings, start: SplineParameters) -> None:
        if settings.fit_weights and min(start.weights) <= 0:
            raise CalprodError(
                f"cannot fit weights from a start of {start.weights}", "start both weight parameters above 0"
            )
        self.data, self.settings, self.start = data, settings, start
        self.n_values, self.n_slopes = data.nodes.size - 1, start.slopes.size
        self._value_scale = 1e-3 * float(data.nodes[-1])
        self._grid = np.linspace(0.0, min(data.ptc_turnoff, data.nodes[-1]), 100)
        self._largest_weight = float(self._weights(data.levels, start.weights).max())
        self._free = [
            (name, count, scale)
            for name, count, scale, is_free in (
                ("offset", 1, 1.0, settings.fit_offset),
                ("weights", 2, 1.0, settings.fit_weights),
                ("temperature", 1, 1e-3, settings.fit_temperature),
                ("time", 1, 1e-3, settings.fit_time),
            )
            if is_free
        ]

    @property
    def n_parameters(self) -> int:
        """Length of the vector."""
        return self.n_values + self.n_slopes + sum(count for _, count, _ in self._free)

    @property
    def n_nuisance(self) -> int:
        """Parameters besides node values and slopes."""
        return self.n_parameters - self.n_values - self.n_slopes

    def scales(self) -> FloatArray:
        """Return the unit of each element of the vector."""
        nuisance = [
            np.array(self.start.weights) if name == "weights" else np.full(count, scale)
            for name, count, scale in self._free
        ]
        return np.concatenate([np.full(self.n_values, self._value_scale), self.start.slopes, *nuisance])

    def pack(self, parameters: SplineParameters) -> FloatArray:
        """Vector of parameters."""
        nuisance = [np.atleast_1d(getattr(parameters, name)) for name, _, _ in self._free]
        return np.concatenate([parameters.values[1:], parameters.slopes, *nuisance]) / self.scales()

    def unpack(self, vector: FloatArray) -> SplineParameters:
        """Parameters of a vector; those that are not free as at the start."""
        numbers = vector * self.scales()
        values = np.concatenate([[0.0], numbers[: self.n_values]])
        slopes = numbers[self.n_values : self.n_values + self.n_slopes]
        found = {name: getattr(self.start, name) for name in ("offset", "weights", "temperature", "time")}
        place = self.n_values + self.n_slopes
        for name, count, _ in self._free:
            part = numbers[place : place + count]
            found[name] = (abs(float(part[0])), abs(float(part[1]))) if name == "weights" else float(part[0])
            place += count
        return SplineParameters(values, slopes, **found)

    def points(self, parameters: SplineParameters) -> FloatArray:
        """Weighted residuals of all points, shape (n,)."""
        data = self.data
        levels = data.levels * (1.0 + parameters.temperature * data.temperature)
        levels *= 1.0 + parameters.time * data.time
        correction = evaluate_akima(levels, data.nodes, akima_cubics(data.nodes, parameters.values))
        model = parameters.slopes[data.groups] * data.light
        ratio = (levels - correction - parameters.offset) / model
        return np.asarray(self._weights(data.levels, parameters.weights) * (ratio - 1.0))

    def residuals(self, vector: FloatArray, good: npt.NDArray[np.bool_]) -> FloatArray:
        """Residuals of the good points, zeros for the others, and the constraints.

        Parameters
        ----------
        vector
            From `pack`.
        good
            Points that count, shape (n,).
        """
        parameters = self.unpack(vector)
        cubics = akima_cubics(self.data.nodes, parameters.values)
        mean = evaluate_akima(self._grid, self.data.nodes, cubics).mean()
        last = abs(parameters.values[-1])
        limit = min(self.settings.largest_fraction * self.data.nodes[-1], self.settings.largest_correction)
        parts = [
            np.where(good, self.points(parameters), 0.0),
            np.array([1e3 * mean, 1e10 if last > limit else 0.0]),
        ]
        if self.settings.fit_weights:
            # −2 ln w of the likelihood; a thousandth, so that the root stays real while weights grow.
            weights = self._weights(self.data.levels, parameters.weights) / self._largest_weight
            price = np.sqrt(np.maximum(-2.0 * np.log(1e-3 * weights), 0.0))
            parts.append(np.where(good, price, 0.0))
        return np.concatenate(parts)

    @staticmethod
    def _weights(levels: FloatArray, weights: tuple[float, float]) -> FloatArray:
        """Inverse of the fractional error of each point."""
        return np.asarray(1.0 / np.sqrt(weights[0] ** 2 + weights[1] ** 2 / levels))
