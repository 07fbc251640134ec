"""Verification of a crosstalk matrix: in itself, and by what is left on exposures that it was applied to.

Statistics of the matrix itself, for each amplifier as the one that is disturbed, and for the detector:

``MAX_COEFFICIENT``, ``MEDIAN_COEFFICIENT``
    Largest absolute value, and median, of the coefficients measured.
``MEDIAN_ERROR``
    Median of their standard errors.
``N_SIGNIFICANT``, ``N_MISSING``
    Coefficients that are valid, and those that could not be measured.

Statistics of what is left, on exposures that are no inputs of the matrix where there are any, else on its
inputs:

``MAX_RESIDUAL``, ``MAX_RESIDUAL_SIGNIFICANCE``
    Largest fraction of a signal still seen, and largest contradiction between matrix and exposures (standard
    errors), both absolute.

And for the detector:

``N_TESTED``, ``N_RESIDUAL_SIGNIFICANT``, ``EXPECTED_BY_CHANCE``, ``MOST_BY_CHANCE``
    Coefficients tested; those that contradict the exposures by more than 3 standard errors; how many do by
    chance on average, 0.27 % of those tested, and how many at most but once in a thousand verifications.
``MOST_SIGNIFICANT_BY_CHANCE``
    Largest contradiction (standard errors) that chance gives but once in a thousand verifications.
``SCALE``
    What the exposures show, relative to what the matrix says, over coefficients of 6 standard errors and
    more: 1 if the matrix is right, -1 if its sign is wrong, another number if its unit is. NaN without any.
``TRANSPOSED_ADVANTAGE``
    By how much the transposed matrix describes the exposures better, each at the scale that suits it best
    (χ², in standard deviations of the difference for a matrix of noise); negative for the right matrix.
``N_EXPOSURES``, ``N_HELD_OUT``
    Exposures that all this rests on, and those at hand that are no inputs of the matrix.
"""

import math

import numpy as np
import numpy.typing as npt
from astropy.table import Table
from scipy.stats import binom, norm

from infra.instruments.layout import DetectorLayout
from tasks.crosstalk.steps.residual import ResidualCrosstalk
from tasks.isr.crosstalk_matrix import CrosstalkMatrix
from tasks.verification.model import StatisticValues
from tasks.verification.quantum import ProductMeasurement

__all__ = ["SIGNIFICANCE", "matrix_rows", "product_measurement"]

type FloatArray = npt.NDArray[np.float64]

SIGNIFICANCE = 3.0
"""Standard errors from which a coefficient is significant."""

_RARE = 1e-3
"""Probability with which chance may make a good matrix fail a test."""

_STRONG = 6.0
"""Standard errors of the coefficients that tell the scale: large enough not to be chosen for their noise."""


def product_measurement(
    matrix: CrosstalkMatrix,
    residual: ResidualCrosstalk | None,
    layout: DetectorLayout,
    *,
    n_exposures: int = 0,
    n_held_out: int = 0,
) -> ProductMeasurement:
    """Measure a matrix.

    Parameters
    ----------
    matrix
        The matrix under test, of this detector.
    residual
        What is left on exposures that it was applied to; None where that was not measured.
    layout
        The detector.
    n_exposures, n_held_out
        Exposures that ``residual`` rests on, and those at hand that are no inputs of the matrix.
    """
    names = [one.name for one in layout.amplifiers]
    amplifiers = {
        name: _of_pairs(matrix, (slice(None), index)) | _left(residual, (slice(None), index))
        for index, name in enumerate(names)
    }
    everything = (slice(None), slice(None))
    detector = _of_pairs(matrix, everything) | _left(residual, everything)
    if residual is not None:
        detector |= _by_chance(residual) | _shape(matrix, residual)
        detector |= {"N_EXPOSURES": float(n_exposures), "N_HELD_OUT": float(n_held_out)}
    silent = ~np.isfinite(np.where(_others(matrix), matrix.coefficients, np.nan)).any(axis=1)
    # Where no amplifier has any, nothing is wrong with one of them: there is nothing to judge.
    silent &= not silent.all()
    problems = {
        name: "it has too few bright pixels: nothing is known of the crosstalk that it causes"
        for name, is_silent in zip(names, silent, strict=True)
        if is_silent
    }
    return ProductMeasurement(amplifiers, detector, problems)


