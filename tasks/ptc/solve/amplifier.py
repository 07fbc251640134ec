"""From the pairs of one amplifier to its gain, noise and covariance matrices, or to the reason for none."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from tasks.flat_pairs.curve.fit_type import FitType
from tasks.flat_pairs.curve.model import AmplifierCurve, AmplifierSeries
from tasks.ptc.solve.exponential import exponential_variance, fit_exponential
from tasks.ptc.solve.full_covariance import covariance_model, fit_covariances
from tasks.ptc.solve.long_range import without_long_range
from tasks.ptc.solve.model import CovarianceFit, ExponentialFit, FitRefused, FitUnsettled, OutlierSettings
from tasks.ptc.solve.outliers import distinct_levels, find_outliers, turnoff
from tasks.ptc.solve.polynomial import CovarianceParameters
from tasks.ptc.solve.rolloff import Rolloff, find_rolloff
from tasks.ptc.solve.spilled import without_spilled

__all__ = ["SolveSettings", "solve_amplifier"]

type FloatArray = npt.NDArray[np.float64]
type BoolArray = npt.NDArray[np.bool_]

PLAUSIBLE_GAINS = (0.1, 10.0)
"""electron/adu; the bounds of cp_pipe's fit, here also of its result."""

NOISE_TOLERANCE = 0.05
"""Relative difference between fitted and overscan noise above which a remark is made."""


@dataclass(frozen=True, slots=True)
class SolveSettings:
    """How the curve is fitted; the defaults are those of Rubin's cp_pipe."""

    fit_type: FitType = FitType.EXPONENTIAL
    """Model that gives gain and noise."""
    fit_side: int | None = None
    """Lags of the covariance fit in each direction; None takes all that were measured."""
    lowest_mean: float = 0.0
    """Pairs at or below this mean are left out (adu)."""
    highest_mean: float = 1e6
    """Pairs at or above this mean are left out (adu)."""
    lowest_probability: float = 0.01
    """Pairs whose difference is less probably Gaussian than this are left out."""
    outliers: OutlierSettings = field(default_factory=OutlierSettings)
    """How outliers are found."""
    model_rolloff: bool = False
    """Fit the bend below the turnoff, and leave out what lies above it."""
    rolloff_tolerance: float = 0.01
    """Fraction of the variance that the bend may take; 0.005 for LSSTCam."""
    long_range_from: int | None = None
    """Lag from which covariances count as long-range and are subtracted; None leaves them."""


def solve_amplifier(
    name: str,
    series: AmplifierSeries,
    reasons: Sequence[str | None],
    settings: SolveSettings,
    overscan_variance: float = 0.0,
) -> AmplifierCurve:
    """Fit one amplifier.

    Parameters
    ----------
    name
        Its name.
    series
        Its pairs.
    reasons
        Why each pair tells nothing, or None, length n.
    settings
        How to fit.
    overscan_variance
        What the subtraction of overscan levels adds to the variance, in units of the read noise squared.

    Returns
    -------
    curve
        With a reason and without numbers where no fit is possible; nothing is raised for it.
    """
    kept = np.zeros(series.means.size, np.bool_)
    side = settings.fit_side or series.covariances.shape[1]
    try:
        usable = _usable(series, reasons, settings)
        kept = find_outliers(series.means, series.variances, usable, settings.outliers, _errors(series))
        kept = without_spilled(series.means, series.covariances, series.sqrt_weights, kept)
        _check_levels(series.means[kept])
        exponential = _exponential(series, kept)
        end, sampling = turnoff(series.means, kept)
        rolloff, below = Rolloff(end, np.nan, np.nan, np.nan), kept
        if settings.model_rolloff:
            rolloff = find_rolloff(
                series.means, series.variances, kept, end, exponential.parameters, settings.rolloff_tolerance
            )
            below = kept & (series.means <= rolloff.mean)
            exponential = _exponential(series, below)
        full = _full(series, below, exponential, side, settings)
        gain = full.gain if full else exponential.gain
        if not PLAUSIBLE_GAINS[0] < gain < PLAUSIBLE_GAINS[1]:
            raise FitRefused(f"a gain of {gain:.3g} electron/adu is none that a CCD has")
    except FitRefused as refusal:
        return _bad(name, series, str(refusal), side)
    fitted = _curve(name, series, (kept, below), (exponential, full), (end, sampling), rolloff, side)
    if full and settings.fit_type is FitType.FULL and not full.c_matrix.any():
        fitted = replace(fitted, remarks=("the covariances do not tell b, which is left at 0",))
    return _without_overscan(fitted, overscan_variance)


