"""The signal at which the curve begins to bend off, short of the turnoff."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import least_squares

from tasks.ptc.solve.exponential import exponential_variance

__all__ = ["Rolloff", "find_rolloff", "rolloff_loss"]

type FloatArray = npt.NDArray[np.float64]

START_TAU = -1200.0
TAU_BOUNDS = (-10_000.0, -100.0)
BELOW_TURNOFF = 20_000.0
"""How far below the turnoff the bend may begin (adu)."""
ABOVE_TURNOFF = 5_000.0
"""How far above the turnoff points take part (adu)."""


@dataclass(frozen=True, slots=True)
class Rolloff:
    """Where the curve begins to bend off."""

    mean: float
    """Highest mean at which the bend takes no more than the tolerance (adu), at most the turnoff."""
    error: float
    """Standard error of the point where the bend begins (adu); NaN when none was fitted."""
    tau: float
    """Scale of the bend (adu), below 0; NaN when none was fitted."""
    tau_error: float
    """adu."""


def rolloff_loss(means: FloatArray, begin: float, tau: float) -> FloatArray:
    """Variance that the bend takes away (adu²): exp(−(μ − begin)/τ) − 1 above its beginning, else 0.

    Parameters
    ----------
    means
        adu, any shape.
    begin
        Mean at which the bend begins (adu).
    tau
        Its scale (adu), below 0.
    """
    return np.expm1(np.clip(-(means - begin) / tau, 0.0, 600.0))


def find_rolloff(
    means: FloatArray,
    variances: FloatArray,
    kept: npt.NDArray[np.bool_],
    turnoff: float,
    parameters: FloatArray,
    tolerance: float = 0.01,
) -> Rolloff:
    """Fit the bend between the curve and its turnoff.

    Parameters
    ----------
    means, variances
        Of all pairs (adu, adu²), shape (n,).
    kept
        Points that follow the curve, shape (n,).
    turnoff
        Highest kept mean (adu).
    parameters
        a₀₀ (1/electron), gain (electron/adu), n² (electron²) of the exponential fit.
    tolerance
        Fraction of the variance that the bend may take below the rolloff: 0.01, for LSSTCam 0.005.

    Returns
    -------
    rolloff
        The turnoff itself where no point beyond it shows the bend.

    Notes
    -----
    The model of Rubin's cp_pipe: C₀₀(μ) − [exp(−(μ − μ_T)/τ) − 1] for μ ≥ μ_T. Points just above the turnoff
    take part as long as their variance does not exceed that at the turnoff.
    """
    at_turnoff = variances[kept & (means == turnoff)]
    limit = float(at_turnoff[0]) if at_turnoff.size else np.inf
    finite = np.isfinite(means) & np.isfinite(variances)
    beyond = finite & ~kept & (means >= turnoff) & (means < turnoff + ABOVE_TURNOFF) & (variances <= limit)
    if not beyond.any():
        return Rolloff(turnoff, np.nan, np.nan, np.nan)
    used = (kept & finite) | beyond
    mean, missing = means[used], exponential_variance(means[used], parameters) - variances[used]
    lowest = min(turnoff - BELOW_TURNOFF, 0.0)
    scale = max(float(np.abs(missing).max()), 1.0)
    # The loss is a steep exponential; many a start ends beside the minimum, so that a few are tried.
    trials = [
        least_squares(
            lambda p: (rolloff_loss(mean, p[0], p[1]) - missing) / scale,
            (begin, START_TAU),
            bounds=((lowest, TAU_BOUNDS[0]), (turnoff, TAU_BOUNDS[1])),
            x_scale=(1000.0, 1000.0),
        )
        for begin in np.linspace(max(lowest, turnoff - BELOW_TURNOFF), turnoff, 12)[1:-1]
    ]
    found = min(trials, key=lambda trial: float(trial.cost))
    begin, tau = float(found.x[0]), float(found.x[1])
    model = exponential_variance(means[finite], parameters)
    small = rolloff_loss(means[finite], begin, tau) <= tolerance * model
    highest = float(means[finite][small].max()) if small.any() else begin
    begin_error, tau_error = _errors(found.jac, float(found.cost), mean.size)
    return Rolloff(min(highest, turnoff), begin_error, tau, tau_error)


def _errors(jacobian: FloatArray, cost: float, n: int) -> tuple[float, float]:
    """Return the standard errors of begin and scale, from the scatter about the fit."""
    normal = jacobian.T @ jacobian
    if n <= 2 or np.linalg.matrix_rank(normal) < 2:
        return np.nan, np.nan
    variance = np.diag(np.linalg.inv(normal)) * 2.0 * cost / (n - 2)
    begin, tau = np.sqrt(variance).tolist()
    return begin, tau
