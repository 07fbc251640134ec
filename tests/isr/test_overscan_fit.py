"""The level of each row of an overscan."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.isr.overscan_fit import fill_unknown, fit_median_per_row, grown, residual_statistics


def plain_fit(overscan, rejected=None, n_sigma=3.0):
    """Row by row, as the rule is told."""
    usable = np.isfinite(overscan) & (True if rejected is None else ~rejected)
    quartiles = np.full((3, overscan.shape[0]), np.nan)
    for y, row in enumerate(overscan.astype(float)):
        if usable[y].any():
            quartiles[:, y] = np.percentile(row[usable[y]], [25, 50, 75])
    sigma = 0.74 * (quartiles[2] - quartiles[0])
    typical = np.nanmedian(sigma)
    sigma = np.where(sigma > 2 * typical, typical, sigma)
    levels = np.full(overscan.shape[0], np.nan)
    for y, row in enumerate(overscan.astype(float)):
        kept = row[usable[y] & (np.abs(row - quartiles[1, y]) <= n_sigma * sigma[y])]
        if kept.size:
            levels[y] = np.median(kept)
    return levels


@given(st.integers(0, 2**32 - 1), st.integers(5, 58), st.floats(0, 0.4))
def test_levels_agree_with_the_rule_row_by_row(seed, samples, fraction):
    random = np.random.default_rng(seed)
    overscan = random.normal(25_000, 7, (40, samples)).astype(np.float32)
    overscan[random.random(overscan.shape) < 0.05] += 400
    rejected = random.random(overscan.shape) < fraction
    rejected[:, 0] = False  # no row without a pixel: filling is tested apart
    expected = plain_fit(overscan, rejected)
    known = np.isfinite(expected)
    # Float32 at 25 000 resolves 0.002 adu, and quartiles are interpolated in it.
    np.testing.assert_allclose(fit_median_per_row(overscan, rejected)[known], expected[known], atol=0.01)


def test_levels_follow_a_drift_within_the_error_of_a_median():
    # Error of the median of n Gaussian values: √(π / 2 n) σ, asymptotically.
    random = np.random.default_rng(1)
    drift = np.cumsum(random.normal(0, 2, 500))
    overscan = (20_000 + drift[:, None] + random.normal(0, 7, (500, 58))).astype(np.float32)
    error = fit_median_per_row(overscan) - 20_000 - drift
    expected = 7 * np.sqrt(np.pi / 2 / 58)
    assert error.std() == pytest.approx(expected, rel=5 / np.sqrt(2 * 500))
    assert error.mean() == pytest.approx(0.0, abs=5 * expected / np.sqrt(500))


def test_a_bleed_trail_into_some_rows_does_not_lift_their_level():
    # Twenty pixels of 58 carry 30 to 900 adu more: σ of those rows is replaced by the typical one.
    random = np.random.default_rng(2)
    overscan = random.normal(1000, 5, (200, 58)).astype(np.float32)
    overscan[50:60, :20] += random.uniform(30, 900, (10, 20)).astype(np.float32)
    levels = fit_median_per_row(overscan)
    without = np.median(overscan[50:60, 20:], axis=1)
    # Outliers beyond 3 σ go; the first-pass median is biased, so that a few good low pixels may go too.
    assert np.abs(levels[50:60] - without).max() < 5.0
    assert (
        np.abs(np.median(overscan[50:60], axis=1) - without).mean() > np.abs(levels[50:60] - without).mean()
    )


def test_a_row_with_no_good_pixel_is_filled_from_its_neighbours():
    overscan = np.repeat(np.arange(30.0, dtype=np.float32)[:, None], 10, axis=1)
    rejected = np.zeros(overscan.shape, bool)
    rejected[12:15] = True
    # Five rows each side: 7…11 and 15…19; their median is (11 + 15) / 2.
    np.testing.assert_array_equal(fit_median_per_row(overscan, rejected)[11:16], [11, 13, 13, 13, 15])


def test_nan_pixels_are_left_out():
    overscan = np.full((6, 9), 5.0, np.float32)
    overscan[2] = np.nan
    overscan[3, ::2] = np.nan
    np.testing.assert_array_equal(fit_median_per_row(overscan), np.full(6, 5.0))


def test_an_overscan_without_any_good_pixel_has_no_levels():
    overscan = np.zeros((4, 5), np.float32)
    assert fit_median_per_row(overscan, np.ones((4, 5), bool)) is None
    assert fit_median_per_row(np.full((4, 5), np.nan, np.float32)) is None


def test_runs_without_known_neighbours_get_the_overall_median():
    levels = np.full(40, np.nan, np.float32)
    levels[[0, 1, 2]] = [1.0, 2.0, 6.0]
    filled = fill_unknown(levels)
    np.testing.assert_array_equal(filled[3:], 2.0)
    levels = np.full(40, np.nan, np.float32)
    levels[20] = 7.0
    np.testing.assert_array_equal(fill_unknown(levels), 7.0)


def test_growth_is_in_city_block_distance():
    flags = np.zeros((7, 7), bool)
    flags[3, 3] = True
    y, x = np.mgrid[:7, :7]
    np.testing.assert_array_equal(grown(flags, 2), np.abs(y - 3) + np.abs(x - 3) <= 2)
    np.testing.assert_array_equal(grown(flags, 0), flags)
    np.testing.assert_array_equal(grown(np.array([False, False, True, False]), 1), [False, True, True, True])


def test_residuals_are_measured_without_rejected_pixels():
    residual = np.random.default_rng(3).normal(0, 6, (100, 50)).astype(np.float32)
    rejected = np.zeros(residual.shape, bool)
    rejected[:10], residual[:10] = True, 1e4
    found = residual_statistics(residual, rejected)
    assert found.mean == pytest.approx(residual[10:].mean(dtype=float))
    assert found.median == np.median(residual[10:].astype(float))
    assert found.standard_deviation == pytest.approx(6.0, rel=5 / np.sqrt(2 * 4500))
