"""Overscan correction: what is subtracted, and from what."""

from dataclasses import replace

import numpy as np
import pytest

from tasks.isr.overscan import (
    LATISS_PARALLEL,
    PARALLEL,
    SERIAL,
    correct_parallel_overscan,
    correct_serial_overscan,
    reject_lines,
)


def segment(seed=0, shape=(120, 96), level=20_000.0, noise=6.0):
    return np.random.default_rng(seed).normal(level, noise, shape).astype(np.float32)


def parallel(seed=0, columns=60, rows=30, noise=6.0):
    """Make data and parallel overscan with the same columns, at level 0 as after the serial correction."""
    random = np.random.default_rng(seed)
    pattern = random.normal(0, 2, columns)
    data = (pattern + random.normal(0, noise, (90, columns))).astype(np.float32)
    overscan = (pattern + random.normal(0, noise, (rows, columns))).astype(np.float32)
    return data, overscan, pattern


def test_the_serial_level_is_taken_from_all_rows_of_the_segment():
    pixels = segment()
    drift = np.linspace(0, 40, 120, dtype=np.float32)
    pixels += drift[:, None]
    overscan = pixels[:, 64:].copy()
    result = correct_serial_overscan(pixels, overscan)
    assert result.applied
    assert result.level.mean == pytest.approx(20_000 + 20, abs=0.5)
    assert result.level.standard_deviation == pytest.approx(drift.std(), abs=1.0)
    # Every row, the parallel overscan's too, is at 0 within the error of its median: 6 √(π / 2 / 26).
    rows = pixels[:, :60].mean(axis=1)
    assert np.abs(rows).max() < 5 * 6 * np.sqrt(np.pi / 2 / 26 + 1 / 60)


def test_skipped_columns_do_not_enter_the_level():
    pixels = segment()
    pixels[:, 64:67] += 300.0  # deferred charge next to the data
    pixels[:, 93:] -= 300.0
    reference = segment()
    first = correct_serial_overscan(pixels, pixels[:, 64:].copy())
    second = correct_serial_overscan(reference, reference[:, 64:].copy())
    assert first == second


def test_the_residual_tells_the_read_noise():
    # Subtracting the row's own median takes a little of the noise: a factor √(1 − O(1/n)); 3 % at n = 26.
    pixels = segment(noise=6.0)
    result = correct_serial_overscan(pixels, pixels[:, 64:].copy())
    assert result.residual.standard_deviation == pytest.approx(6.0, rel=0.03 + 5 / np.sqrt(2 * 120 * 26))
    assert result.residual.median == pytest.approx(0.0, abs=0.05)


def test_pixels_far_from_the_median_of_the_serial_overscan_are_given_up_on_both_sides():
    for sign in (1, -1):
        pixels = segment()
        pixels[40, 70:90] += sign * 1500.0  # 20 of 26 used pixels: the row's own median is one of them
        result = correct_serial_overscan(pixels, pixels[:, 64:].copy())
        assert result.applied
        assert abs(pixels[40, :60].mean()) < 10.0


def test_a_row_with_no_good_pixel_is_given_up_with_two_on_each_side():
    pixels = segment()
    pixels[40, 64:] += 5000.0
    pixels[38:43, 64:] += 50.0  # the neighbours suffer too, below the limit of deviation
    correct_serial_overscan(pixels, pixels[:, 64:].copy())
    # Filled from rows 33…37 and 43…47, which are not lifted.
    assert np.abs(pixels[38:43, :60].mean(axis=1)).max() < 8.0


def test_an_overscan_with_no_good_pixel_leaves_the_image_alone():
    pixels = segment()
    pixels[:, 64:] = np.nan
    before = pixels.copy()
    result = correct_serial_overscan(pixels, pixels[:, 64:].copy())
    assert not result.applied
    assert (result.level.mean, result.level.median, result.level.standard_deviation) == (0.0, 0.0, 0.0)
    np.testing.assert_array_equal(pixels, before)


def test_the_parallel_level_is_subtracted_column_by_column_from_the_data():
    data, overscan, pattern = parallel()
    before = data.copy()
    result = correct_parallel_overscan(data, overscan)
    assert result.applied
    subtracted = (before - data)[0]
    np.testing.assert_allclose(before - data, np.broadcast_to(subtracted, data.shape), atol=1e-4)
    # Median of 24 rows per column.
    assert (subtracted - pattern).std() == pytest.approx(6 * np.sqrt(np.pi / 2 / 24), rel=5 / np.sqrt(2 * 60))


def test_charge_from_a_bright_star_lifts_only_one_side_unless_the_camera_says_both():
    for settings, low_is_rejected in ((PARALLEL, False), (LATISS_PARALLEL, True)):
        data, overscan, _ = parallel()
        overscan[5:20, 30] -= 200.0  # most of the rows of one column, far below
        before = data[:, 30].mean()
        correct_parallel_overscan(data, overscan, settings)
        shift = before - data[:, 30].mean()
        assert (abs(shift) < 20) == low_is_rejected


