"""The record of a fit: what is left of the non-linearity once the correction is applied to its own input."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from tasks.isr.linearity import LinearityCorrection, linearized
from tasks.linearity.fitting.ramp import AmplifierRamp, DetectorRamp
from tasks.linearity.fitting.robust import fit_polynomial, mad_sigma
from tasks.linearity.fitting.turnoff import Turnoff
from tasks.linearity.solution.model import AmplifierLinearity

__all__ = ["Solution", "bad_amplifier", "record"]

type FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """What a fit found for one amplifier."""

    correction: LinearityCorrection
    """The correction."""
    mask: npt.NDArray[np.bool_]
    """Points that the fit used, shape (n,)."""
    parameters: FloatArray
    """Fitted parameters."""
    errors: FloatArray
    """Their standard errors."""
    reduced_chi_squared: float
    """Of the fit."""
    abscissa: FloatArray | None = None
    """Light with fitted corrections made to it, shape (n,); that of the ramp if None."""
    ordinate: FloatArray | None = None
    """Levels with fitted corrections made to them (adu), shape (n,); those of the amplifier if None."""
    offset: float = 0.0
    """Fitted offset of the levels (adu)."""
    slope: float | None = None
    """Mean slope of the fit; the line through the linearised points gives it if None."""


def record(
    ramp: DetectorRamp, amplifier: AmplifierRamp, turnoff: Turnoff, found: Solution
) -> AmplifierLinearity:
    """Apply the correction to the ramp itself and keep what is left.

    Parameters
    ----------
    ramp, amplifier
        What was fitted.
    turnoff
        Of the amplifier.
    found
        The fit.

    Notes
    -----
    Rubin cp_pipe: a robust line is fitted to the linearised levels against light; residuals are taken from
    its slope alone, because the response to no light is no light.
    """
    light = ramp.light if found.abscissa is None else found.abscissa
    measured = amplifier.ordinate if found.ordinate is None else found.ordinate
    levels = linearized(measured, found.correction) - found.offset
    usable = np.isfinite(levels) & np.isfinite(light)
    fitted = found.mask & usable
    line = fit_polynomial(light[fitted], levels[fitted], 1)
    model = line.coefficients[1] * light
    unmasked = np.where(usable, levels - model, np.nan)
    residuals = np.where(fitted, unmasked, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        sigma = mad_sigma(residuals / amplifier.ordinate)
    slope = (
        (float(line.coefficients[0]), float(line.coefficients[1]))
        if found.slope is None
        else (0.0, found.slope)
    )
    return replace(
        bad_amplifier(ramp, amplifier, ""),
        type=found.correction.type,
        coefficients=found.correction.coefficients,
        abscissa=light,
        mask=found.mask,
        fit_parameters=found.parameters,
        fit_errors=found.errors,
        reduced_chi_squared=found.reduced_chi_squared,
        residuals=residuals,
        residuals_unmasked=unmasked,
        residual_model=model,
        residual_sigma=sigma,
        line=slope,
        turnoff=turnoff.value,
        max_signal=turnoff.max_signal,
        reason=None,
        remarks=()
        if turnoff.is_reached
        else (f"the ramp ends at {turnoff.value:.0f} adu, below the turnoff",),
    )


def bad_amplifier(ramp: DetectorRamp, amplifier: AmplifierRamp, reason: str) -> AmplifierLinearity:
    """Linearity of an amplifier that has no correction.

    Parameters
    ----------
    ramp, amplifier
        What was to be fitted.
    reason
        Why it could not.
    """
    n = ramp.light.size
    nothing = np.full(n, np.nan)
    return AmplifierLinearity(
        name=amplifier.name,
        type="None",
        coefficients=np.zeros(1),
        box=amplifier.box,
        input_gain=amplifier.gain,
        input_turnoff=amplifier.turnoff,
        abscissa=ramp.light,
        ordinate=amplifier.ordinate,
        mask=np.zeros(n, np.bool_),
        groups=ramp.group_of_point,
        normalization=np.ones(n) if ramp.normalization is None else ramp.normalization,
        fit_parameters=np.full(1, np.nan),
        fit_errors=np.full(1, np.nan),
        reduced_chi_squared=np.nan,
        residuals=nothing,
        residuals_unmasked=nothing,
        residual_model=nothing,
        residual_sigma=np.nan,
        line=(np.nan, np.nan),
        turnoff=np.nan,
        max_signal=np.nan,
        reason=reason,
    )
