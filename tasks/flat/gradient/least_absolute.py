"""Least sum of absolute deviations, of a model that is smooth in its parameters."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["AbsoluteFit", "minimise_absolute"]

type FloatArray = npt.NDArray[np.float64]

MOST_STEPS = 300
"""Steps after which the search ends in any case."""

_RELATIVE = 1e-7
"""Relative improvement below which a step counts as none."""

_ROUNDING = 0.01
"""The absolute value is rounded off within this part of the median deviation."""

_EXACT = 1e-9
"""Deviation, relative to the data, that counts as none."""

_PATIENCE = 3
"""Steps without improvement after which it is over."""


@dataclass(frozen=True, slots=True, eq=False)
class AbsoluteFit:
    """What a fit came to."""

    parameters: FloatArray
    """Shape (m,)."""
    mean_deviation: float
    """Mean absolute deviation of the data from the model."""
    has_converged: bool
    """Whether a better place was looked for until there was none."""


def minimise_absolute(
    data: FloatArray,
    model: Callable[[FloatArray], FloatArray],
    jacobian: Callable[[FloatArray], FloatArray],
    start: FloatArray,
) -> AbsoluteFit:
    """Find the parameters for which Σ |data − model| is least.

    Parameters
    ----------
    data
        Shape (n,).
    model
        Values, shape (n,), from parameters, shape (m,).
    jacobian
        Derivatives, shape (n, m), from parameters.
    start
        First parameters.

    Notes
    -----
    Gauss-Newton steps on squares weighted with the inverse of the deviation, damped where the data do not
    tell a parameter, which then keeps its value. Rubin cp_pipe minimises the same sum with L-BFGS-B and
    numerical derivatives of the whole, which needs thousands of evaluations.
    """
    parameters, values = start, model(start)
    cost = float(np.abs(data - values).mean())
    damping, idle = 1e-9, 0
    exact = _EXACT * float(np.abs(data).mean())
    for _ in range(MOST_STEPS):
        deviation = data - values
        size = np.abs(deviation)
        weight = 1.0 / np.maximum(size, max(_ROUNDING * float(np.median(size)), 1e-14))
        slopes = jacobian(parameters)
        weighted = slopes * weight[:, np.newaxis]
        matrix, right = slopes.T @ weighted, weighted.T @ deviation
        diagonal = np.diag(matrix).copy()
        diagonal[diagonal == 0] = 1.0
        step = np.linalg.solve(matrix + np.diag(damping * diagonal), right)
        parameters, values, new, length = _along(data, model, parameters, step, cost, values)
        damping = min(damping * 100.0, 1e2) if length == 0.0 else max(damping / 10.0, 1e-12)
        idle = idle + 1 if new >= cost * (1.0 - _RELATIVE) else 0
        cost = new
        if idle >= _PATIENCE or cost < exact:
            return AbsoluteFit(parameters, cost, True)
    return AbsoluteFit(parameters, cost, False)


def _along(
    data: FloatArray,
    model: Callable[[FloatArray], FloatArray],
    parameters: FloatArray,
    step: FloatArray,
    cost: float,
    values: FloatArray,
) -> tuple[FloatArray, FloatArray, float, float]:
    """Go as far along a step as the sum gets less; stay where it does not."""
    length = 1.0
    while length > 1e-4:
        tried = parameters + length * step
        there = model(tried)
        new = float(np.abs(data - there).mean())
        if np.isfinite(new) and new < cost:
            return tried, there, new, length
        length /= 2.0
    return parameters, values, cost, 0.0
