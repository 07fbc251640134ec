"""The inefficiency of the serial transfers, fitted with the model of the whole readout."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.optimize import OptimizeResult, least_squares

from tasks.cti.register.closed_form import model_overscan
from tasks.cti.register.model import Register, RegisterParameters
from tasks.cti.solving.levels import AmplifierLevels
from tasks.cti.solving.local_offset import LocalOffset, trail_model
from tasks.cti.solving.settings import CtiSettings

__all__ = ["GlobalCti", "bounded_by_bright_flats", "charge_of_trap", "fit_global_cti"]

type FloatArray = npt.NDArray[np.float64]

_UNIT = 1e-6
"""In which the inefficiency is fitted. Its logarithm, which Rubin's cp_pipe fits, has neither a slope nor an
error where no loss is seen."""

_START_CTI, _LOWEST_CTI, _HIGHEST_CTI = 1.0, 0.0, 10.0
"""In this unit."""

_NO_TRAP = (0.0, 0.08, 0.35)
_TRAP_STARTS = ((5.0, 0.08, 0.35), (15.0, 0.08, 0.35), (5.0, 0.02, 0.7), (15.0, 0.02, 0.7))
_TRAP_LOWER, _TRAP_UPPER = (0.0, 0.0, 0.1), (30.0, 1.0, 1.0)
"""Size (electron), scale and emission time (pixel) of the trap (Rubin cp_pipe)."""

_N_STARTS = 2
"""Of them, those nearest to the flats are followed: a trap has more than one minimum."""

_AS_WELL = 1e-6
"""Relative difference of the sums of squares of two fits that are equally good."""

_KNOWN = 0.25
"""Relative error of an emission time from which it is not used."""

_CLEARER = 30.0
"""Fall of χ² from which a trap is believed although the edge response asks for none: 5 σ for 3 parameters."""


@dataclass(frozen=True, slots=True)
class GlobalCti:
    """Inefficiency of the transfers, and the trap that was fitted with it."""

    cti: float
    """Fraction left behind in each transfer; 0 where there was nothing to fit."""
    cti_error: float = float("nan")
    """Standard error, from the scatter about the fit."""
    trap_size: float = 0.0
    """Electron; 0 without a trap."""
    trap_size_error: float = float("nan")
    """Standard error (electron)."""
    emission_time: float = float("nan")
    """Of the trap (pixel)."""
    emission_time_error: float = float("nan")
    """Standard error (pixel)."""
    trap_scale: float = float("nan")
    """Fraction of the passing charge that the trap takes until it is full."""
    at_bound: tuple[str, ...] = ()
    """Parameters that stand at a bound of the fit."""
    reason: str = ""
    """Why there was no fit; empty if there was one."""

    @property
    def knows_trap(self) -> bool:
        """Whether the trap's emission time is known to a quarter."""
        error, time = self.emission_time_error, self.emission_time
        known = self.trap_size > 0 and np.isfinite(error) and error < _KNOWN * time
        return bool(known) and "emission time" not in self.at_bound


def fit_global_cti(
    levels: AmplifierLevels,
    register: Register,
    offset: LocalOffset,
    settings: CtiSettings,
) -> GlobalCti:
    """Fit the inefficiency of the transfers to faint flats.

    Parameters
    ----------
    levels
        Flats of the amplifier.
    register
        Its serial register.
    offset
        Of the output amplifier, kept as it is.
    settings
        Overscan columns and flats that are fitted, and the edge response above which a trap is fitted too.

    Notes
    -----
    Plain least squares of the model of the whole readout (Snyder et al. 2021; Rubin cp_pipe). Rubin asks only
    the edge response whether there is a trap. A small one then passes for inefficiency; here it is fitted
    where that explains the flats far better, given their errors.
    """
    largest_signal = settings.global_largest_signal
    within = settings.global_columns.within(levels.serial.shape[1])
    data, sigma = levels.serial[:, within.slice], levels.serial_errors[:, within.slice]
    with np.errstate(invalid="ignore"):
        usable = (levels.signals < largest_signal) & np.isfinite(data).all(axis=1)
    if not usable.any() or within.n < 2:
        return GlobalCti(0.0, reason=f"no flat below {largest_signal:g} electron has a usable overscan")
    signals, data, sigma = levels.signals[usable], data[usable], sigma[usable]
    row = Register(register.data_width, register.prescan, within.last)
    noise = float(np.sqrt(np.nanmean(sigma**2))) if np.isfinite(sigma).any() else float("nan")

    def residuals(parameters: FloatArray) -> FloatArray:
        trap = _NO_TRAP if parameters.size == 1 else parameters[1:]
        model = model_overscan(
            signals,
            row,
            RegisterParameters(
                float(parameters[0] * _UNIT),
                offset.drift_scale,
                offset.decay_time,
                *(float(one) for one in trap),
            ),
        )
        return np.asarray((model[:, within.slice] - data).ravel())

    edge = float(np.median(data[:, :2].sum(axis=1) / (register.n_transfers * signals)))
    simple = _fit(residuals, _START_CTI, _LOWEST_CTI, _HIGHEST_CTI)
    if data.size <= 4:
        return _result(simple)
    starts = [(_START_CTI, *start) for start in _TRAP_STARTS]
    starts.sort(key=lambda start: float(np.sum(residuals(np.array(start)) ** 2)))
    lower, upper = (_LOWEST_CTI, *_TRAP_LOWER), (_HIGHEST_CTI, *_TRAP_UPPER)
    fits = [_fit(residuals, start, lower, upper) for start in starts[:_N_STARTS]]
    best = min(fits, key=lambda fit: float(fit.cost))
    # A trap that is full at all levels does not tell its scale: the usual one, where that does as well.
    cti, size, _, emission_time = best.x
    usual = _fit(residuals, (cti, size, _NO_TRAP[1], emission_time), lower, upper)
    whole = usual if usual.cost <= (1.0 + _AS_WELL) * best.cost else best
    is_clearer = 2.0 * (simple.cost - whole.cost) > _CLEARER * noise**2
    return _result(whole if edge > settings.trap_threshold or is_clearer else simple)


