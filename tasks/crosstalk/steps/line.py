"""Crosstalk that depends on the signal of its source: a straight line through the ratios."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Line", "fit_line"]

type Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Line:
    """Ratio = intercept + slope · flux."""

    intercept: float
    """Linear coefficient of the crosstalk."""
    slope: float
    """Quadratic coefficient (1 over the unit of the flux)."""
    error: float
    """Standard error of the intercept times the root of the number of measurements."""
    slope_error: float
    """The same of the slope."""

    def signals(self, ratios: Values, fluxes: Values) -> Values:
        """Return the signals in the target (unit of the flux) that the line does not explain, shape (n,)."""
        return (ratios - self.intercept - self.slope * fluxes) * fluxes

    def influences(self, ratios: Values, fluxes: Values) -> tuple[Values, Values]:
        """Return by how much each measurement moved the intercept and the slope, to a factor, shape (n,)."""
        flux = fluxes / fluxes.mean()
        s2, s3, s4 = _sums(flux)
        signal = self.signals(ratios, fluxes)
        return (s4 * flux - s3 * flux**2) * signal, (s2 * flux**2 - s3 * flux) * signal


def fit_line(ratios: Values, fluxes: Values) -> Line | None:
    """Fit a line to ratios; None where the fluxes allow none.

    Parameters
    ----------
    ratios
        Signal in the target over that in the source, shape (n,).
    fluxes
        Signal in the source, shape (n,), above 0.

    Notes
    -----
    Least squares of the target's signal y = c F + q F², which has the same noise whatever the source: that of
    the background. The ratio y / F has not, so that Rubin's equal weights give faint sources too much say.
    """
    n = ratios.size
    if n < 3:
        return None
    mean = float(fluxes.mean())
    if not float(np.ptp(fluxes)) > 0.0 or not mean > 0.0:
        return None
    # In units of the mean flux the two columns are of one size.
    flux = fluxes / mean
    signal = ratios * flux
    s2, s3, s4 = _sums(flux)
    determinant = s2 * s4 - s3**2
    if not determinant > 1e-12 * s2 * s4:
        return None
    y1, y2 = float((signal * flux).sum()), float((signal * flux**2).sum())
    intercept, slope = (s4 * y1 - s3 * y2) / determinant, (s2 * y2 - s3 * y1) / determinant
    scatter = float((signal - intercept * flux - slope * flux**2).std())
    return Line(
        intercept=intercept,
        slope=slope / mean,
        error=scatter * math.sqrt(n * s4 / determinant),
        slope_error=scatter * math.sqrt(n * s2 / determinant) / mean,
    )


def _sums(flux: Values) -> tuple[float, float, float]:
    """Return the sums of the second, third and fourth powers."""
    square = flux**2
    return float(square.sum()), float((square * flux).sum()), float((square**2).sum())
