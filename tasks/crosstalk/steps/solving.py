"""From the ratios of all exposures to the coefficients of the matrix."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from infra.errors import CalprodError
from infra.images import Metadata, Unit
from tasks.combine.clipping import IQR_TO_SIGMA, clipped_variance_factor
from tasks.crosstalk.steps.correlation import Spread, correlation_factor, spread_of
from tasks.crosstalk.steps.extraction import CrosstalkRatios
from tasks.crosstalk.steps.line import fit_line
from tasks.isr.crosstalk_matrix import CLIPPED_MEAN_INFLATION, ERROR_FACTOR, CrosstalkMatrix

__all__ = ["CrosstalkSolution", "SolveSettings", "solve_crosstalk"]

type Values = npt.NDArray[np.float64]

_WIDE = 5.0
"""Clip limit (standard deviations about the median) before there is a line to clip about."""

_LINES = 4
"""How often a line is fitted, and the measurements clipped about it."""


@dataclass(frozen=True, slots=True)
class SolveSettings:
    """How the coefficients follow from the ratios; the defaults are Rubin's (cp_pipe, CrosstalkSolveTask)."""

    n_iterations: int = 3
    """Passes of clipping."""
    n_sigma: float = 2.0
    """Clip limit, in standard deviations about the median."""
    flux_order: Literal[0, 1] = 0
    """1 fits a term in the square of the source's signal too."""
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


@dataclass(frozen=True, slots=True, eq=False)
class CrosstalkSolution:
    """A matrix, and what went wrong on the way."""

    matrix: CrosstalkMatrix
    """The matrix."""
    warnings: tuple[str, ...]
    """Pairs without a measurement, and exposures that had to be left out for a pair."""


@dataclass(frozen=True, slots=True, eq=False)
class _Sample:
    """Measurements of one pair of amplifiers."""

    ratios: Values
    fluxes: Values
    groups: npt.NDArray[np.int64]
    """Number of the source that each belongs to."""

    def where(self, chosen: npt.NDArray[np.bool_]) -> "_Sample":
        """Return some of them."""
        return _Sample(self.ratios[chosen], self.fluxes[chosen], self.groups[chosen])


@dataclass(frozen=True, slots=True)
class _Coefficient:
    """One element of the matrix."""

    linear: float = math.nan
    quadratic: float = 0.0
    error: float = math.nan
    quadratic_error: float = 0.0
    count: int = 0
    spread: Spread = field(default_factory=Spread)
    slope_spread: Spread = field(default_factory=Spread)


def solve_crosstalk(
    exposures: Sequence[CrosstalkRatios],
    settings: SolveSettings | None = None,
    *,
    unit: Unit = "electron",
    gains: Mapping[str, float] | None = None,
    metadata: Metadata | None = None,
) -> CrosstalkSolution:
    """Find the crosstalk matrix that the ratios of several exposures agree on.

    Parameters
    ----------
    exposures
        Ratios of one detector, at least one.
    settings
        Rubin's defaults when None.
    unit
        Unit of the images that the ratios were taken from.
    gains
        electron/adu of those images by amplifier, kept with the matrix.
    metadata
        Cards of the matrix.

    Returns
    -------
    solution
        A pair without a measurement, or with too few, is NaN and not valid, which is no error.

    Raises
    ------
    CalprodError
        No exposures, or exposures of detectors with other amplifiers.

    Notes
    -----
    Rubin cp_pipe: ratios of 1 and more are discarded; passes keep ``|r − median| < 2 · 0.7413 · IQR`` and end
    when all or none would be kept; the coefficient is the mean. Its scatter is corrected for the clip by
    √F(2) = 1.1368. Rubin compares the coefficient with this over the root of the count. The mean scatters 1.3
    times as much, and more where the pixels of one source have noise in common (`correlation_factor`); one in
    fifty pairs without crosstalk, or far more, would pass. Here the true error is taken. With
    ``flux_order`` 1, r = c + q·flux is fitted, see `tasks.crosstalk.steps.line`; both errors are those of the
    fit times the root of the number of measurements, so that they are used in the same way. Rubin clips about
    the median before it fits, and so takes the ends of the line away; here the clip is about the line.
    """
    settings = settings or SolveSettings()
    if not exposures:
        raise CalprodError("no exposures to find the crosstalk from", "extract ratios from at least one")
    names = exposures[0].amplifiers
    if any(one.amplifiers != names for one in exposures):
        raise CalprodError("crosstalk ratios of detectors with different amplifiers", "solve one detector")
    n = len(names)
    values: list[list[_Coefficient]] = [[_Coefficient() for _ in names] for _ in names]
    warnings: list[str] = []
    for i, source in enumerate(names):
        for j, target in enumerate(names):
            if i == j:
                continue
            sample, lost = _gather(exposures, target, source)
            warnings += lost
            values[i][j] = _coefficient(sample, settings)
            if (count := values[i][j].count) < settings.fewest:
                number = f"only {count} measurements" if count else "no measurement"
                warnings.append(f"{number} of the crosstalk from {source} to {target}")
    matrices = {
        name: np.array([[getattr(one, name) for one in row] for row in values], np.float64)
        for name in ("linear", "quadratic", "error", "quadratic_error")
    }
    counts = np.array([[one.count for one in row] for row in values], np.int64)
    linear, error = matrices["linear"], matrices["error"]
    factors, slope_factors = (
        np.array([correlation_factor(getattr(row[j], spread) for row in values) for j in range(n)])
        for spread in ("spread", "slope_spread")
    )
    # The table has one factor for both terms; that of the slope is told by its own scatter.
    quadratic_error = matrices["quadratic_error"] * slope_factors / factors
    factors = CLIPPED_MEAN_INFLATION * factors
    limit = settings.significance * error
    if not settings.per_measurement:
        limit = limit * factors / np.sqrt(np.maximum(counts, 1))
    valid = np.isfinite(limit) & (np.abs(linear) > limit)
    if settings.drop_insignificant:
        linear, error = np.where(valid, linear, 0.0), np.where(valid, error, np.nan)
    matrix = CrosstalkMatrix(
        amplifiers=names,
        coefficients=linear,
        errors=error,
        counts=counts,
        valid=valid,
        quadratic=matrices["quadratic"],
        quadratic_errors=quadratic_error,
        unit=unit,
        gains=np.zeros(n) if gains is None else np.array([gains.get(name, 0.0) for name in names]),
        metadata={
            **(metadata or {}),
            **{f"{ERROR_FACTOR}{name}": float(one) for name, one in zip(names, factors, strict=True)},
        },
    )
    return CrosstalkSolution(matrix, tuple(warnings))


