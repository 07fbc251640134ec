"""The exponential approximation: known values, recovery, errors, refusals."""

import numpy as np
import pytest

from tasks.ptc.solve.exponential import exponential_variance, fit_exponential, fit_exponential_bounded
from tasks.ptc.solve.model import FitRefused

TRUTH = np.array([-1.2e-6, 0.75, 1.5])
"""a₀₀, gain, n² of cp_pipe's unit test."""

MEANS = np.arange(1.0, 97.0, 5.0) * 1000.0


@pytest.mark.parametrize(
    ("mean", "variance"),
    [(1000, 1334.800720), (25_000, 32597.124568), (50_000, 63757.344244), (96_000, 117553.882080)],
)
def test_known_variances(mean, variance):
    """Table for gain 0.75, a₀₀ −1.2e-6, n² 1.5, from independent code."""
    assert exponential_variance(mean, TRUTH) == pytest.approx(variance, abs=1e-6)


def test_known_variance_against_the_third_order():
    """a₀₀ −2e-6, gain 1.5, mean 20000: 12564.3959, less the noise."""
    assert exponential_variance(20_000, [-2e-6, 1.5, 0]) == pytest.approx(12564.3959, abs=1e-4)


def test_parameters_are_recovered():
    """cp_pipe's unit test: 1, 6 … 96 s at 1000 adu/s without noise; to seven decimals."""
    variances = exponential_variance(MEANS, TRUTH)
    found = fit_exponential(MEANS, variances, 1 / variances)
    np.testing.assert_allclose(found.parameters, TRUTH, atol=5e-8)
    assert found.a00 == pytest.approx(TRUTH[0], rel=1e-6)
    np.testing.assert_allclose(fit_exponential_bounded(MEANS, variances), TRUTH, rtol=1e-3, atol=1e-9)


def test_without_brighter_fatter_effect_the_curve_is_a_line():
    line = MEANS / 0.75 + 1.5 / 0.75**2
    np.testing.assert_allclose(exponential_variance(MEANS, [0.0, 0.75, 1.5]), line, rtol=1e-14)
    np.testing.assert_allclose(exponential_variance(MEANS, [1e-14, 0.75, 1.5]), line, rtol=1e-8)
    assert fit_exponential(MEANS, line, 1 / line).a00 == pytest.approx(0, abs=1e-12)


def test_errors_agree_with_the_scatter():
    """200 fits: a scatter is known to 5 %; four times that. The mean pull is known to 0.07."""
    random = np.random.default_rng(1)
    variances = exponential_variance(MEANS, [-2e-6, 1.5, 50.0])
    errors = variances * np.sqrt(2 / 1e6)
    fits = [
        fit_exponential(MEANS, variances + errors * random.standard_normal(MEANS.size), 1 / errors)
        for _ in range(200)
    ]
    pulls = np.array([(fit.parameters - [-2e-6, 1.5, 50.0]) / fit.errors for fit in fits])
    np.testing.assert_allclose(np.std(pulls, axis=0), 1.0, atol=0.25)
    np.testing.assert_allclose(np.mean(pulls, axis=0), 0.0, atol=0.3)


def test_two_points_do_not_make_a_curve():
    with pytest.raises(FitRefused, match="fewer than the 3 parameters"):
        fit_exponential(MEANS[:2], MEANS[:2], np.ones(2))


def test_three_points_have_no_errors():
    variances = exponential_variance(MEANS[[0, 8, 19]], TRUTH)
    found = fit_exponential(MEANS[[0, 8, 19]], variances, 1 / variances)
    np.testing.assert_allclose(found.parameters, TRUTH, atol=1e-5)
    assert np.isnan(found.errors).all()
    assert np.isnan(found.chi_squared_per_dof)


def test_many_points_at_two_levels_do_not_fix_three_parameters():
    means = np.array([1000.0, 1000.0, 1000.0, 50_000.0, 50_000.0])
    variances = exponential_variance(means, TRUTH)
    with pytest.raises(FitRefused, match="do not fix"):
        fit_exponential(means, variances, 1 / variances)
