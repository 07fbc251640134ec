"""Quoted errors against the scatter over 20 independent measurements of one camera."""

import numpy as np
import pytest

from infra.simulator.spots import Spots
from tasks.crosstalk.algorithm import SolveSettings, solve_crosstalk
from tasks.crosstalk.steps.correlation import Spread, correlation_factor, spread_of
from tasks.crosstalk.steps.residual import source_fluxes
from tests.crosstalk.fields import extracted, random_matrix

OTHERS = ~np.eye(8, dtype=bool)
TRUTH = random_matrix(1)
SEEDS = range(20)
WIDE = Spots(peak=(40_000.0, 120_000.0))


def measured(seed, settings=None, **others):
    return solve_crosstalk(extracted(np.random.default_rng(seed), 6, TRUTH, **others), settings).matrix


@pytest.fixture(scope="module")
def correlated():
    """Matrices from exposures whose rows have an offset each, half as large as the noise of a pixel."""
    return [measured(seed, row_noise=5.0) for seed in SEEDS]


def ratio(values, errors):
    """Scatter over the seeds relative to the quoted errors: known to 2.2 % from 56 pairs times 19."""
    return np.sqrt((values.var(axis=0, ddof=1)[OTHERS]).mean() / (errors**2).mean(axis=0)[OTHERS].mean())


def stacked(matrices, name):
    return np.array([getattr(one, name) for one in matrices])


def test_quoted_errors_agree_with_the_scatter_over_20_seeds():
    matrices = [measured(seed) for seed in SEEDS]
    found = ratio(stacked(matrices, "coefficients"), stacked(matrices, "standard_errors"))
    # Five of its own errors; the 1.3 of a clipped mean is itself good to 5 %.
    assert found == pytest.approx(1.0, abs=0.12)


def test_quoted_errors_know_what_the_pixels_of_a_source_have_in_common(correlated):
    found = ratio(stacked(correlated, "coefficients"), stacked(correlated, "standard_errors"))
    assert found == pytest.approx(1.0, abs=0.12)
    # Six pixels of a row share 25 of the 125 electron² of variance: 1.25 + 0.2 * 5 = 2, the root of it 1.4.
    assert correlated[0].error_factors.mean() / 1.3 == pytest.approx(1.4, abs=0.25)


def test_coefficients_are_within_three_errors_but_for_what_chance_gives(correlated):
    pulls = ((stacked(correlated, "coefficients") - TRUTH) / stacked(correlated, "standard_errors"))[
        :, OTHERS
    ]
    # 0.27 % of 1120 is 3.0; more than 9 come once in a thousand times.
    assert np.count_nonzero(np.abs(pulls) > 3) <= 9
    assert np.abs(pulls).max() < 5
    assert abs(pulls.mean()) < 0.12  # four errors of the mean of 1120


def test_a_line_has_right_errors_too():
    quadratic = random_matrix(2, 1e-8)
    settings = SolveSettings(flux_order=1)
    matrices = [measured(seed, settings, quadratic=quadratic, spots=WIDE) for seed in SEEDS]
    linear = ratio(stacked(matrices, "coefficients"), stacked(matrices, "standard_errors"))
    assert linear == pytest.approx(1.0, abs=0.15)
    errors = stacked(matrices, "quadratic_standard_errors")
    assert ratio(stacked(matrices, "quadratic"), errors) == pytest.approx(1.0, abs=0.15)
    pulls = (stacked(matrices, "quadratic") - quadratic)[:, OTHERS] / errors[:, OTHERS]
    assert np.count_nonzero(np.abs(pulls) > 3) <= 9
    assert np.abs(pulls).max() < 5


def test_sources_of_one_exposure_are_told_apart():
    ratios = extracted(np.random.default_rng(3), 1, TRUTH, spots=Spots(per_amplifier=2, width=1.2))
    assert all(np.unique(numbers).size == 2 for numbers in ratios[0].sources.values())
    fluxes = source_fluxes(ratios)
    assert (fluxes.means > 30_000).all()
    # The two coefficients of a line through 0 always err against each other.
    assert (fluxes.correlations < -0.9).all()
    assert (fluxes.correlations > -1.0).all()


def test_independent_measurements_have_no_factor_and_common_ones_their_number():
    random = np.random.default_rng(4)
    groups = np.repeat(np.arange(50), 8)
    single = [spread_of(random.normal(0, 1, 400), groups) for _ in range(40)]
    assert correlation_factor(single) == pytest.approx(1.0, abs=0.04)
    shared = [spread_of(np.repeat(random.normal(0, 1, 50), 8), groups) for _ in range(40)]
    assert correlation_factor(shared) == pytest.approx(np.sqrt(8.0), rel=0.05)
    assert spread_of(random.normal(0, 1, 10), np.zeros(10, int)) == Spread()
    assert correlation_factor([]) == 1.0
