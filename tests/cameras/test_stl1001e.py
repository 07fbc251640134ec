"""A real camera of another kind, an SBIG STL-1001E, through the code that Rubin's cameras go through.

References are plain-numpy values that came with the frames, in adu. The frames lie in the folder named by
CALPROD_TEST_DATA.
"""

import itertools
import json
from collections import Counter
from collections.abc import Iterable

import numpy as np
import pytest

from infra.images import CalibrationImage, CorrectedExposure
from tasks.bias.pipeline_task import BiasBootstrapTask
from tasks.combine.clipping import clipped_mean
from tasks.combine.pipeline_task import CombineTask, corrected
from tasks.combine.raw_inputs import RawInput
from tasks.dark.pipeline_task import DarkBootstrapTask
from tasks.flat.pipeline_task import FlatBootstrapTask
from tasks.isr.calibrations import Calibrations
from tasks.isr.steps import Purpose, steps_for
from tasks.ptc.algorithm import (
    AmplifierReading,
    FitType,
    PairDescription,
    PairMeasurement,
    SolveSettings,
    measure_pair,
    solve_curve,
    to_table,
)
from tests.cameras.stl1001e import Series, read_series

pytestmark = pytest.mark.shared_data

WARM, COLD = -5.0, -10.0


@pytest.fixture(scope="module")
def series(test_data) -> Series:
    return read_series(test_data)


@pytest.fixture(scope="module")
def reference(test_data) -> dict:
    return json.loads((test_data / "frames" / "stl1001_reference.json").read_text())


def combined(
    task: type[CombineTask], raws: list[RawInput], **calibrations: CalibrationImage
) -> CalibrationImage:
    made = task(config=task.ConfigClass()).run(iter(raws), Calibrations(**calibrations), {}, len(raws))
    assert isinstance(made.calibration, CalibrationImage)
    return made.calibration


def correct_all(
    purpose: Purpose, raws: Iterable[RawInput], **calibrations: CalibrationImage
) -> list[CorrectedExposure]:
    """Correct exposures as the calibration of that name would have them (adu)."""
    steps = steps_for(purpose, "STL1001E", has_overscan=False)
    return [corrected(raw, steps, Calibrations(**calibrations)) for raw in raws]


@pytest.fixture(scope="module")
def biases(series) -> dict[float, CalibrationImage]:
    return {
        temperature: combined(BiasBootstrapTask, series.of("bias", temperature))
        for temperature in (WARM, COLD)
    }


@pytest.fixture(scope="module")
def dark(series, biases) -> CalibrationImage:
    """Return the dark (adu/s) of the frames of 60 s, four of which are called "expos1"."""
    raws = series.of("dark", WARM, 60.0)
    assert len(raws) == 5
    return combined(DarkBootstrapTask, raws, bias=biases[WARM])


def test_every_frame_is_what_its_header_says_and_not_its_name(series):
    kinds = Counter(
        (one.observation.observation_type, one.observation.exposure_time.value, one.header_values["TEMP_SET"])
        for one in series.candidates
    )
    assert kinds == {
        ("bias", 0.0, WARM): 10,
        ("bias", 0.0, COLD): 7,
        ("dark", 60.0, WARM): 5,
        **{("dark", float(seconds), WARM): 1 for seconds in (10, 20, 30, 150, 300)},
        **{("dark", float(seconds), COLD): 1 for seconds in (10, 60, 300)},
        ("flat", 23.0, WARM): 6,
    }
    assert len({one.exposure for one in series.candidates}) == 36
    assert Counter(one.day_obs for one in series.candidates) == {20170908: 35, 20170901: 1}
    assert {one.observation.physical_filter for one in series.candidates} == {"Visible", "Red"}


def test_the_sensor_is_near_the_temperature_it_was_set_to(series):
    for one in series.candidates:
        assert abs(one.header_values["CCDTEMP"] - one.header_values["TEMP_SET"]) < 0.5


def test_the_quick_look_tells_bias_dark_and_flat_apart_without_overscan(series):
    for one in series.candidates:
        assert one.statistics is not None
        level, kind = one.statistics.level, one.observation.observation_type
        # The pedestal drifts by 7 adu from one week to another; darks reach 106 adu, flats 18 700.
        assert {"bias": -8 < level < 2, "dark": 0 < level < 110, "flat": level > 18_000}[kind]


@pytest.mark.parametrize(("temperature", "key"), [(WARM, "-5C"), (COLD, "-10C")])
def test_bias_levels_drift_as_the_reference_saw_them(series, reference, temperature, key):
    exposures = correct_all("biasBootstrap", series.of("bias", temperature))
    levels = [float(one.image.mean(dtype=float)) for one in exposures]
    # The reference leaves a few outliers out.
    np.testing.assert_allclose(levels, reference[f"bias_mean_frames{key}"], atol=0.03)


