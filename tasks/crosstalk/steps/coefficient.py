"""From the measurements of one pair of amplifiers to its coefficient."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from tasks.combine.clipping import clipped_variance_factor
from tasks.crosstalk.steps.correlation import Spread, spread_of
from tasks.crosstalk.steps.line import fit_line
from tasks.crosstalk.steps.sample import Sample, clipped

__all__ = ["Coefficient", "SolveSettings", "fit_coefficient"]

type Values = npt.NDArray[np.float64]
type BoolArray = npt.NDArray[np.bool_]
type Residual = Callable[[Sample], Values]

_WIDE = 5.0
"""Clip limit (standard deviations about the median) before there is a fit to clip about."""

_FITS = 4
"""How often a fit is made, and the measurements clipped about it."""

_FEWEST_IN_SOURCE = 4
"""Pixels of a source from which the part of them that the clip leaves tells that a star lies under it."""


@dataclass(frozen=True, slots=True)
class SolveSettings:
    """How the coefficients follow from the ratios; the numbers are Rubin's (cp_pipe, CrosstalkSolveTask)."""

    n_iterations: int = 3
    """Passes of clipping."""
    n_sigma: float = 2.0
    """Clip limit, in standard deviations about the median."""
    weighting: Literal["signal", "equal"] = "signal"
    """``signal``: least squares of the target's signal, of which the noise is that of its background;
    ``equal``: the mean of the ratios, as Rubin takes it, in which faint pixels have too much say."""
    flux_order: Literal[0, 1] = 0
    """1 fits a term in the square of the source's signal too; always by least squares."""
    reject_negative: bool = False
    """Negative coefficients become 0."""
    significance: float = 3.0
    """A coefficient is valid if it exceeds its error by this factor."""
    per_measurement: bool = False
    """Compare with the scatter of the single measurements, and not with the error of their mean."""
    drop_insignificant: bool = False
    """Coefficients that are not valid become 0, their errors NaN."""
    fewest: int = 1
    """Pairs with fewer measurements have no coefficient."""
    fewest_stars: int = 1
    """Nor have pairs with fewer stars: what lies under a single one passes for its crosstalk."""


@dataclass(frozen=True, slots=True)
class Coefficient:
    """One element of the matrix."""

    linear: float = math.nan
    quadratic: float = 0.0
    error: float = math.nan
    """Standard error times the root of ``count``, if all measurements were independent."""
    quadratic_error: float = 0.0
    count: int = 0
    n_stars: int = 0
    """Stars that the measurements belong to."""
    spread: Spread = field(default_factory=Spread)
    slope_spread: Spread = field(default_factory=Spread)


def fit_coefficient(sample: Sample, settings: SolveSettings) -> Coefficient:
    """Clip the measurements of a pair, and take their mean or their straight line.

    Parameters
    ----------
    sample
        Measurements of the pair, all finite.
    settings
        How.

    Notes
    -----
    Sources of which the clip takes more than half the pixels are left out as a whole: under them lies a star
    of the target, and what remains of it is not its faintest part only.
    """
    with_line = _around(sample, settings, _line_residual) if settings.flux_order == 1 else None
    if with_line is not None:
        kept = with_line
    elif settings.weighting == "equal":
        kept = sample.where(clipped(sample.ratios, settings.n_sigma, settings.n_iterations))
    else:
        kept = _around(sample, settings, _mean_residual) or sample
    n_stars = np.unique(kept.groups).size
    if kept.ratios.size < max(settings.fewest, 1) or n_stars < settings.fewest_stars:
        return Coefficient(count=kept.ratios.size, n_stars=n_stars)
    correction = math.sqrt(clipped_variance_factor(settings.n_sigma))
    found = None if with_line is None else _line(kept, correction)
    found = found or _mean(kept, correction)
    if settings.reject_negative and found.linear < 0:
        return replace(found, linear=0.0)
    return found


def _weighted(sample: Sample) -> float:
    """Coefficient that describes the target's signals best."""
    square = sample.weights**2
    return float((sample.ratios * square).sum() / square.sum())


def _mean_residual(sample: Sample) -> Callable[[Sample], Values] | None:
    """Fit a mean; return by how much signals depart from it."""
    if not sample.ratios.size:
        return None
    mean = _weighted(sample)
    return lambda one: (one.ratios - mean) * one.weights


def _line_residual(sample: Sample) -> Callable[[Sample], Values] | None:
    """Fit a line; return by how much signals depart from it, or None where there can be no line."""
    line = fit_line(sample.ratios, sample.fluxes)
    return None if line is None else lambda one: line.signals(one.ratios, one.fluxes)


def _around(
    sample: Sample, settings: SolveSettings, fit: Callable[[Sample], Residual | None]
) -> Sample | None:
    """Leave out measurements far from a fit; None where there can be none."""
    kept = clipped(sample.ratios, _WIDE, settings.n_iterations)
    for _ in range(_FITS):
        residual = fit(sample.where(kept))
        if residual is None:
            return None
        kept = clipped(residual(sample), settings.n_sigma, settings.n_iterations)
        kept &= _of_sound_sources(sample.groups, kept)
    return sample.where(kept)


def _of_sound_sources(groups: npt.NDArray[np.int64], kept: BoolArray) -> BoolArray:
    """Tell, for every measurement, whether at least half of those of its source are kept."""
    if not groups.size:
        return kept
    every = np.bincount(groups)
    lost = every - np.bincount(groups[kept], minlength=every.size)
    return np.asarray(~((2 * lost > every) & (every >= _FEWEST_IN_SOURCE))[groups], np.bool_)


def _mean(kept: Sample, correction: float) -> Coefficient:
    """Return the mean of what is kept."""
    n, square = kept.ratios.size, kept.weights**2
    mean = _weighted(kept)
    scatter = float(((kept.ratios - mean) * kept.weights).std())
    error = scatter * math.sqrt(n / float(square.sum())) * correction if n > 1 else math.nan
    return Coefficient(
        mean,
        0.0,
        error,
        0.0,
        n,
        np.unique(kept.groups).size,
        spread_of((kept.ratios - mean) * square / square.mean(), kept.groups),
    )


def _line(kept: Sample, correction: float) -> Coefficient | None:
    """Return the line through what is kept; None where there can be none."""
    line = fit_line(kept.ratios, kept.fluxes)
    if line is None:
        return None
    spreads = [spread_of(one, kept.groups) for one in line.influences(kept.ratios, kept.fluxes)]
    return Coefficient(
        line.intercept,
        line.slope,
        line.error * correction,
        line.slope_error * correction,
        kept.ratios.size,
        np.unique(kept.groups).size,
        *spreads,
    )
