"""The offset that a pixel's charge leaves in the output amplifier, from the tail of the overscan."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.optimize import least_squares

from tasks.cti.solving.levels import AmplifierLevels
from tasks.cti.solving.settings import CtiSettings

__all__ = ["NO_OFFSET", "LocalOffset", "fit_local_offset", "trail_model"]

type FloatArray = npt.NDArray[np.float64]

_FIXED_CTI = 1e-6
"""Assumed while the offset is fitted: from the third column on it adds nothing (Rubin cp_pipe)."""

_START = (2.2e-4, 2.4)
_LOWER, _UPPER = (0.0, 0.1), (1e-3, 4.0)
"""Start and bounds of the drift scale and the decay time (pixel; Rubin cp_pipe)."""


@dataclass(frozen=True, slots=True)
class LocalOffset:
    """Offset of the output amplifier."""

    drift_scale: float
    """Fraction of a pixel's charge that stays as an offset."""
    decay_time: float
    """Its decay (pixel)."""
    drift_scale_error: float = float("nan")
    """Standard error, from the scatter about the fit."""
    decay_time_error: float = float("nan")
    """Standard error (pixel)."""
    at_bound: tuple[str, ...] = ()
    """Parameters that stand at a bound of the fit."""
    reason: str = ""
    """Why there was no fit; empty if there was one."""


NO_OFFSET = LocalOffset(0.0, 2.4)
"""Corrects nothing."""

_SEEN = 20.0
"""Fall of χ² from which an offset is believed: once in 20 000 amplifiers that have none."""


def trail_model(
    signals: FloatArray,
    columns: FloatArray,
    n_transfers: int,
    cti: float,
    drift_scale: float,
    decay_time: float,
) -> FloatArray:
    """Overscan behind evenly lit rows, to first order: s N cti^x + A s e^{−x/τ}, shape (n, n_columns).

    Parameters
    ----------
    signals
        Electron, shape (n,).
    columns
        Numbers x of the overscan columns, from 1, shape (n_columns,).
    n_transfers, cti, drift_scale, decay_time
        N, inefficiency, A and τ (pixel).

    Notes
    -----
    Snyder et al. 2021 (JATIS 7, 048002), without the trap.
    """
    s, x = signals[:, None], columns[None, :]
    return np.asarray(s * n_transfers * cti**x + drift_scale * s * np.exp(-x / decay_time))


def fit_local_offset(
    levels: AmplifierLevels,
    n_transfers: int,
    settings: CtiSettings,
    of_trap: FloatArray | None = None,
) -> LocalOffset:
    """Fit drift scale and decay time to the tail of the serial overscan.

    Parameters
    ----------
    levels
        Flats of the amplifier.
    n_transfers
        Transfers of the last data pixel.
    settings
        Overscan columns and flats that are fitted.
    of_trap
        What a trap adds to each overscan column of each flat (electron), shape (n, n_columns), to be taken
        out first; None where no trap is known yet.

    Returns
    -------
    offset
        One that corrects nothing, with the reason, where nothing can be fitted.

    Notes
    -----
    Rubin cp_pipe: plain least squares over all flats, the trap and the inefficiency of the transfers fixed.
    A fit to nothing but noise may put much into the columns before those it was fitted to; so, where the
    errors of the overscans are known, an offset that they can do without is none.
    """
    columns, largest_signal = settings.offset_columns, settings.offset_largest_signal
    within = columns.within(levels.serial.shape[1])
    data = levels.serial[:, within.slice]
    with np.errstate(invalid="ignore"):
        usable = (levels.signals < largest_signal) & np.isfinite(data).all(axis=1)
    if not usable.any() or within.n < 2:
        return _none(
            f"no flat below {largest_signal:g} electron has the overscan columns {columns.first} to "
            f"{columns.last}"
        )
    sigma = levels.serial_errors[:, within.slice][usable]
    signals, data, x = levels.signals[usable], data[usable], within.numbers
    if of_trap is not None:
        data = data - of_trap[usable, within.slice]
    # Scaled by the root of the mean square signal, so that residuals are of order one.
    scale = float(np.sqrt(np.mean(signals**2))) * _START[0]

    def residuals(parameters: FloatArray) -> FloatArray:
        model = trail_model(signals, x, n_transfers, _FIXED_CTI, parameters[0] * _START[0], parameters[1])
        return np.asarray((model - data).ravel() / scale)

    fit = least_squares(
        residuals,
        (1.0, _START[1]),
        bounds=((_LOWER[0] / _START[0], _LOWER[1]), (_UPPER[0] / _START[0], _UPPER[1])),
        xtol=1e-13,
        ftol=1e-13,
        gtol=1e-13,
    )
    noise = float(np.sqrt(np.nanmean(sigma**2))) if np.isfinite(sigma).any() else 0.0
    if np.sum(data**2) - 2.0 * fit.cost * scale**2 < _SEEN * noise**2:
        return _none("the overscans show no offset of the output amplifier")
    drift, decay = float(fit.x[0] * _START[0]), float(fit.x[1])
    errors = _errors(fit.jac, fit.fun)
    at_bound = tuple(
        name
        for name, value, low, high in zip(
            ("drift scale", "decay time"), (drift, decay), _LOWER, _UPPER, strict=True
        )
        if min(value - low, high - value) <= 1e-4 * (high - low)
    )
    if not fit.success:
        return _none(f"the fit of the offset failed: {fit.message}")
    return LocalOffset(drift, decay, errors[0] * _START[0], errors[1], at_bound)


def _none(reason: str) -> LocalOffset:
    """No offset, and why."""
    return replace(NO_OFFSET, reason=reason)


def _errors(jacobian: FloatArray, residuals: FloatArray) -> tuple[float, float]:
    """Return standard errors of two parameters, from the scatter of the residuals."""
    degrees = residuals.size - 2
    if degrees < 1:
        return float("nan"), float("nan")
    covariance = np.linalg.pinv(jacobian.T @ jacobian) * float(residuals @ residuals) / degrees
    errors = np.sqrt(np.diag(covariance))
    return float(errors[0]), float(errors[1])