@pytest.mark.parametrize(("temperature", "key", "noise"), [(WARM, "-5C", 6.70), (COLD, "-10C", 6.56)])
def test_read_noise_from_differences_of_biases(series, reference, temperature, key, noise):
    images = [one.image for one in correct_all("biasBootstrap", series.of("bias", temperature))]
    found = [
        clipped_mean((second - first).ravel(), 5.0, 3).standard_deviation / np.sqrt(2.0)
        for first, second in itertools.pairwise(images)
    ]
    # Dithering adds 1/12 adu² to each; 2^20 pixels tell the standard deviation to 0.005 adu.
    found = np.sqrt(np.square(found) - 1 / 12)
    np.testing.assert_allclose(found, reference[f"rn_adu_pairs{key}"], atol=0.02)
    assert float(np.mean(found)) == pytest.approx(noise, abs=0.01)


@pytest.mark.parametrize(("temperature", "key", "rate"), [(WARM, "Neg5", 0.347), (COLD, "Neg10", 0.172)])
def test_dark_current_from_darks_of_all_lengths(series, biases, reference, temperature, key, rate):
    raws = series.of("dark", temperature)
    exposures = correct_all("darkBootstrap", raws, bias=biases[temperature])
    medians: dict[float, list[float]] = {}
    for raw, exposure in zip(raws, exposures, strict=True):
        medians.setdefault(raw.exposure_time, []).append(float(np.median(exposure.image)))
    for seconds, expected in reference[f"dark_median_adu_{key}"].items():
        # The pedestal drifts by 0.3 adu between frames; the reference has medians of whole numbers.
        assert np.median(medians[float(seconds)]) == pytest.approx(expected, abs=0.6)
    times = sorted(medians)
    slope = np.polyfit(times, [np.median(medians[seconds]) for seconds in times], 1)[0]
    assert slope == pytest.approx(reference[f"dark_rate_adu_s_{key}"], rel=0.005)
    assert slope == pytest.approx(rate, rel=0.005)


def test_the_combined_dark_and_its_hot_pixels(dark, reference):
    charge = 60.0 * dark.image
    assert np.median(charge) == pytest.approx(reference["dark60_median_adu"], abs=0.3)
    # The reference combined four of the five frames, by their median: some pixels blink.
    assert np.count_nonzero(charge > 200) == pytest.approx(reference["hot_pixels_60s_gt_200adu"], rel=0.01)
    assert np.count_nonzero(charge > 1000) == pytest.approx(reference["hot_pixels_60s_gt_1000adu"], rel=0.01)


@pytest.fixture(scope="module")
def pairs(series, biases) -> list[PairMeasurement]:
    """Return what three pairs of dome flats of one level tell, each frame less the bias alone."""
    raws = series.of("flat", WARM)
    flats = correct_all("ptc", raws, bias=biases[WARM])
    measured = []
    for first in range(0, len(raws), 2):
        one, other = raws[first], raws[first + 1]
        pair = PairDescription((one.exposure, other.exposure), 23.0, one.begin_mjd)
        # Without overscan the read noise comes from the biases.
        readings = {"A": AmplifierReading(overscan_noise=6.70)}
        measured += measure_pair(flats[first], flats[first + 1], one.raw.layout, pair, readings)
    return measured


def test_gain_from_pairs_of_dome_flats(pairs, reference):
    for measured, expected in zip(pairs, reference["flat_pairs"], strict=True):
        assert measured.reason is None
        # The reference took a part of the frame, which is 0.6 % brighter.
        assert measured.mean == pytest.approx(expected["mean"], rel=0.01)
        # 2^20 pixels tell the variance to 0.14 %.
        assert measured.gain == pytest.approx(expected["gain_e_per_adu"], rel=3 * 0.0014)
        # Covariances of neighbours have errors of C00 / 1024 = 9.5 adu², in both.
        for lag, key in (((1, 0), "cov_serial"), ((0, 1), "cov_parallel")):
            assert abs(measured.covariances[lag] - expected[key]) < 3 * np.sqrt(2) * 9.5
    assert 1.925 < float(np.mean([one.gain for one in pairs])) < 1.945


@pytest.mark.parametrize("fit_type", list(FitType))
def test_one_level_makes_no_curve_and_says_so_and_the_pairs_keep_their_gains(pairs, fit_type):
    table = to_table(solve_curve(pairs, SolveSettings(fit_type=fit_type)))
    assert "3 usable pairs at 1 flux levels" in table["BAD_REASON"][0]
    assert np.isnan(table["GAIN"][0])
    np.testing.assert_allclose(np.sort(table["GAIN_LIST"][0]), np.sort([one.gain for one in pairs]))


def test_the_combined_flat_has_the_spread_of_the_reference(series, biases, dark, reference):
    flat = combined(FlatBootstrapTask, series.of("flat", WARM), bias=biases[WARM], dark=dark)
    found = np.percentile(flat.image, (1, 50, 99, 99.9))
    expected = np.array(reference["flat_min_max_1_99"][1:])
    np.testing.assert_allclose(found / found[1], expected / expected[1], rtol=5e-4)
