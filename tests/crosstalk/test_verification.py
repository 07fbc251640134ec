"""The verdict on a matrix: a good one passes, a wrong one fails by the name of what is wrong with it."""

from dataclasses import replace

import numpy as np
import pytest

from infra.settings import builtin_policy
from tasks.crosstalk.algorithm import CrosstalkMatrix, SolveSettings, extract_ratios, solve_crosstalk
from tasks.crosstalk.steps.residual import compare, source_fluxes
from tasks.crosstalk.verify import matrix_rows, product_measurement
from tasks.isr.crosstalk import subtract_crosstalk
from tasks.verification.evaluate import evaluate
from tasks.verification.metrics import metric_rows
from tasks.verification.model import DetectorStatistics, Severity, VerdictOutcome
from tests.crosstalk.fields import EXTRACTION, SPOTTED, extracted, random_matrix, spotted

TRUTH = random_matrix(1, 1e-3)
OTHERS = ~np.eye(8, dtype=bool)
POLICY = builtin_policy("LATISS")
UUID = "5b9f1f0e-0000-4000-8000-000000000001"


@pytest.fixture(scope="module")
def matrix():
    """Return a matrix measured on six exposures."""
    return solve_crosstalk(extracted(np.random.default_rng(10), 6, TRUTH)).matrix


@pytest.fixture(scope="module")
def exposures():
    """Return six other exposures."""
    random = np.random.default_rng(11)
    return [spotted(random, TRUTH) for _ in range(6)]


def residual_of(candidate, exposures, *, quadratic=False):
    """Correct exposures with a matrix, and measure what is left."""
    linear, square = candidate.for_image(SPOTTED, "electron")
    again = []
    for one in exposures:
        corrected = replace(one, image=one.image.copy())
        segments = {amp.name: corrected.image[amp.image_box.slices] for amp in SPOTTED.amplifiers}
        subtract_crosstalk(segments, SPOTTED.amplifiers, linear, square if quadratic else None)
        again.append(extract_ratios(corrected, SPOTTED, EXTRACTION))
    measured = solve_crosstalk(again, SolveSettings(fewest=50)).matrix
    return compare(candidate, measured, source_fluxes(again), SPOTTED, quadratic=quadratic)


def record_of(candidate, residual):
    product = product_measurement(candidate, residual, SPOTTED, n_exposures=6, n_held_out=6)
    return DetectorStatistics(
        calibration="crosstalk",
        detector=0,
        product_amplifiers=dict(product.amplifiers),
        product_detector=dict(product.detector),
        product_problems=dict(product.problems),
        calibration_uuids={"crosstalk": UUID},
    )


def judged(record):
    return evaluate([record], POLICY, calibration="crosstalk", candidates={0: UUID}, day_obs=20240318)


def verdict_of(candidate, exposures):
    return judged(record_of(candidate, residual_of(candidate, exposures)))


def named(results):
    return {one.test for one in results}


def test_a_good_matrix_passes_on_exposures_that_did_not_make_it(matrix, exposures):
    verdict = verdict_of(matrix, exposures)
    assert not verdict.failures
    assert not verdict.warnings
    assert verdict.outcome is VerdictOutcome.VERIFIED


def test_what_is_left_is_below_its_error_but_for_what_chance_gives(matrix, exposures):
    residual = residual_of(matrix, exposures)
    found = residual.significance[OTHERS]
    assert np.isfinite(found).all()
    # Of 56 coefficients 0.15 are expected beyond three errors; more than 2 come once in a thousand times.
    assert np.count_nonzero(np.abs(found) > 3) <= 2
    # The errors hold both measurements: the scatter of 56 is known to 10 %.
    assert found.std() == pytest.approx(1.0, abs=0.35)
    assert np.abs(residual.coefficients[OTHERS]).mean() < 0.05 * np.abs(TRUTH[OTHERS]).mean()


def turned(matrix):
    return replace(
        matrix, **{name: getattr(matrix, name).T for name in ("coefficients", "errors", "counts", "valid")}
    )


def scaled(matrix, factor):
    return replace(matrix, coefficients=factor * matrix.coefficients)


@pytest.mark.parametrize(
    ("fault", "errors", "warnings"),
    [
        pytest.param(turned, {"NO_SIGNIFICANT_DETECTION", "ORIENTATION"}, set(), id="transposed"),
        pytest.param(lambda one: scaled(one, -1.0), {"NO_SIGNIFICANT_DETECTION"}, {"SCALE"}, id="sign"),
        pytest.param(lambda one: scaled(one, 100.0), {"NO_SIGNIFICANT_DETECTION"}, {"SCALE"}, id="per cent"),
        pytest.param(
            lambda one: replace(one, unit="adu", gains=np.linspace(0.5, 2.0, 8)),
            {"NO_SIGNIFICANT_DETECTION"},
            set(),
            id="adu",
        ),
    ],
)
def test_a_wrong_matrix_fails_by_name(matrix, exposures, fault, errors, warnings):
    verdict = verdict_of(fault(matrix), exposures)
    assert verdict.outcome is VerdictOutcome.FAILED
    assert errors <= named(verdict.failures)
    assert warnings <= named(verdict.warnings)
    if "ORIENTATION" not in errors:
        assert "ORIENTATION" not in named(verdict.failures)


