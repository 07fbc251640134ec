"""The quick look finds what was put into the pixels."""

import math

import numpy as np
import pytest

from infra.raws.quick_statistics import QuickStatistics, quick_statistics
from infra.raws.reader import read_raw
from tests.raws.small_raws import DETECTOR, primary_cards, raw_bytes, stored_segments


def look(tmp_path, segments, **options) -> QuickStatistics:
    path = tmp_path / "raw.fits"
    path.write_bytes(raw_bytes(primary_cards(1), segments, **options))
    return quick_statistics(read_raw(path))


def test_levels_and_noise_of_every_amplifier(tmp_path):
    statistics = look(tmp_path, stored_segments(level=3000.0))
    assert abs(statistics.level - 3000) < 2
    for number, name in enumerate(amplifier.name for amplifier in DETECTOR.amplifiers):
        amplifier = statistics.amplifiers[name]
        # 320 data and 144 overscan pixels of 5 adu, medians: 1.25 * 5 * sqrt(1/320 + 1/144) = 0.63 adu.
        assert abs(amplifier.level - 3000) < 4 * 0.63 + 0.5
        assert abs(amplifier.overscan_level - 20000 - 1000 * number) < 4 * 0.52 + 0.5
        # 128 differences that share pixels: about 5 / sqrt(96) = 0.5 adu.
        assert abs(amplifier.overscan_noise - 5) < 4 * 0.5


def test_noise_does_not_count_drifts_nor_a_bright_pixel(tmp_path):
    segments = stored_segments()
    for image in segments.values():
        image += np.arange(24, dtype=np.int32)[:, None] * 10
    segments["C04"][3, 30] += 50000
    noise = look(tmp_path, segments).amplifiers["C04"].overscan_noise
    assert abs(noise - 5) < 2


def test_a_gradient_is_told_by_its_direction(tmp_path):
    segments = stored_segments(level=1000.0)
    layout = DETECTOR.layout()
    for amplifier in layout.amplifiers:
        if amplifier.image_box.x0 >= layout.image_shape[1] // 2:
            segments[amplifier.name][:16, 3:23] += 100
    statistics = look(tmp_path, segments)
    assert abs(statistics.gradient_x - 100 / 1050) < 0.01
    assert abs(statistics.gradient_y) < 0.005


@pytest.mark.parametrize("names", [("C00",), ("C17",), ("C10", "C17", "C00", "C07")])
def test_glowing_corners_stand_out_even_one_alone(tmp_path, names):
    segments = stored_segments(level=10.0)
    for name in names:
        # An eighth of the detector's width is one amplifier; the outer rows are read out first.
        segments[name][:4, 3:23] += 400
    assert abs(look(tmp_path, segments).corner_excess - 400) < 6
    assert abs(look(tmp_path, stored_segments(level=10.0)).corner_excess) < 6


def test_saturation_and_nan_are_counted(tmp_path):
    segments = stored_segments()
    segments["C11"][:16, 3:23] = 200000
    assert look(tmp_path, segments).saturated_fraction == pytest.approx(1 / 16)
    spoiled = {name: image.astype(np.float32) for name, image in stored_segments().items()}
    spoiled["C11"][:, :7] = np.nan
    statistics = look(tmp_path, spoiled, compression=None)
    assert statistics.nan_fraction == pytest.approx(7 / 35 / 16)
    assert math.isfinite(statistics.level)


def test_a_dead_amplifier_does_not_spoil_the_rest(tmp_path):
    spoiled = {name: image.astype(np.float32) for name, image in stored_segments(level=100.0).items()}
    spoiled["C11"][:] = np.nan
    statistics = look(tmp_path, spoiled, compression=None)
    assert math.isnan(statistics.amplifiers["C11"].level)
    assert abs(statistics.level - 100) < 2
    again = QuickStatistics.from_json(statistics.to_json())
    assert again.to_json() == statistics.to_json()
    assert statistics.to_json()["amplifiers"]["C11"]["level"] is None


def test_a_fraction_of_no_light_is_zero(tmp_path):
    statistics = look(tmp_path, stored_segments(level=0.0))
    if abs(statistics.level) < 1:
        assert (statistics.gradient_x, statistics.gradient_y) == (0.0, 0.0)
    assert abs(statistics.level) < 2


def test_bright_stars_are_counted_above_the_level_of_their_amplifier(tmp_path):
    assert look(tmp_path, stored_segments(level=3000.0)).bright_fraction == 0.0
    segments = stored_segments(level=3000.0)
    saturation = DETECTOR.layout().amplifiers[0].saturation
    # A twentieth of one amplifier of 16, all of it in the sample of a small frame.
    segments["C10"][:8, 3:5] += int(0.3 * saturation)
    statistics = look(tmp_path, segments)
    assert statistics.bright_fraction == pytest.approx(16 / 16 / 320)
    again = QuickStatistics.from_json(statistics.to_json())
    assert again.bright_fraction == statistics.bright_fraction
    older = {key: value for key, value in statistics.to_json().items() if key != "bright_fraction"}
    assert math.isnan(QuickStatistics.from_json(older).bright_fraction)
