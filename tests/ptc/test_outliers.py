"""Outliers, turnoff, flux levels, and the bend below the turnoff."""

import numpy as np
import pytest

from tasks.ptc.solve.exponential import exponential_variance
from tasks.ptc.solve.model import FitRefused, OutlierSettings
from tasks.ptc.solve.outliers import distinct_levels, find_outliers, turnoff
from tasks.ptc.solve.rolloff import find_rolloff, rolloff_loss

PARAMETERS = np.array([-2e-6, 1.5, 40.0])


def curve(n=60, highest=80_000.0):
    means = np.linspace(500, highest, n)
    return means, exponential_variance(means, PARAMETERS)


def everything(means):
    return np.ones(means.size, bool)


def test_a_clean_curve_is_kept_whole():
    means, variances = curve()
    assert find_outliers(means, variances, everything(means)).all()


def test_a_single_outlier_is_rejected_and_no_other():
    means, variances = curve()
    variances[20] *= 1.1
    kept = find_outliers(means, variances, everything(means))
    assert np.flatnonzero(~kept).tolist() == [20]


def test_points_beyond_saturation_are_rejected():
    means, variances = curve(120, 120_000.0)
    variances[means > 90_000] *= 0.1
    kept = find_outliers(means, variances, everything(means))
    assert means[kept].max() == means[means <= 90_000].max()


def test_nothing_is_kept_beyond_a_wide_gap():
    """A point far above rejected ones lies on the curve by chance."""
    means, variances = curve()
    variances[40:50] *= 0.5
    kept = find_outliers(means, variances, everything(means))
    assert not kept[40:].any()
    wide = OutlierSettings(jump_limit=1e6)
    assert find_outliers(means, variances, everything(means), wide)[50:].all()


def test_in_a_coarse_sequence_one_outlier_costs_one_point_and_saturation_still_ends_the_curve():
    means, variances = curve(12, 110_000.0)  # steps of 10 000 adu, far beyond the limit of 9000 electron
    variances[6] *= 0.9
    kept = find_outliers(means, variances, everything(means))
    assert np.flatnonzero(~kept).tolist() == [6]
    variances[6] /= 0.9
    variances[9:] *= [0.5, 0.1, 0.01]
    assert np.flatnonzero(find_outliers(means, variances, everything(means))).tolist() == list(range(9))


def test_limits_may_be_given_in_adu():
    means, variances = curve()
    variances[40:50] *= 0.5
    in_electron = OutlierSettings(jump_limit=30_000)
    assert not find_outliers(means, variances, everything(means), OutlierSettings(jump_limit=16_000)).all()
    # 11 intervals of 1347 adu: less than 30000 electron, at some 1.7 electron/adu, and more than 10000 adu
    assert find_outliers(means, variances, everything(means), in_electron)[50:].all()
    in_adu = OutlierSettings(jump_limit=10_000, linear_limit=40_000, limits_in_adu=True)
    assert not find_outliers(means, variances, everything(means), in_adu)[50:].any()


def test_order_does_not_matter():
    means, variances = curve()
    variances[20] *= 1.1
    order = np.random.default_rng(1).permutation(means.size)
    kept = find_outliers(means[order], variances[order], everything(means))
    np.testing.assert_array_equal(kept, find_outliers(means, variances, everything(means))[order])


def test_unusable_points_stay_rejected():
    means, variances = curve()
    usable = everything(means)
    usable[:5] = False
    variances[:5] = np.nan
    kept = find_outliers(means, variances, usable)
    np.testing.assert_array_equal(kept, usable)


def test_a_variance_of_zero_is_an_outlier():
    means, variances = curve()
    variances[30] = 0
    assert not find_outliers(means, variances, everything(means))[30]


@pytest.mark.parametrize("n", [0, 1])
def test_fewer_than_two_points_are_refused(n):
    means, variances = curve()
    usable = np.arange(means.size) < n
    with pytest.raises(FitRefused, match="fewer than 2"):
        find_outliers(means, variances, usable)


def test_turnoff_is_the_last_kept_mean():
    means = np.array([300.0, 100.0, 200.0, 450.0, np.nan])
    kept = np.array([True, True, True, False, False])
    assert turnoff(means, kept) == (300.0, 125.0)
    assert turnoff(means, kept | (means == 450)) == (450.0, 150.0)
    highest, error = turnoff(np.array([100.0]), np.array([True]))
    assert highest == 100.0
    assert np.isnan(error)


def test_levels_are_counted_not_pairs():
    assert distinct_levels(np.array([100.0, 100.5, 99.8, 5000.0, 5010.0])) == 2
    assert distinct_levels(np.array([])) == 0
    assert distinct_levels(np.array([1.0, 2.0, 4.0])) == 3


def bent(begin=60_000.0, tau=-1200.0, n=400):
    means, variances = curve(n)
    return means, variances - rolloff_loss(means, begin, tau)


def test_the_bend_is_recovered():
    means, variances = bent()
    kept = means < 66_000
    found = find_rolloff(means, variances, kept, float(means[kept].max()), PARAMETERS)
    assert found.tau == pytest.approx(-1200, rel=0.05)
    loss = rolloff_loss(means, 60_000, -1200)
    expected = means[loss <= 0.01 * exponential_variance(means, PARAMETERS)].max()
    assert found.mean == pytest.approx(min(expected, means[kept].max()), abs=400)


def test_a_tighter_tolerance_gives_a_lower_rolloff():
    means, variances = bent(tau=-2500.0)
    kept = means < 76_000
    ends = [
        find_rolloff(means, variances, kept, float(means[kept].max()), PARAMETERS, tolerance).mean
        for tolerance in (0.01, 0.0005)
    ]
    assert ends[1] < ends[0] <= means[kept].max()


def test_without_points_above_the_turnoff_that_is_the_rolloff():
    means, variances = curve()
    found = find_rolloff(means, variances, everything(means), float(means.max()), PARAMETERS)
    assert found.mean == means.max()
    assert np.isnan([found.tau, found.tau_error, found.error]).all()
