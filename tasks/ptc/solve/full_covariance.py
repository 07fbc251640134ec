"""All covariances against the mean: gain, a, b and noise matrices in one least-squares fit."""

import numpy as np
import numpy.typing as npt
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from tasks.flat_pairs.blas import one_thread
from tasks.ptc.solve.model import CovarianceFit, FitRefused, FitUnsettled
from tasks.ptc.solve.polynomial import CovarianceParameters, LinearisedModel, coefficients, linearise
from tasks.ptc.solve.reduction import DEGREE, ReducedPoints, reduce_points

__all__ = ["covariance_model", "fit_covariances"]

type FloatArray = npt.NDArray[np.float64]

_MOST_STEPS = 200
_CONVERGED = 1e-7
"""Gain in χ² of a step below which the fit has arrived: no parameter is then off by 1e-3 of its error."""
_LEAST_PIVOT = 1e-6
"""Pivot of the normal matrix of unit diagonal below which a parameter counts as not fixed."""


def covariance_model(
    means: FloatArray, parameters: CovarianceParameters, noise_matrix: FloatArray
) -> FloatArray:
    """Covariances that the model gives.

    Parameters
    ----------
    means
        Mean signals (adu), shape (n,).
    parameters
        Gain, a and c = a·b.
    noise_matrix
        Covariances of the read noise (electron²), shape (r, r).

    Returns
    -------
    covariances
        adu², shape (n, r, r).

    Notes
    -----
    Astier et al. 2019 (A&A 629, A36), eq. 20, with c = a·b in place of b, and signal μ' = g μ in electron:

        C_ij = (μ'/g²) [a μ' + ⅔ (a⊗a + c) μ'² + (⅓ a⊗a⊗a + ⅚ a⊗c) μ'³]_ij + n_ij/g² + δ_i0 δ_j0 μ/g

    Convolutions are taken about lag zero. cp_pipe takes the place of the largest \\|a\\| for it, which is the
    same for every real sensor, but not for one without a brighter-fatter effect.
    """
    powers = np.asarray(means, np.float64)[:, None] ** np.arange(1, DEGREE + 1)
    varying = powers @ coefficients(parameters)
    side = parameters.side
    return (varying + noise_matrix.ravel() / parameters.gain**2).reshape(-1, side, side)


def fit_covariances(
    means: FloatArray,
    covariances: FloatArray,
    sqrt_weights: FloatArray,
    *,
    start_gain: float,
    with_b: bool = True,
) -> CovarianceFit:
    """Fit all covariances of one amplifier at once.

    Parameters
    ----------
    means
        Mean of each kept pair (adu), shape (n,).
    covariances
        adu², shape (n, r, r), [serial lag][parallel lag].
    sqrt_weights
        Reciprocal standard errors (1/adu²), shape (n, r, r); 0 leaves a covariance out.
    start_gain
        First guess of the gain (electron/adu), as the exponential fit gives it.
    with_b
        Fit b too; otherwise b is 0.

    Returns
    -------
    fit
        Errors are scaled by √(χ²/dof), as those of the exponential fit.

    Raises
    ------
    FitRefused
        There are fewer points than lags in a row, none at some lag, or they do not fix all parameters.
    FitUnsettled
        They fix some so loosely that no minimum is found.

    Notes
    -----
    At every lag the model is a polynomial of the fourth degree in the mean, so that the data are gathered
    once (`reduce_points`) and the steps of the fit do not touch the points: its time does not grow with
    their number. The noise matrix is the constant term of that polynomial, free at every lag, and eliminated
    in closed form. The rest is solved by damped Gauss-Newton steps with exact derivatives.
    """
    n, side = covariances.shape[0], covariances.shape[1]
    if n < side:
        raise FitRefused(f"{n} usable pairs, fewer than the {side} lags of the covariance fit")
    points = reduce_points(means, covariances.reshape(n, -1), sqrt_weights.reshape(n, -1))
    empty = np.flatnonzero(points.constant[:, 0] == 0)
    if empty.size:
        raise FitRefused(f"no pair gives a covariance at lag {divmod(int(empty[0]), side)}")
    vector = np.zeros(1 + side**2 * (2 if with_b else 1))
    vector[0] = start_gain
    vector[1 : 1 + side**2] = _curvatures(points, start_gain)
    with one_thread():
        return _result(points, *_descend(points, vector, side), side)


