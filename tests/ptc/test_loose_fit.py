"""Covariances so noisy that they hardly tell b: the fit arrives, or does without b and says so."""

import numpy as np
import pytest

from tasks.flat_pairs.curve.fit_type import FitType
from tasks.ptc.algorithm import SolveSettings, solve_curve
from tasks.ptc.solve import full_covariance
from tasks.ptc.solve.full_covariance import fit_covariances
from tasks.ptc.solve.polynomial import CovarianceParameters
from tests.ptc.flats import A_MATRIX, GAIN, READ_NOISE, gaussian_pairs
from tests.ptc.test_full_covariance import model, points

FULL = SolveSettings(fit_type=FitType.FULL)


@pytest.mark.parametrize("seed", [0, 4, 6])
def test_a_fit_that_creeps_stops_where_nothing_is_to_be_gained(seed):
    means, _, weights, (gain, a, c, noise) = points(side=8, n=20)
    weights = 0.3 * weights
    exact = model(means, gain, a, c / a, noise)
    noisy = exact + np.random.default_rng(seed).normal(size=exact.shape) / weights
    found = fit_covariances(means, noisy, weights, start_gain=1.5)
    assert found.n_iterations > 10  # or the data are none that need damping
    assert abs(found.gain - gain) < 4 * found.gain_error
    shaken = fit_covariances(means, noisy, weights, start_gain=1.4)
    assert shaken.chi_squared == pytest.approx(found.chi_squared, abs=1e-5)


def test_without_an_end_b_is_left_out_and_the_curve_says_so(monkeypatch):
    truth = CovarianceParameters(GAIN, A_MATRIX, np.zeros_like(A_MATRIX))
    measurements = gaussian_pairs(3, truth, READ_NOISE)
    (with_b,) = solve_curve(measurements, FULL).amplifiers
    assert with_b.remarks == ()
    # One step is not enough with b, which the first guess lacks, and is without: its guess is nearly right.
    monkeypatch.setattr(full_covariance, "_MOST_STEPS", with_b_steps(measurements) - 1)
    (one,) = solve_curve(measurements, FULL).amplifiers
    assert one.reason is None
    assert one.remarks == ("the covariances do not tell b, which is left at 0",)
    assert not np.any(one.b_matrix)
    assert abs(one.gain - GAIN) < 4 * one.gain_error


def with_b_steps(measurements):
    """Return how many steps the fit with b takes."""
    curve = solve_curve(measurements, FULL).amplifiers[0]
    series, kept = curve.series, curve.kept
    points_of = series.means[kept], series.covariances[kept], series.sqrt_weights[kept]
    steps = [
        fit_covariances(*points_of, start_gain=GAIN, with_b=with_b).n_iterations for with_b in (True, False)
    ]
    assert steps[0] > steps[1]
    return steps[0]