def charge_of_trap(
    transfers: GlobalCti, levels: AmplifierLevels, register: Register, offset: LocalOffset
) -> FloatArray:
    """Charge that the trap adds to each overscan column of each flat (electron), shape (n, n_columns).

    Parameters
    ----------
    transfers, offset
        What is known of the readout, the trap among it.
    levels, register
        As for `fit_global_cti`.

    Notes
    -----
    More than the trap's own release: charge that the transfers have left behind fills it once more, so that
    behind a bright flat it lets go a column later.
    """
    without = RegisterParameters(transfers.cti, offset.drift_scale, offset.decay_time)
    trap = replace(
        without,
        trap_size=transfers.trap_size,
        trap_scale=transfers.trap_scale,
        emission_time=transfers.emission_time,
    )
    return model_overscan(levels.signals, register, trap) - model_overscan(levels.signals, register, without)


def bounded_by_bright_flats(
    transfers: GlobalCti,
    levels: AmplifierLevels,
    n_transfers: int,
    offset: LocalOffset,
    settings: CtiSettings,
) -> GlobalCti:
    """Inefficiency that does not explain more than any flat shows.

    Parameters
    ----------
    transfers
        As fitted to faint flats.
    levels, n_transfers, offset, settings
        As for `fit_global_cti`; the flats are those that the trap is measured with.

    Notes
    -----
    A faint flat tells little of a loss that grows with the signal. A trap can account for what an
    inefficiency that is too low leaves of bright flats, but nothing for what one that is too high takes from
    them. Rubin's cp_pipe does not look.
    """
    within = settings.trap_columns.within(levels.serial.shape[1])
    with np.errstate(invalid="ignore"):
        usable = (levels.signals < settings.trap_largest_signal) & (levels.signals <= levels.turnoff)
    data, sigma = levels.serial[:, within.slice], levels.serial_errors[:, within.slice]
    usable &= np.isfinite(data).all(axis=1) & np.isfinite(sigma).all(axis=1)
    if not usable.any() or within.n < 1 or transfers.reason:
        return transfers
    signals = levels.signals[usable]
    of_offset = trail_model(
        signals, within.numbers, n_transfers, 0.0, offset.drift_scale, offset.decay_time
    ).sum(axis=1)
    errors = np.sqrt((sigma[usable] ** 2).sum(axis=1))
    highest = (data[usable].sum(axis=1) - of_offset + errors) / (n_transfers * signals)
    return replace(transfers, cti=float(np.clip(highest.min(), 0.0, transfers.cti)))


def _fit(
    residuals: Callable[[FloatArray], FloatArray],
    start: float | tuple[float, ...],
    lower: float | tuple[float, ...],
    upper: float | tuple[float, ...],
) -> OptimizeResult:
    """Least squares within bounds."""
    return least_squares(
        residuals, np.atleast_1d(start), bounds=(np.atleast_1d(lower), np.atleast_1d(upper)), x_scale="jac"
    )


def _result(fit: OptimizeResult) -> GlobalCti:
    """Parameters, errors and bounds of a fit; that no inefficiency is seen is a result and no bound."""
    if not fit.success:
        return GlobalCti(0.0, reason=f"the fit of the transfers failed: {fit.message}")
    degrees = max(fit.fun.size - fit.x.size, 1)
    curvature = fit.jac.T @ fit.jac
    # A parameter that the flats say nothing of, such as the scale of a trap that is full, has no error.
    told = np.diag(curvature) > 0
    errors = np.full(fit.x.size, np.nan)
    covariance = np.linalg.pinv(curvature[np.ix_(told, told)], hermitian=True)
    errors[told] = np.sqrt(np.diag(covariance) * float(fit.fun @ fit.fun) / degrees)
    names = ("CTI", "trap size", "trap scale", "emission time")
    lower, upper = (_LOWEST_CTI, *_TRAP_LOWER), (_HIGHEST_CTI, *_TRAP_UPPER)
    at_bound = tuple(
        name
        for name, value, low, high, is_told in zip(names, fit.x, lower, upper, told, strict=False)
        if is_told and min(high - value, np.inf if name == "CTI" else value - low) <= 1e-3 * (high - low)
    )
    cti, cti_error = float(fit.x[0] * _UNIT), float(errors[0] * _UNIT)
    if fit.x.size == 1:
        return GlobalCti(cti, cti_error, at_bound=at_bound)
    return GlobalCti(
        cti,
        cti_error,
        trap_size=float(fit.x[1]),
        trap_size_error=float(errors[1]),
        trap_scale=float(fit.x[2]),
        emission_time=float(fit.x[3]),
        emission_time_error=float(errors[3]),
        at_bound=at_bound,
    )