def test_one_wrong_coefficient_fails_by_the_largest_contradiction(matrix, exposures):
    wrong = matrix.coefficients.copy()
    wrong[2, 5] += 10 * matrix.standard_errors[2, 5]
    verdict = verdict_of(replace(matrix, coefficients=wrong), exposures)
    assert "LARGEST_SIGNIFICANCE" in named(verdict.failures)
    assert "NO_SIGNIFICANT_DETECTION" not in named(verdict.failures)


def test_coefficients_that_are_not_applied_are_no_contradiction():
    # Crosstalk of one and a half errors: little of it is significant, and twice the exposures show the rest.
    weak = random_matrix(3, 2e-5)
    first = solve_crosstalk(extracted(np.random.default_rng(12), 6, weak)).matrix
    random = np.random.default_rng(13)
    residual = residual_of(first, [spotted(random, weak) for _ in range(12)])
    assert first.valid.sum() < 28
    assert np.count_nonzero(np.abs(residual.significance[OTHERS]) > 3) <= 2


def test_the_error_of_a_quadratic_matrix_is_that_at_the_signals_of_the_sources():
    quadratic = random_matrix(4, 1e-8)
    settings = SolveSettings(flux_order=1)
    first = solve_crosstalk(extracted(np.random.default_rng(14), 6, TRUTH, quadratic), settings).matrix
    random = np.random.default_rng(15)
    others = [spotted(random, TRUTH, quadratic) for _ in range(6)]
    residual = residual_of(first, others, quadratic=True)
    assert residual.significance[OTHERS].std() == pytest.approx(1.0, abs=0.35)
    without = residual_of(replace(first, quadratic=np.zeros((8, 8))), others)
    assert np.abs(without.significance[OTHERS]).max() > 10


def test_an_amplifier_without_bright_pixels_is_named(matrix):
    silent = matrix.coefficients.copy()
    silent[3] = np.nan
    one = replace(matrix, coefficients=silent, valid=matrix.valid & np.isfinite(silent))
    verdict = judged(record_of(one, None))
    failures = [result for result in verdict.failures if result.test == "PROCESSING"]
    assert [result.amplifier for result in failures] == [SPOTTED.amplifiers[3].name]
    assert "too few bright pixels" in failures[0].reason
    assert "MISSING" in named(verdict.warnings)


def test_without_exposures_a_matrix_is_not_verified(matrix):
    verdict = judged(record_of(matrix, None))
    assert verdict.outcome is VerdictOutcome.COULD_NOT_RUN
    assert {"NO_SIGNIFICANT_DETECTION", "RESIDUAL"} <= named(verdict.could_not_run)


def test_statistics_say_how_many_chance_gives(matrix, exposures):
    values = product_measurement(matrix, residual_of(matrix, exposures), SPOTTED).detector
    assert values["N_TESTED"] == 56
    assert values["EXPECTED_BY_CHANCE"] == pytest.approx(56 * 0.0026998, rel=1e-4)
    # Binomial: P(> 2) of 56 at 0.27 % is 5e-4, P(> 1) 1e-2; and the normal quantile of 1e-3 / 112.
    assert values["MOST_BY_CHANCE"] == 2
    assert values["MOST_SIGNIFICANT_BY_CHANCE"] == pytest.approx(4.286, abs=0.01)
    assert values["SCALE"] == pytest.approx(1.0, abs=0.05)


def test_coefficients_are_metrics_of_each_victim(matrix, exposures):
    rows = list(
        metric_rows(
            [record_of(matrix, residual_of(matrix, exposures))], campaign="c", calibration="crosstalk"
        )
    )
    coefficient = {row.amplifier: row.value for row in rows if row.metric == "crosstalk.coefficient"}
    expected = np.nanmax(np.abs(np.where(OTHERS, matrix.coefficients, np.nan)), axis=0)
    assert list(coefficient.values()) == pytest.approx(expected.tolist())


def test_every_row_of_the_matrix_table_is_its_own(matrix, exposures):
    # Rubin's table repeats the last pair in every row.
    rows = matrix_rows(matrix, residual_of(matrix, exposures), SPOTTED)
    assert len({(row["source"], row["target"]) for row in rows}) == 56
    assert len(set(rows["coefficient"])) == 56
    assert len(set(rows["residual"])) == 56
    for row in rows:
        assert row["coefficient"] == matrix.coefficients[row["source_index"], row["target_index"]]


def test_a_curated_matrix_without_errors_is_tested_by_the_exposures_alone(exposures):
    names = tuple(one.name for one in SPOTTED.amplifiers)
    zero = np.zeros((8, 8))
    truth = CrosstalkMatrix(names, TRUTH, zero, zero.astype(np.int64), OTHERS, zero, zero)
    verdict = verdict_of(truth, exposures)
    assert verdict.outcome is VerdictOutcome.VERIFIED
    wrong = verdict_of(scaled(truth, -1.0), exposures)
    assert wrong.outcome is VerdictOutcome.FAILED
    assert all(one.severity is Severity.ERROR for one in wrong.failures)