def _usable(series: AmplifierSeries, reasons: Sequence[str | None], settings: SolveSettings) -> BoolArray:
    """Points to consider, or the reason that there are none."""
    means, variances = series.means, series.variances
    usable = np.isfinite(means) & np.isfinite(variances) & np.array([reason is None for reason in reasons])
    usable &= (means > settings.lowest_mean) & (means < settings.highest_mean)
    usable &= ~(series.gaussian_probabilities < settings.lowest_probability)
    if not usable.any():
        counted = Counter(reason for reason in reasons if reason is not None).most_common(1)
        why = f"; most often: {counted[0][0]}" if counted else ""
        raise FitRefused(f"none of {means.size} pairs is usable{why}")
    # A dead amplifier shows its read noise at every exposure time, about a mean of nearly nothing.
    highest = int(np.argmax(np.where(usable, means, -np.inf)))
    if means[highest] < np.sqrt(max(variances[highest], 0.0)):
        raise FitRefused(f"no light: the highest mean, {means[highest]:.3g} adu, drowns in the noise")
    return usable


def _check_levels(means: FloatArray) -> None:
    """Refuse fewer flux levels than the curve has parameters."""
    levels = distinct_levels(means)
    if levels < 3:
        raise FitRefused(f"{means.size} usable pairs at {levels} flux levels; the curve needs at least 3")


def _exponential(series: AmplifierSeries, kept: BoolArray) -> ExponentialFit:
    """Exponential fit of the kept points."""
    return fit_exponential(series.means[kept], series.variances[kept], series.sqrt_weights[kept, 0, 0])


def _full(
    series: AmplifierSeries, kept: BoolArray, start: ExponentialFit, side: int, settings: SolveSettings
) -> CovarianceFit | None:
    """Covariance fit of the kept points, where one is asked for."""
    if settings.fit_type is FitType.EXPONENTIAL:
        return None
    near = np.s_[kept, :side, :side]
    covariances = series.covariances[kept]
    if settings.long_range_from is not None:
        weights = series.sqrt_weights[kept]
        covariances = without_long_range(covariances, weights, settings.long_range_from)
    points = series.means[kept], covariances[:, :side, :side], series.sqrt_weights[near]
    if settings.fit_type is FitType.FULL:
        try:
            return fit_covariances(*points, start_gain=start.gain)
        except FitUnsettled:
            # Few pixels or levels say nothing of b, the third order in the signal, and all of gain and a.
            pass
    return fit_covariances(*points, start_gain=start.gain, with_b=False)


