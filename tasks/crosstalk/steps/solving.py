"""From the ratios of all exposures to the coefficients of the matrix."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from infra.errors import CalprodError
from infra.images import Metadata, Unit
from tasks.crosstalk.steps.coefficient import Coefficient, SolveSettings, fit_coefficient
from tasks.crosstalk.steps.correlation import correlation_factor
from tasks.crosstalk.steps.identity import identities
from tasks.crosstalk.steps.ratios import CrosstalkRatios
from tasks.crosstalk.steps.sample import Sample, gather
from tasks.isr.crosstalk_matrix import CLIPPED_MEAN_INFLATION, ERROR_FACTOR, CrosstalkMatrix

__all__ = ["CrosstalkSolution", "SolveSettings", "solve_crosstalk"]

type Matrix = npt.NDArray[np.float64]
type Elements = list[list[Coefficient]]
type Samples = Sequence[Sequence[Sample | None]]

_ROUNDS = 10
"""How often, at most, all coefficients are found again, with what the others of them explain taken away."""

_SETTLED = 0.05
"""Change of all coefficients (standard errors of independent measurements) below which they are found."""


@dataclass(frozen=True, slots=True, eq=False)
class CrosstalkSolution:
    """A matrix, and what went wrong on the way."""

    matrix: CrosstalkMatrix
    """The matrix."""
    warnings: tuple[str, ...]
    """Pairs without a measurement, and exposures that had to be left out for a pair."""


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
        The defaults when None.
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

    In a field of stars the pixel read together with a bright one is also read together with those of fourteen
    further amplifiers, some of which lie on stars, too. What these add is subtracted, with the coefficients
    themselves.
    """
    settings = settings or SolveSettings()
    if not exposures:
        raise CalprodError("no exposures to find the crosstalk from", "extract ratios from at least one")
    names = exposures[0].amplifiers
    if any(one.amplifiers != names for one in exposures):
        raise CalprodError("crosstalk ratios of detectors with different amplifiers", "solve one detector")
    samples, warnings = _samples(exposures, settings)
    elements = _elements(samples, settings)
    if any(sample.others.any() for row in samples for sample in row if sample is not None):
        for _ in range(_ROUNDS):
            linear, quadratic = _explaining(elements)
            alone = [
                [
                    None if one is None else one.without(linear[:, j], quadratic[:, j])
                    for j, one in enumerate(row)
                ]
                for row in samples
            ]
            before, elements = elements, _elements(alone, settings)
            if _is_settled(before, elements):
                break
    for source, row in zip(names, elements, strict=True):
        for target, one in zip(names, row, strict=True):
            if source != target and one.count < settings.fewest:
                number = f"only {one.count} measurements" if one.count else "no measurement"
                warnings.append(f"{number} of the crosstalk from {source} to {target}")
            elif source != target and one.n_stars < settings.fewest_stars:
                number = f"only {one.n_stars} stars" if one.n_stars > 1 else "only one star"
                warnings.append(f"{number} for the crosstalk from {source} to {target}")
    matrix = _matrix(names, elements, settings, unit, gains, metadata)
    return CrosstalkSolution(matrix, tuple(warnings))


def _samples(
    exposures: Sequence[CrosstalkRatios], settings: SolveSettings
) -> tuple[list[list[Sample | None]], list[str]]:
    """Return the measurements of all pairs, [source][target], and what had to be left out."""
    names = exposures[0].amplifiers
    samples: list[list[Sample | None]] = [[None for _ in names] for _ in names]
    warnings: list[str] = []
    stars = identities(exposures)
    for i, source in enumerate(names):
        for j, target in enumerate(names):
            if i != j:
                samples[i][j], lost = gather(
                    exposures, stars, target, source, by_signal=settings.weighting == "signal"
                )
                warnings += lost
    return samples, warnings


def _elements(samples: Samples, settings: SolveSettings) -> Elements:
    return [
        [Coefficient() if one is None else fit_coefficient(one, settings) for one in row] for row in samples
    ]


def _is_settled(before: Elements, after: Elements) -> bool:
    """Tell whether a round changed nothing that matters."""
    change = np.abs(_collected(after, "linear") - _collected(before, "linear"))
    error = _collected(after, "error") / np.sqrt(np.maximum(_collected(after, "count"), 1))
    return not bool(np.any(change > _SETTLED * error))


def _collected(elements: Elements, name: str) -> Matrix:
    return np.array([[getattr(one, name) for one in row] for row in elements], np.float64)


def _explaining(elements: Elements) -> tuple[Matrix, Matrix]:
    """Coefficients as far as they are known, [source, target]: what is noise explains nothing."""
    known = []
    for value, error in (("linear", "error"), ("quadratic", "quadratic_error")):
        values, counts = _collected(elements, value), _collected(elements, "count")
        variance = _collected(elements, error) ** 2 / np.maximum(counts, 1)
        total = values**2 + variance
        trust = np.divide(
            values**2, total, out=np.zeros(values.shape), where=np.isfinite(total) & (total > 0)
        )
        known.append(np.nan_to_num(values) * trust)
    return known[0], known[1]


def _matrix(
    names: tuple[str, ...],
    elements: Elements,
    settings: SolveSettings,
    unit: Unit,
    gains: Mapping[str, float] | None,
    metadata: Metadata | None,
) -> CrosstalkMatrix:
    """Return the matrix of the coefficients, with what their measurements have in common."""
    n = len(names)
    counts = _collected(elements, "count").astype(np.int64)
    linear, error = _collected(elements, "linear"), _collected(elements, "error")
    factors, slope_factors = (
        np.array([correlation_factor(getattr(row[j], spread) for row in elements) for j in range(n)])
        for spread in ("spread", "slope_spread")
    )
    # The table has one factor for both terms; that of the slope is told by its own scatter.
    quadratic_error = _collected(elements, "quadratic_error") * slope_factors / factors
    factors = CLIPPED_MEAN_INFLATION * factors
    limit = settings.significance * error
    if not settings.per_measurement:
        limit = limit * factors / np.sqrt(np.maximum(counts, 1))
    valid = np.isfinite(limit) & (np.abs(linear) > limit)
    if settings.drop_insignificant:
        linear, error = np.where(valid, linear, 0.0), np.where(valid, error, np.nan)
    return CrosstalkMatrix(
        amplifiers=names,
        coefficients=linear,
        errors=error,
        counts=counts,
        valid=valid,
        quadratic=_collected(elements, "quadratic"),
        quadratic_errors=quadratic_error,
        unit=unit,
        gains=np.zeros(n) if gains is None else np.array([gains.get(name, 0.0) for name in names]),
        metadata={
            **(metadata or {}),
            **{f"{ERROR_FACTOR}{name}": float(one) for name, one in zip(names, factors, strict=True)},
        },
    )