def matrix_rows(matrix: CrosstalkMatrix, residual: ResidualCrosstalk | None, layout: DetectorLayout) -> Table:
    """Table with a row for each pair of amplifiers.

    Returns
    -------
    table
        detector, compared_detector (full names); source, target (amplifiers) and their numbers source_index,
        target_index; coefficient, error (standard error), count, valid, quadratic; residual, residual_error
        and significance (NaN without exposures).

    Notes
    -----
    Rubin's cp_verify fills one object and appends it for each pair, so that all its rows are the last.
    """
    names = np.array([one.name for one in layout.amplifiers])
    source, target = np.nonzero(_others(matrix))
    nothing = np.full(matrix.coefficients.shape, np.nan)
    left = residual.coefficients if residual else nothing
    errors = residual.errors if residual else nothing
    significance = residual.significance if residual else nothing
    pairs = source, target
    return Table(
        {
            "detector": np.full(source.size, layout.name),
            "compared_detector": np.full(source.size, layout.name),
            "source": names[source],
            "target": names[target],
            "source_index": source,
            "target_index": target,
            "coefficient": matrix.coefficients[pairs],
            "error": matrix.standard_errors[pairs],
            "count": matrix.counts[pairs],
            "valid": matrix.valid[pairs],
            "quadratic": matrix.quadratic[pairs],
            "residual": left[pairs],
            "residual_error": errors[pairs],
            "significance": significance[pairs],
        }
    )


def _others(matrix: CrosstalkMatrix) -> npt.NDArray[np.bool_]:
    """Pairs of two different amplifiers."""
    return ~np.eye(len(matrix.amplifiers), dtype=np.bool_)


type _Pairs = tuple[slice, slice | int]


def _of_pairs(matrix: CrosstalkMatrix, pairs: _Pairs) -> StatisticValues:
    """Statistics of some coefficients of a matrix."""
    others = _others(matrix)
    chosen = others[pairs] & np.isfinite(matrix.coefficients[pairs])
    values, errors = matrix.coefficients[pairs][chosen], matrix.standard_errors[pairs][chosen]
    errors = errors[np.isfinite(errors)]
    return {
        "MAX_COEFFICIENT": float(np.abs(values).max()) if values.size else math.nan,
        "MEDIAN_COEFFICIENT": float(np.median(values)) if values.size else math.nan,
        "MEDIAN_ERROR": float(np.median(errors)) if errors.size else math.nan,
        "N_SIGNIFICANT": float(np.count_nonzero(matrix.valid[pairs] & chosen)),
        "N_MISSING": float(np.count_nonzero(others[pairs] & ~chosen)),
    }


def _left(residual: ResidualCrosstalk | None, pairs: _Pairs) -> StatisticValues:
    """Statistics of what is left of some coefficients."""
    if residual is None:
        return {}
    left = np.abs(residual.coefficients[pairs])
    significance = np.abs(residual.significance[pairs])
    return {
        "MAX_RESIDUAL": _largest(left),
        "MAX_RESIDUAL_SIGNIFICANCE": _largest(significance),
    }


def _largest(values: FloatArray) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.max()) if finite.size else math.nan


def _by_chance(residual: ResidualCrosstalk) -> StatisticValues:
    """How many coefficients contradict the exposures, and how many would by chance."""
    significance = residual.significance[residual.tested]
    n = significance.size
    if n == 0:
        return {"N_TESTED": 0.0}
    probability = 2.0 * float(norm.sf(SIGNIFICANCE))
    return {
        "N_TESTED": float(n),
        "N_RESIDUAL_SIGNIFICANT": float(np.count_nonzero(np.abs(significance) > SIGNIFICANCE)),
        "EXPECTED_BY_CHANCE": n * probability,
        "MOST_BY_CHANCE": float(binom.isf(_RARE, n, probability)),
        "MOST_SIGNIFICANT_BY_CHANCE": float(norm.isf(_RARE / (2.0 * n))),
    }


def _shape(matrix: CrosstalkMatrix, residual: ResidualCrosstalk) -> StatisticValues:
    """Scale and orientation of the matrix, as the exposures show them."""
    tested = residual.tested
    believed, total = np.where(tested, residual.believed, 0.0), np.where(tested, residual.total, 0.0)
    weight = np.divide(1.0, residual.errors**2, out=np.zeros(tested.shape), where=tested)
    strong = tested & (np.abs(np.nan_to_num(matrix.significance, nan=math.inf)) >= _STRONG)
    strong &= matrix.valid & (believed != 0.0)
    scale = math.nan
    if strong.any():
        scale = float((weight * total * believed)[strong].sum() / (weight * believed**2)[strong].sum())
    both = tested & tested.T
    n = int(np.count_nonzero(both))
    gain = math.nan
    if n:
        explained = [_explained(total[both], one[both], weight[both]) for one in (believed, believed.T)]
        gain = (explained[1] - explained[0]) / math.sqrt(2.0 * n)
    return {"SCALE": scale, "TRANSPOSED_ADVANTAGE": gain}


def _explained(total: FloatArray, believed: FloatArray, weight: FloatArray) -> float:
    """Part of the χ² of the exposures that a matrix explains, at the scale and sign that suit it best."""
    squares = float((weight * believed**2).sum())
    return float((weight * total * believed).sum()) ** 2 / squares if squares > 0 else 0.0