def _curve(
    name: str,
    series: AmplifierSeries,
    masks: tuple[BoolArray, BoolArray],
    fits: tuple[ExponentialFit, CovarianceFit | None],
    end: tuple[float, float],
    rolloff: Rolloff,
    side: int,
) -> AmplifierCurve:
    """Curve of a fitted amplifier."""
    (kept, below), (exponential, full) = masks, fits
    parameters, errors = exponential.parameters, exponential.errors
    nothing = np.full((side, side), np.nan)
    model = np.full((series.means.size, side, side), np.nan)
    variances = exponential_variance(series.means, parameters)
    if full:
        a = CovarianceParameters(full.gain, full.a_matrix, full.c_matrix)
        model = covariance_model(series.means, a, full.noise_matrix)
        variances = model[:, 0, 0]
        parameters = np.array([full.a_matrix[0, 0], full.gain, full.noise_matrix[0, 0]])
        errors = np.array([full.a_error[0, 0], full.gain_error, full.noise_matrix_error[0, 0]])
    noise = float(np.sqrt(abs(parameters[2])))
    levels = series.overscan_medians[kept]
    levels = levels[np.isfinite(levels)]
    middle = float(np.median(levels)) if levels.size else np.nan
    return AmplifierCurve(
        name=name,
        series=series,
        kept=kept,
        below_rolloff=below,
        gain=float(parameters[1]),
        gain_error=float(errors[1]),
        gain_unadjusted=float(parameters[1]),
        noise=noise,
        noise_error=float(0.5 * errors[2] / noise) if noise > 0 else np.nan,
        parameters=parameters,
        parameter_errors=errors,
        chi_squared_per_dof=full.chi_squared_per_dof if full else exponential.chi_squared_per_dof,
        turnoff=end[0],
        turnoff_sampling_error=end[1],
        rolloff=rolloff.mean,
        rolloff_error=rolloff.error,
        rolloff_tau=rolloff.tau,
        rolloff_tau_error=rolloff.tau_error,
        overscan_median=middle,
        overscan_median_sigma=float(1.4826 * np.median(np.abs(levels - middle))) if levels.size else np.nan,
        a_matrix=full.a_matrix if full else nothing,
        a_matrix_error=full.a_error if full else nothing,
        b_matrix=full.b_matrix if full else nothing,
        noise_matrix=full.noise_matrix if full else nothing,
        covariances_model=model,
        final_means=np.where(kept, series.means, np.nan),
        final_variances=np.where(kept, series.variances, np.nan),
        final_model_variances=np.where(kept, variances, np.nan),
    )


def _without_overscan(curve: AmplifierCurve, overscan_variance: float) -> AmplifierCurve:
    """Curve whose noise is the amplifier's own, with remarks on what is odd about it."""
    factor = float(np.sqrt(1.0 + overscan_variance))
    noise, noise_squared = curve.noise / factor, float(curve.parameters[2])
    remarks = list(curve.remarks)
    if noise_squared < 0:
        remarks.append(f"n² is negative ({noise_squared:.3g} electron²): the noise is the root of its size")
    measured = curve.series.overscan_noise[curve.kept]
    measured = measured[np.isfinite(measured)]
    in_adu = noise / curve.gain
    if measured.size and not abs(in_adu / np.median(measured) - 1.0) <= NOISE_TOLERANCE:
        remarks.append(f"fitted noise {in_adu:.3g} adu, in the overscan {np.median(measured):.3g} adu")
    return replace(curve, noise=noise, noise_error=curve.noise_error / factor, remarks=tuple(remarks))


def _errors(series: AmplifierSeries) -> FloatArray:
    """Give the standard errors of the variances (adu²), 0 where unknown."""
    weights = series.sqrt_weights[:, 0, 0]
    return np.divide(1.0, weights, out=np.zeros_like(weights), where=weights > 0)


def _bad(name: str, series: AmplifierSeries, reason: str, side: int) -> AmplifierCurve:
    """Curve of an amplifier without a fit."""
    n, nan = series.means.size, np.nan
    none, square, row = np.zeros(n, np.bool_), np.full((side, side), nan), np.full(n, nan)
    three, model = np.full(3, nan), np.full((n, side, side), nan)
    return AmplifierCurve(
        name=name,
        series=series,
        kept=none,
        below_rolloff=none,
        gain=nan,
        gain_error=nan,
        gain_unadjusted=nan,
        noise=nan,
        noise_error=nan,
        parameters=three,
        parameter_errors=three,
        chi_squared_per_dof=nan,
        turnoff=nan,
        turnoff_sampling_error=nan,
        rolloff=nan,
        rolloff_error=nan,
        rolloff_tau=nan,
        rolloff_tau_error=nan,
        overscan_median=nan,
        overscan_median_sigma=nan,
        a_matrix=square,
        a_matrix_error=square,
        b_matrix=square,
        noise_matrix=square,
        covariances_model=model,
        final_means=row,
        final_variances=row,
        final_model_variances=row,
        reason=reason,
    )
