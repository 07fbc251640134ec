"""Linearity as one spline for each amplifier."""

import numpy as np
import numpy.typing as npt

from tasks.isr.akima import interpolate_akima
from tasks.isr.linearity import LinearityCorrection
from tasks.linearity.fitting.node_choice import fit_chosen_nodes
from tasks.linearity.fitting.nodes import distinct_levels, supported_nodes
from tasks.linearity.fitting.ramp import AmplifierRamp, DetectorRamp
from tasks.linearity.fitting.record import Solution
from tasks.linearity.fitting.spline_fit import SplineFit
from tasks.linearity.fitting.spline_model import SplineData, SplineSettings
from tasks.linearity.fitting.turnoff import Turnoff

__all__ = ["corrected_levels", "corrected_light", "solve_spline", "spline_data"]

type FloatArray = npt.NDArray[np.float64]
type BoolArray = npt.NDArray[np.bool_]


def solve_spline(
    ramp: DetectorRamp, amplifier: AmplifierRamp, turnoff: Turnoff, settings: SplineSettings
) -> Solution | str:
    """Fit an Akima spline to the levels of one amplifier.

    Parameters
    ----------
    ramp, amplifier
        What to fit.
    turnoff
        Of the amplifier; levels above it are left out.
    settings
        How to fit.

    Returns
    -------
    solution
        Or the reason why there is none.

    Notes
    -----
    Rubin cp_pipe ("Spline"): nodes equally spaced from 0 to 1 adu above the highest level.
    """
    y, groups = amplifier.ordinate, ramp.group_of_point
    used = np.isfinite(y) & (groups >= 0) & (y > settings.minimum) & (y <= turnoff.value)
    n_free = settings.n_nodes + np.unique(groups[used]).size
    if np.count_nonzero(used) <= n_free:
        return (
            f"{np.count_nonzero(used)} usable points for a spline of {settings.n_nodes} nodes, "
            f"{n_free + 1} are needed"
        )
    nodes = np.linspace(0.0, y[used].max() + 1.0, settings.n_nodes)
    supported, n_levels = supported_nodes(nodes, y[used]), distinct_levels(y[used]).size
    if n_levels <= supported.size:
        return f"{n_levels} distinct levels for a spline, {supported.size + 1} are needed"
    data = spline_data(ramp, ramp.light, y, used, supported, amplifier.turnoff)
    fit = fit_chosen_nodes(data, settings, turnoff.value)
    values = interpolate_akima(nodes, fit.nodes, fit.parameters.values)
    coefficients = np.concatenate([nodes, values])
    if not np.isfinite(coefficients).all():
        return "the fit of the spline does not converge"
    mask = used.copy()
    mask[used] = fit.good
    return Solution(
        LinearityCorrection("Spline", coefficients),
        mask,
        fit.vector,
        fit.errors,
        fit.reduced_chi_squared,
        corrected_light(ramp, used, fit),
        corrected_levels(ramp, y, used, fit),
        fit.parameters.offset,
        float(fit.parameters.slopes.mean()),
    )


def spline_data(
    ramp: DetectorRamp,
    light: FloatArray,
    levels: FloatArray,
    used: BoolArray,
    nodes: FloatArray,
    ptc_turnoff: float,
) -> SplineData:
    """Points of a spline fit.

    Parameters
    ----------
    ramp
        Gives groups, temperatures and times.
    light, levels
        Abscissa and ordinate, shape (n,).
    used
        Points to fit, shape (n,).
    nodes
        Positions of the nodes (adu).
    ptc_turnoff
        Turnoff of the photon transfer curve (adu).
    """
    return SplineData(
        light=light[used],
        levels=levels[used],
        groups=np.unique(ramp.group_of_point[used], return_inverse=True)[1].astype(np.int64),
        temperature=_centred(ramp.temperature, used)[used],
        time=_centred(ramp.mjd, used)[used],
        nodes=nodes,
        ptc_turnoff=ptc_turnoff,
    )


def corrected_light(ramp: DetectorRamp, used: BoolArray, fit: SplineFit) -> FloatArray:
    """Light as all groups would have it with the mean slope.

    Parameters
    ----------
    ramp
        What was fitted.
    used
        Points that were, shape (n,).
    fit
        The fit, whose groups are those of the points used, in rising order.

    Returns
    -------
    light
        Shape (n,); NaN for points of groups that were not fitted.
    """
    slopes = fit.parameters.slopes
    groups = ramp.group_of_point
    fitted = np.unique(groups[used])
    place = np.clip(np.searchsorted(fitted, groups), 0, fitted.size - 1)
    factors = np.where(fitted[place] == groups, slopes[place] / slopes.mean(), np.nan)
    return np.asarray(ramp.light * factors)


def corrected_levels(ramp: DetectorRamp, levels: FloatArray, used: BoolArray, fit: SplineFit) -> FloatArray:
    """Levels without their dependence on temperature and time, shape (n,).

    Parameters
    ----------
    ramp
        What was fitted.
    levels
        Ordinate (adu), shape (n,).
    used
        Points that were, shape (n,).
    fit
        The fit.
    """
    by_temperature = 1.0 + fit.parameters.temperature * _centred(ramp.temperature, used)
    return np.asarray(levels * by_temperature * (1.0 + fit.parameters.time * _centred(ramp.mjd, used)))


def _centred(values: FloatArray | None, used: BoolArray) -> FloatArray:
    """Values minus the median of those used; zeros where they are not known."""
    if values is None or not np.isfinite(values[used]).any():
        return np.zeros(used.size)
    return np.nan_to_num(values - np.nanmedian(values[used]), nan=0.0)
