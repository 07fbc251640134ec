"""The fit of the electrostatic model to the area changes of a detector."""

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.optimize import OptimizeResult, least_squares

from infra.errors import CalprodError
from tasks.brighter_fatter.electrostatic.field import Sensor, boundary_shifts
from tasks.brighter_fatter.electrostatic.model import AverageMatrix, ElectrostaticParameters

__all__ = ["FREE", "FitResult", "FitSettings", "fit_parameters"]

type FloatArray = npt.NDArray[np.float64]

FREE = ("zq", "zsh", "zsv", "a", "b", "alpha", "beta")
"""Parameters that are fitted."""

_BETA_UNIT = 1e-8
"""Unit of beta while it is fitted (1/electron), so that all parameters are of order one."""

_ATTEMPTS: tuple[tuple[Literal["trf", "dogbox"], float], ...] = (
    ("trf", 1e-12),
    ("dogbox", 1e-10),
    ("trf", 1e-7),
)
"""Methods and tolerances of the fit, in turn. The parameters are much alike in what they do, and along the
valley that this makes one method may creep where another does not."""

_TOUCHING = 1e-4
"""How near a bound, relative to the width between the bounds, a parameter counts as at it."""


@dataclass(frozen=True, slots=True)
class FitSettings:
    """Where the fit begins, and how far it may go."""

    fit_range: int = 8
    """Lags in each direction that are fitted."""
    start: ElectrostaticParameters = field(default_factory=ElectrostaticParameters)
    """Where it begins; thickness and size of a pixel stay."""
    highest_charge: float = 50.0
    """Upper bound of the height of the charge (µm)."""
    least_gap: float = 1e-12
    """Lower bound of the height above it at which charge is caught (µm)."""
    largest_gap: float = 10.0
    """Upper bound of the same (µm)."""
    largest_extent: float = 3.5
    """Upper bound of the half extents of the charge (µm)."""


@dataclass(frozen=True, slots=True, eq=False)
class FitResult:
    """Where the fit ended."""

    parameters: ElectrostaticParameters
    errors: dict[str, float]
    """Standard errors by name, in the order of `FREE`; NaN of what is not determined."""
    covariance: FloatArray
    """Of the free parameters, shape (7, 7)."""
    chi_squared: float
    """Sum of squared residuals, each over its error."""
    at_bound: tuple[str, ...]
    """Parameters at a bound."""


def fit_parameters(average: AverageMatrix, settings: FitSettings) -> FitResult:
    """Fit the model to mean area changes.

    Parameters
    ----------
    average
        What to fit, with its weights.
    settings
        Start, bounds and range.

    Raises
    ------
    CalprodError
        The matrix is smaller than the number of parameters needs, or the fit fails.

    Notes
    -----
    Rubin cp_pipe (lmfit's leastsq): residuals (alpha · area + beta − a) / σ over the quadrant of fitted lags,
    σ the scatter of the amplifiers; bounds are those of the parameters zq, zsh − zq, zsv − zq, a and b. A fit
    that fails is tried again, at last with a wider tolerance.
    """
    n = min(settings.fit_range, average.values.shape[0])
    if n * n <= len(FREE):
        raise CalprodError(
            f"{n} x {n} area changes do not determine {len(FREE)} parameters",
            "measure covariances to more lags",
        )
    target, weight = average.values[:n, :n], _weights(average.scatter[:n, :n])
    lower, upper = _bounds(settings)
    start = np.clip(_numbers(settings.start), lower + 1e-9, upper - 1e-9)

    def residuals(numbers: FloatArray) -> FloatArray:
        """Return residuals in units of their errors."""
        one = _parameters(numbers, settings.start.sensor)
        model = one.alpha * boundary_shifts(one.sensor, n).area + one.beta
        return np.asarray((model - target) * weight).ravel()

    for method, tolerance in _ATTEMPTS:
        try:
            found = least_squares(
                residuals,
                start,
                bounds=(lower, upper),
                method=method,
                ftol=tolerance,
                xtol=1e-10,
                gtol=1e-12,
                max_nfev=150,
            )
        except (ValueError, np.linalg.LinAlgError):
            continue
        if found.success and np.isfinite(found.cost):
            return _result(found, settings, lower, upper)
    raise CalprodError(
        "the electrostatic model cannot be fitted to the area changes of the photon transfer curve",
        "look at its A_MATRIX, or fit fewer lags",
    )


def _weights(scatter: FloatArray) -> FloatArray:
    """Reciprocal errors; an element without scatter gets that of the median element."""
    usual = np.median(scatter[scatter > 0]) if (scatter > 0).any() else 1.0
    return np.asarray(1.0 / np.where(scatter > 0, scatter, usual))


def _numbers(one: ElectrostaticParameters) -> FloatArray:
    """Free parameters as they are fitted: heights above the charge instead of heights."""
    sensor = one.sensor
    gaps = (sensor.zsh - sensor.zq, sensor.zsv - sensor.zq)
    extents = (sensor.half_width, sensor.half_height)
    return np.array([sensor.zq, *gaps, *extents, one.alpha, one.beta / _BETA_UNIT])


def _parameters(numbers: FloatArray, sensor: Sensor) -> ElectrostaticParameters:
    """Inverse of `_numbers`, with the fixed parameters of a sensor."""
    zq, gap_h, gap_v, half_width, half_height, alpha, beta = (float(one) for one in numbers)
    changed = replace(
        sensor, zq=zq, zsh=zq + gap_h, zsv=zq + gap_v, half_width=half_width, half_height=half_height
    )
    return ElectrostaticParameters(changed, alpha, beta * _BETA_UNIT)


def _bounds(settings: FitSettings) -> tuple[FloatArray, FloatArray]:
    """Bounds of the numbers that are fitted."""
    gap, widest, extent = settings.least_gap, settings.largest_gap, settings.largest_extent
    lower = np.array([0.0, gap, gap, 0.0, 0.0, 0.0, -np.inf])
    upper = np.array([settings.highest_charge, widest, widest, extent, extent, np.inf, np.inf])
    return lower, upper


def _result(found: OptimizeResult, settings: FitSettings, lower: FloatArray, upper: FloatArray) -> FitResult:
    """Where the fit ended, with errors of the parameters as they are stored."""
    # zsh and zsv are sums of the height of the charge and a gap.
    combine = np.eye(len(FREE))
    combine[1, 0] = combine[2, 0] = 1.0
    combine[6, 6] = _BETA_UNIT
    covariance = combine @ np.linalg.pinv(found.jac.T @ found.jac, rcond=1e-15) @ combine.T
    span = np.where(np.isfinite(upper - lower), upper - lower, 1.0)
    touching = (found.x - lower < _TOUCHING * span) | (upper - found.x < _TOUCHING * span)
    errors = np.sqrt(np.maximum(np.diagonal(covariance), 0.0))
    errors[touching] = np.nan
    return FitResult(
        parameters=_parameters(found.x, settings.start.sensor),
        errors={name: float(error) for name, error in zip(FREE, errors, strict=True)},
        covariance=covariance,
        chi_squared=float(2.0 * found.cost),
        at_bound=tuple(name for name, one in zip(FREE, touching, strict=True) if one),
    )