def _unpack(vector: FloatArray, side: int) -> CovarianceParameters:
    """Parameters out of a vector: gain, a, and c where there is one."""
    n, square = side**2, (side, side)
    c = vector[1 + n :] if vector.size > 1 + n else np.zeros(n)
    return CovarianceParameters(float(vector[0]), vector[1 : 1 + n].reshape(square), c.reshape(square))


def _curvatures(points: ReducedPoints, gain: float) -> FloatArray:
    """First guess of a: the weighted parabola at each lag, the slope at lag zero being 1/gain."""
    left = points.values.copy()
    left[0] -= points.triangle[0, :, 0] * points.scale / gain
    column = points.triangle[:, :, 1]
    norm = np.maximum(np.einsum("lk,lk->l", column, column), np.finfo(float).tiny)
    return np.einsum("lk,lk->l", column, left) / norm / points.scale**2


def _residuals(points: ReducedPoints, theta: FloatArray) -> FloatArray:
    """Residuals of the reduced systems, shape (lags, 4)."""
    scaled = theta * points.scale ** np.arange(1, DEGREE + 1)[:, None]
    return np.einsum("lik,kl->li", points.triangle, scaled) - points.values


def _jacobian(points: ReducedPoints, model: LinearisedModel, n_parameters: int) -> FloatArray:
    """Slope of the residuals, shape (4 lags, parameters)."""
    n_lags = points.values.shape[0]
    triangle = points.triangle * points.scale ** np.arange(1, DEGREE + 1)
    result = np.empty((DEGREE, n_lags, n_parameters))
    every = np.arange(n_lags)
    for i in range(DEGREE):
        third, fourth = triangle[:, i, 2, None], triangle[:, i, 3, None]
        result[i, :, 0] = np.einsum("lk,kl->l", triangle[:, i], model.by_gain)
        result[i, :, 1 : 1 + n_lags] = third * model.by_a[0] + fourth * model.by_a[1]
        result[i, every, 1 + every] += triangle[:, i, 1]
        if n_parameters > 1 + n_lags:
            result[i, :, 1 + n_lags :] = third * model.by_c[0] + fourth * model.by_c[1]
    return result.reshape(-1, n_parameters)


def _descend(points: ReducedPoints, vector: FloatArray, side: int) -> tuple[FloatArray, int]:
    """Damped Gauss-Newton steps down to the minimum; the vector there, and the number of steps."""
    damping = 0.0
    model = linearise(_unpack(vector, side))
    residuals = _residuals(points, model.coefficients)
    chi_squared = float(np.sum(residuals**2))
    for step_number in range(1, _MOST_STEPS + 1):
        jacobian = _jacobian(points, model, vector.size)
        normal, scale = _normal_matrix(jacobian)
        gradient = (jacobian.T @ residuals.T.ravel()) / scale
        while True:
            damped = normal + damping * np.eye(vector.size)
            step = -cho_solve(cho_factor(damped), gradient) / scale
            candidate = linearise(_unpack(vector + step, side))
            moved = _residuals(points, candidate.coefficients)
            lower = float(np.sum(moved**2))
            if vector[0] + step[0] > 0 and lower <= chi_squared + _CONVERGED:
                break
            damping = max(10.0 * damping, 1e-4)
            if damping > 1e10:
                raise FitRefused("the covariance fit finds no way down")
        gained = chi_squared - lower
        predicted = chi_squared - float(np.sum((residuals.T.ravel() + jacobian @ step) ** 2))
        vector, model, residuals, chi_squared = vector + step, candidate, moved, lower
        if predicted <= _CONVERGED and _decrement(normal, gradient) <= _CONVERGED:
            return vector, step_number
        if gained < 0.25 * predicted:
            damping = max(4.0 * damping, 1e-4)
        elif gained > 0.75 * predicted:
            damping = damping / 10.0 if damping > 1e-6 else 0.0
    raise FitUnsettled(f"the covariance fit does not settle in {_MOST_STEPS} steps")