def _gather(exposures: Sequence[CrosstalkRatios], target: str, source: str) -> tuple[_Sample, list[str]]:
    """Measurements of a pair over all exposures, and what had to be left out."""
    ratios, fluxes, groups, lost = [np.empty(0)], [np.empty(0)], [np.empty(0, np.int64)], []
    first = 0
    for index, one in enumerate(exposures):
        ratio, flux = one.ratios.get((target, source)), one.fluxes.get(source)
        if ratio is None or flux is None or ratio.size != flux.size:
            name = index if one.exposure is None else one.exposure
            lost.append(f"exposure {name}: ratios and fluxes from {source} to {target} differ in number")
            continue
        ratios.append(np.asarray(ratio, np.float64))
        fluxes.append(np.asarray(flux, np.float64))
        numbers = one.sources.get(source, np.zeros(ratio.size, np.int32))
        groups.append(first + numbers.astype(np.int64))
        first += int(numbers.max(initial=0)) + 1
    return _Sample(np.concatenate(ratios), np.concatenate(fluxes), np.concatenate(groups)), lost


def _coefficient(sample: _Sample, settings: SolveSettings) -> _Coefficient:
    """Clip a sample, and take its mean or its straight line."""
    sample = sample.where(np.abs(sample.ratios) < 1.0)  # and so finite
    with_line = _clipped_line(sample, settings) if settings.flux_order == 1 else None
    sample = _clipped(sample, sample.ratios, settings) if with_line is None else with_line
    ratios, fluxes = sample.ratios, sample.fluxes
    if ratios.size < max(settings.fewest, 1):
        return _Coefficient(count=ratios.size)
    correction = math.sqrt(clipped_variance_factor(settings.n_sigma))
    line = None if with_line is None else fit_line(ratios, fluxes)
    if line is None:
        mean = float(ratios.mean())
        error = float(ratios.std()) * correction if ratios.size > 1 else math.nan
        spread = spread_of(ratios - mean, sample.groups)
        found = _Coefficient(mean, 0.0, error, 0.0, ratios.size, spread)
    else:
        errors = line.error * correction, line.slope_error * correction
        spreads = [spread_of(one, sample.groups) for one in line.influences(ratios, fluxes)]
        found = _Coefficient(line.intercept, line.slope, *errors, ratios.size, *spreads)
    if settings.reject_negative and found.linear < 0:
        return replace(found, linear=0.0)
    return found


def _clipped(sample: _Sample, values: Values, settings: SolveSettings) -> _Sample:
    """Leave out, in several passes, the measurements of which ``values`` is far from the median."""
    for _ in range(settings.n_iterations):
        if values.size == 0:
            break
        first, median, third = np.percentile(values, (25, 50, 75))
        kept = np.abs(values - median) < settings.n_sigma * IQR_TO_SIGMA * (third - first)
        if kept.all() or not kept.any():
            break
        sample, values = sample.where(kept), values[kept]
    return sample


def _clipped_line(sample: _Sample, settings: SolveSettings) -> _Sample | None:
    """Leave out measurements far from the line; None where there can be no line."""
    kept = _clipped(sample, sample.ratios, replace(settings, n_sigma=_WIDE))
    for _ in range(_LINES):
        line = fit_line(kept.ratios, kept.fluxes)
        if line is None:
            return None
        kept = _clipped(sample, line.signals(sample.ratios, sample.fluxes), settings)
    return kept
