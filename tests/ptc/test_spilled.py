"""Levels of which some pixels are full are told by the covariances of their neighbours."""

import numpy as np
import pytest

from tasks.flat_pairs.curve.fit_type import FitType
from tasks.ptc.algorithm import SolveSettings, solve_curve
from tasks.ptc.solve.polynomial import CovarianceParameters
from tasks.ptc.solve.spilled import without_spilled
from tests.ptc.flats import A_MATRIX, GAIN, READ_NOISE, gaussian_pairs
from tests.ptc.test_full_covariance import points

MODEL = CovarianceParameters(GAIN, A_MATRIX, np.zeros_like(A_MATRIX))


def spilled(measurements, factor):
    """Return the pairs with the nearest covariances of the highest level multiplied."""
    highest = max(one.mean for one in measurements)
    for one in measurements:
        if one.mean == highest:
            one.covariances[0, 1] *= factor
            one.covariances[1, 0] *= factor
    return highest


@pytest.mark.parametrize("seed", range(5))
def test_a_sound_series_keeps_all_its_levels(seed):
    means, covariances, weights, _ = points(side=8, n=20, seed=seed)
    for scale in (1.0, 0.2):  # many pixels, few pixels
        exact = covariances + np.random.default_rng(seed).normal(size=weights.shape) / (scale * weights)
        kept = without_spilled(means, exact, scale * weights, np.ones(means.size, np.bool_))
        assert kept.all()


def test_the_highest_levels_go_and_no_others():
    means, covariances, weights, _ = points(side=8, n=20)
    covariances[-1, 0, 1] *= 4
    covariances[-2, 1, 0] *= 3
    covariances[5, 0, 1] *= 4  # an outlier in the middle is none of saturation's
    kept = without_spilled(means, covariances, weights, np.ones(means.size, np.bool_))
    assert np.flatnonzero(~kept).tolist() == [18, 19]


def test_few_levels_or_no_neighbours_say_nothing():
    means, covariances, weights, _ = points(side=4, n=5)
    covariances[-1] *= 10
    everything = np.ones(means.size, np.bool_)
    assert without_spilled(means, covariances, weights, everything).all()
    assert without_spilled(means, covariances[:, :1, :1], weights[:, :1, :1], everything).all()
    covariances[:, 1, 0] = np.nan
    assert without_spilled(means, covariances, weights, everything).all()


def test_no_pairs_at_all_are_no_accident():
    means, covariances, weights, _ = points(side=4, n=5)
    nothing = np.zeros(means.size, np.bool_)
    assert not without_spilled(means, covariances, weights, nothing).any()


def test_the_curve_turns_off_below_a_spilled_level_and_keeps_its_gain():
    measurements = gaussian_pairs(5, MODEL, READ_NOISE)
    highest = spilled(measurements, 6.0)
    (one,) = solve_curve(measurements, SolveSettings(fit_type=FitType.FULL_NO_B)).amplifiers
    assert one.reason is None
    assert one.turnoff < highest
    assert abs(one.gain - GAIN) < 4 * one.gain_error