def _decrement(normal: FloatArray, gradient: FloatArray) -> float:
    """How far chi² would fall by a step without damping, which makes steps small far from the minimum too.

    Near the minimum what a step gains is lost in rounding, and says nothing of how much damping is right.
    """
    return float(gradient @ cho_solve(cho_factor(normal), gradient))


def _normal_matrix(jacobian: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the normal matrix of unit diagonal, and the scale of each parameter."""
    normal = jacobian.T @ jacobian
    scale = np.sqrt(np.diag(normal))
    if not (scale > 0).all() or not np.isfinite(scale).all():
        raise FitRefused("the points do not fix all covariance parameters")
    normal /= np.outer(scale, scale)
    try:
        pivots = np.diag(cho_factor(normal)[0])
    except LinAlgError:
        pivots = np.zeros(1)
    if pivots.min() < _LEAST_PIVOT:
        raise FitRefused("the flux levels do not fix all covariance parameters")
    return normal, scale


def _result(points: ReducedPoints, vector: FloatArray, n_steps: int, side: int) -> CovarianceFit:
    """Fit with the constant terms put back, and with errors."""
    parameters, square, n = _unpack(vector, side), (side, side), side**2
    model = linearise(parameters)
    jacobian = _jacobian(points, model, vector.size)
    normal, scale = _normal_matrix(jacobian)
    inverse = cho_solve(cho_factor(normal), np.eye(vector.size)) / np.outer(scale, scale)
    powers = points.scale ** np.arange(1, DEGREE + 1)
    row = points.constant[:, 1:] * powers / points.constant[:, :1]
    constant = points.constant_value / points.constant[:, 0] - np.einsum("lk,kl->l", row, model.coefficients)
    gain = parameters.gain
    # Derivative of n = g² · constant by gain, a and c; the constant's own error comes on top.
    by_parameter = np.zeros((n, vector.size))
    by_parameter[:, 0] = 2.0 * gain * constant - gain**2 * np.einsum("lk,kl->l", row, model.by_gain)
    by_a = row[:, 2, None] * model.by_a[0] + row[:, 3, None] * model.by_a[1] + np.diag(row[:, 1])
    by_parameter[:, 1 : 1 + n] = -(gain**2) * by_a
    if vector.size > 1 + n:
        by_c = row[:, 2, None] * model.by_c[0] + row[:, 3, None] * model.by_c[1]
        by_parameter[:, 1 + n :] = -(gain**2) * by_c
    noise_variance = gain**4 / points.constant[:, 0] ** 2
    noise_variance += np.einsum("lp,pq,lq->l", by_parameter, inverse, by_parameter, optimize=True)
    chi_squared = float(np.sum(_residuals(points, model.coefficients) ** 2)) + points.misfit
    dof = points.n_points - vector.size - n
    reduced = np.sqrt(chi_squared / dof) if dof > 0 else np.nan
    errors = np.sqrt(np.diag(inverse)) * reduced
    return CovarianceFit(
        gain=gain,
        a_matrix=parameters.a_matrix,
        c_matrix=parameters.c_matrix,
        noise_matrix=gain**2 * constant.reshape(square),
        gain_error=float(errors[0]),
        a_error=errors[1 : 1 + n].reshape(square),
        c_error=errors[1 + n :].reshape(square) if vector.size > 1 + n else np.zeros(square),
        noise_matrix_error=(np.sqrt(noise_variance) * reduced).reshape(square),
        chi_squared=chi_squared,
        degrees_of_freedom=dof,
        n_iterations=n_steps,
    )
