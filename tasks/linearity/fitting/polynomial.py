"""Linearity as a polynomial: the Squared, Polynomial and LookupTable corrections."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from tasks.isr.linearity import LinearityCorrection
from tasks.linearity.fitting.nodes import distinct_levels
from tasks.linearity.fitting.ramp import AmplifierRamp, DetectorRamp
from tasks.linearity.fitting.record import Solution
from tasks.linearity.fitting.robust import fit_polynomial

__all__ = ["PolynomialSettings", "lookup_row", "solve_polynomial"]

type FloatArray = npt.NDArray[np.float64]

_N_LEVELS = 100
"""Levels at which the Squared correction is compared with the polynomial."""

_FARTHEST = 5.0
"""Points farther from the line than this many √y are left out."""


@dataclass(frozen=True, slots=True)
class PolynomialSettings:
    """How the polynomial is fitted."""

    order: int = 3
    """Order of the polynomial."""
    minimum: float = 30.0
    """Levels must be above this (adu)."""
    maximum: float = 20_000.0
    """Levels must be below this (adu); 120000 in Rubin's LATISS pipelines."""
    inversion: Literal["series", "first order"] = "series"
    """How the measured polynomial is turned round into the correction, see `solve_polynomial`."""
    n_table: int = 2**18
    """Entries of a row of the lookup table: one for each number of an 18-bit converter."""

    def __post_init__(self) -> None:
        if self.order < 2 or not self.minimum < self.maximum or self.n_table < 2:
            raise ValueError(
                f"a linearity polynomial needs an order of 2 or more and a range of levels: {self}"
            )


def solve_polynomial(
    ramp: DetectorRamp,
    amplifier: AmplifierRamp,
    kind: Literal["Squared", "Polynomial", "LookupTable"],
    settings: PolynomialSettings,
    row: int = 0,
) -> Solution | str:
    """Fit the level as a polynomial of the light, expressed in the counts of a linear response.

    Parameters
    ----------
    ramp, amplifier
        What to fit.
    kind
        Correction to make of it.
    settings
        How to fit.
    row
        Row of the lookup table.

    Returns
    -------
    solution
        Or the reason why there is none.

    Notes
    -----
    Rubin cp_pipe: a robust line y = c₀ + c₁ D; points within 5 √y of it; t = c₀ + c₁ D for all points; a
    robust polynomial y = p(t); coefficients q_j = −p_j / p₁^j. Squared keeps the first of them.

    Those q_j invert p to first order only: a loss of 1 % at the top leaves 2e-4. The correction of the
    Polynomial kind therefore takes the series of the inverse function to the order at hand,
    q₃ = 2 q₂² − p₃ / p₁³ and so on, unless ``inversion`` asks for the first order. That of the Squared kind
    then leaves the least of the non-linearity over the range fitted. The lookup table is inverted exactly.
    """
    y, light = amplifier.ordinate, ramp.light
    mask = np.isfinite(light) & (ramp.group_of_point >= 0) & np.isfinite(y)
    mask &= amplifier.keep & (y > settings.minimum) & (y < settings.maximum)
    reason = _too_few(y[mask], settings)
    if reason is not None:
        return reason
    line = fit_polynomial(light[mask], y[mask], 1).coefficients
    ideal = line[0] + line[1] * light
    near = np.zeros_like(mask)
    near[mask] = np.abs(y[mask] - ideal[mask]) < _FARTHEST * np.sqrt(y[mask])
    reason = _too_few(y[near], settings)
    if reason is not None:
        return f"{reason} near the line"
    fit = fit_polynomial(ideal[near], y[near], settings.order)
    p = fit.coefficients
    if not (line[1] > 0 and p[1] > 0):
        return "the level does not rise with the light"
    powers = np.arange(2, settings.order + 1)
    first_order = -p[2:] / p[1] ** powers
    coefficients = first_order[:1]
    table_row = None
    if kind == "Squared" and settings.inversion == "series":
        coefficients = np.array([_best_square(p, float(ideal[near].max()))])
    elif kind == "Polynomial":
        coefficients = inverse_series(first_order) if settings.inversion == "series" else first_order
    elif kind == "LookupTable":
        coefficients, table_row = np.array([float(row), 0.0]), lookup_row(p, settings.n_table)
    correction = LinearityCorrection(kind, coefficients, table_row)
    return Solution(correction, near, p, fit.errors, fit.reduced_chi_squared)


def _best_square(p: FloatArray, highest: float) -> float:
    """Coefficient q for which y + q y² is most nearly proportional to the linear level T, y = p(t)."""
    t = np.linspace(0.0, (highest - p[0]) / p[1] if p[1] else highest, _N_LEVELS + 1)[1:]
    linear, y = p[1] * t, np.polynomial.polynomial.polyval(t, p) - p[0]
    # Least squares of (y + q y²) / T − s in q and s.
    (q, _), *_rest = np.linalg.lstsq(
        np.stack([y * y / linear, -np.ones(t.size)], axis=1), -y / linear, rcond=None
    )
    return float(q)


def inverse_series(first_order: FloatArray) -> FloatArray:
    """Coefficients q_j of T = m + Σ q_j m^j for m = T − Σ a_j T^j, to the order given.

    Parameters
    ----------
    first_order
        a₂, a₃, …, shape (n,).

    Returns
    -------
    coefficients
        q₂, q₃, …, shape (n,).
    """
    order = first_order.size + 1
    loss = np.concatenate([[0.0, 0.0], first_order])
    inverse = np.zeros(order + 1)
    inverse[1] = 1.0
    # T = m + Σ a_j T^j: each pass makes one more order exact.
    for _ in range(order - 1):
        power, total = inverse.copy(), np.zeros(order + 1)
        total[1] = 1.0
        for j in range(2, order + 1):
            power = np.convolve(power, inverse)[: order + 1]
            total += loss[j] * power
        inverse = total
    return inverse[2:]


def lookup_row(p: FloatArray, n_table: int) -> npt.NDArray[np.float32]:
    """Correction of each whole number of measured counts.

    Parameters
    ----------
    p
        Polynomial y = p(t), shape (order + 1,).
    n_table
        Entries.

    Returns
    -------
    row
        What to add to 0, 1, …, n_table − 1 measured counts (adu), shape (n_table,).

    Notes
    -----
    The linear level is T = p₀ + p₁ t; the entry is T − p(t). Rubin cp_pipe computes the entries at whole T
    but looks them up by whole measured counts, an error of the correction times its slope (2 % of it for a
    loss of 1 %). Here the entries are brought to whole measured counts. Where the polynomial turns down
    again, the last entry is repeated.
    """
    # Twice the range, so that the measured counts reach the end of the table even if half of them is lost.
    t = np.linspace(0.0, (2 * n_table - p[0]) / p[1], 2 * n_table)
    measured = np.polynomial.polynomial.polyval(t, p)
    falling = np.flatnonzero(np.diff(measured) <= 0)
    end = int(falling[0]) + 1 if falling.size else t.size
    entries = p[0] + p[1] * t[:end] - measured[:end]
    return np.interp(np.arange(n_table), measured[:end], entries).astype(np.float32)


def _too_few(levels: FloatArray, settings: PolynomialSettings) -> str | None:
    """Say that the points do not determine the polynomial, if so."""
    n_points = distinct_levels(levels).size
    if n_points > settings.order:
        return None
    return (
        f"{n_points} usable levels between {settings.minimum:g} and {settings.maximum:g} adu, "
        f"{settings.order + 1} are needed"
    )
