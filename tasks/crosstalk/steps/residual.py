"""The crosstalk that is left on corrected exposures, compared with the matrix that corrected them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from infra.instruments.layout import DetectorLayout
from tasks.crosstalk.steps.extraction import CrosstalkRatios
from tasks.isr.crosstalk_matrix import CrosstalkMatrix

__all__ = ["ResidualCrosstalk", "SourceFluxes", "compare", "source_fluxes"]

type FloatMatrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class SourceFluxes:
    """Signals of the bright pixels of each amplifier, in the unit of the exposures."""

    means: npt.NDArray[np.float64]
    """Shape (n,); 0 without any."""
    correlations: npt.NDArray[np.float64]
    """Correlation of the errors of the two coefficients of a line fitted to such signals, shape (n,); 0
    without any signal."""


@dataclass(frozen=True, slots=True, eq=False)
class ResidualCrosstalk:
    """What is left, and what the matrix and it say of each other; all matrices are [source, target]."""

    coefficients: FloatMatrix
    """Fraction of the source's signal that is still seen in the target; NaN where not measured."""
    errors: FloatMatrix
    """Standard errors of both the measurement of what is left and of the matrix."""
    expected: FloatMatrix
    """What the matrix says is left: 0 where it was applied, else its own coefficient; NaN where unknown."""
    applied: FloatMatrix
    """Fraction that was subtracted, at the mean signal of the sources; 0 where the matrix is not valid."""
    counts: npt.NDArray[np.int64]
    """Measurements of what is left."""

    @property
    def tested(self) -> npt.NDArray[np.bool_]:
        """Pairs of which both the matrix and what is left are known."""
        known = np.isfinite(self.coefficients) & np.isfinite(self.expected)
        return known & np.isfinite(self.errors) & (self.errors > 0)

    @property
    def significance(self) -> FloatMatrix:
        """By how many standard errors what is left contradicts the matrix; NaN where not tested."""
        out = np.full(self.errors.shape, np.nan)
        return np.divide(self.coefficients - self.expected, self.errors, out=out, where=self.tested)

    @property
    def believed(self) -> FloatMatrix:
        """Fraction that the matrix gives, applied or not; NaN where it gives none."""
        return self.applied + self.expected

    @property
    def total(self) -> FloatMatrix:
        """Fraction that the exposures show: what was subtracted and what is left."""
        return self.applied + self.coefficients


def source_fluxes(ratios: Sequence[CrosstalkRatios]) -> SourceFluxes:
    """Mean of the signals of the bright pixels of each amplifier, and what they mean for a line's errors."""
    means, correlations = [], []
    for name in ratios[0].amplifiers:
        fluxes = np.concatenate([np.asarray(one.fluxes[name], np.float64) for one in ratios])
        mean = float(fluxes.mean()) if fluxes.size else 0.0
        means.append(mean)
        second, third, fourth = (
            float(((fluxes / mean) ** power).mean()) if mean else 1.0 for power in (2, 3, 4)
        )
        correlations.append(-third / np.sqrt(second * fourth) if mean else 0.0)
    return SourceFluxes(np.array(means), np.array(correlations))


def compare(
    matrix: CrosstalkMatrix,
    measured: CrosstalkMatrix,
    fluxes: SourceFluxes,
    layout: DetectorLayout,
    *,
    quadratic: bool,
) -> ResidualCrosstalk:
    """Compare what is left on corrected exposures with the matrix that corrected them.

    Parameters
    ----------
    matrix
        The matrix under test.
    measured
        What was measured on exposures that it was applied to, as constant fractions.
    fluxes
        Signals that ``measured`` rests on.
    layout
        The detector.
    quadratic
        Whether the quadratic part of the matrix was applied.

    Notes
    -----
    Only valid coefficients are applied. Of the others the matrix says that they cannot be told from 0, and
    that is what is tested: that the exposures show no more than its own measurement. Taken against 0, one
    that is 2.9 standard errors from 0 would be called significant by half of all second measurements.
    """
    gains = dict(zip(measured.amplifiers, measured.gains, strict=True)) if measured.gains.size else None
    others = ~np.eye(len(measured.amplifiers), dtype=np.bool_)
    ones = np.ones(others.shape)
    everything = replace(matrix, coefficients=ones, quadratic=ones, valid=others)
    linear_scale, quadratic_scale = everything.for_image(layout, measured.unit, gains)
    square = np.nan_to_num(matrix.quadratic) * quadratic_scale * fluxes.means[:, np.newaxis]
    linear = matrix.coefficients * linear_scale
    applied = np.where(matrix.valid & np.isfinite(linear) & others, linear + square * quadratic, 0.0)
    expected = np.where(applied != 0.0, 0.0, linear + square)
    return ResidualCrosstalk(
        coefficients=np.where(others, measured.coefficients, np.nan),
        errors=np.hypot(measured.standard_errors, _errors(matrix, fluxes, linear_scale, quadratic_scale)),
        expected=np.where(others, expected, np.nan),
        applied=applied,
        counts=measured.counts,
    )


def _errors(
    matrix: CrosstalkMatrix, fluxes: SourceFluxes, linear_scale: FloatMatrix, quadratic_scale: FloatMatrix
) -> FloatMatrix:
    """Return the standard errors of a matrix at the mean signal of the sources."""
    constant = matrix.standard_errors * linear_scale
    square = np.nan_to_num(matrix.quadratic_standard_errors) * quadratic_scale
    # The intercept and the slope of a line err against each other: at the signals it was fitted to the line
    # is known better than its intercept.
    there = square * fluxes.means[:, np.newaxis]
    both = 2.0 * fluxes.correlations[:, np.newaxis] * constant * there
    return np.sqrt(np.maximum(constant**2 + there**2 + both, 0.0))