def test_thresholds_follow_the_gain_of_an_image_in_electrons():
    # 150 electron at gain 2 are 75 adu: not deviant; at gain 1 they are.
    for gain, rejected in ((1.0, True), (2.0, False)):
        data, overscan, _ = parallel()
        overscan[5:20, 30] += 150.0
        before = data[:, 30].mean()
        correct_parallel_overscan(data, overscan, replace(LATISS_PARALLEL), gain)
        assert (abs(before - data[:, 30].mean()) < 20) == rejected


def test_columns_that_stand_out_are_smoothed_over_but_not_for_latiss():
    for settings, smoothed in ((PARALLEL, True), (LATISS_PARALLEL, False)):
        data, overscan, _ = parallel(noise=1.0)
        overscan[:, 30] += 40.0
        before = data[:, 30].mean()
        correct_parallel_overscan(data, overscan, settings)
        assert (abs(before - data[:, 30].mean()) < 10) == smoothed


def test_columns_near_the_ends_are_not_smoothed_over():
    overscan = np.random.default_rng(0).normal(0, 1, (60, 24)).astype(np.float32)
    for column, flagged in ((0, False), (4, False), (5, True), (54, True), (55, False), (59, False)):
        lifted = overscan.copy()
        lifted[column] += 40.0
        rejected = reject_lines(lifted, None, PARALLEL)
        assert (rejected is not None) == flagged, column
        if flagged:
            np.testing.assert_array_equal(
                np.flatnonzero(rejected.all(axis=1)), np.arange(column - 2, column + 3)
            )


@pytest.mark.parametrize(
    ("data_level", "overscan_level", "flooded"),
    [(30_000, 16_000, True), (30_000, 14_000, False), (9_000, 8_000, False), (10_001, 5_002, True)],
)
def test_a_flooded_overscan_is_not_subtracted(data_level, overscan_level, flooded):
    data, overscan, _ = parallel(noise=1.0)
    data += data_level
    overscan += overscan_level
    before = data.copy()
    result = correct_parallel_overscan(data, overscan, saturation=1e9)
    assert result.applied == (not flooded)
    assert np.array_equal(data, before) == flooded


def test_near_saturated_pixels_of_the_parallel_overscan_are_given_up_and_grown_by_seven():
    data, overscan, _ = parallel(noise=1.0, rows=40)
    settings = replace(LATISS_PARALLEL, maximum_deviation=np.inf)
    overscan[20, 30] = 0.76 * 1e5
    overscan[13:28, 30] += 50.0  # the trail of it, within seven pixels in the column …
    overscan[20, 23:38] += 50.0
    clean_data, clean, _ = parallel(noise=1.0, rows=40)
    correct_parallel_overscan(data, overscan, settings, saturation=1e5)
    correct_parallel_overscan(clean_data, clean, settings, saturation=1e5)
    # What is left of column 30 are 20 of 34 rows: another median, within its error.
    np.testing.assert_allclose(data, clean_data, atol=6 * np.sqrt(np.pi / 2 / 19 + np.pi / 2 / 34))


@pytest.mark.parametrize(("saturation", "limit"), [(None, 20_000.0), (np.nan, 20_000.0), (1e5, 75_000.0)])
def test_the_limit_of_near_saturation_without_a_level_is_twenty_thousand_adu(saturation, limit):
    for excess, rejected in ((1.0, True), (-1.0, False)):
        data, overscan, _ = parallel(noise=1.0, rows=40)
        settings = replace(LATISS_PARALLEL, maximum_deviation=np.inf, flooded_fraction=np.inf)
        overscan[:, 30] = limit + excess
        before = data[:, 30].mean()
        correct_parallel_overscan(data, overscan, settings, saturation=saturation)
        assert (abs(before - data[:, 30].mean()) < 100) == rejected


def test_the_defaults_are_those_of_the_reference():
    assert (SERIAL.skip_leading, SERIAL.skip_trailing, SERIAL.n_sigma) == (3, 3, 3.0)
    assert (SERIAL.maximum_deviation, SERIAL.absolute_deviation, SERIAL.smoothing_width) == (1000.0, True, 0)
    assert (PARALLEL.maximum_deviation, PARALLEL.absolute_deviation) == (100.0, False)
    assert (PARALLEL.smoothing_width, PARALLEL.smoothing_threshold, PARALLEL.grow) == (5, 5.0, 2)
    assert (PARALLEL.flooded_fraction, PARALLEL.flooded_level) == (0.5, 10_000.0)
    assert (PARALLEL.saturation_fraction, PARALLEL.saturation_grow) == (0.75, 7)
    assert replace(LATISS_PARALLEL, absolute_deviation=False, smoothing_width=5) == PARALLEL
