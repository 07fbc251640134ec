"""What frames show of gain, noise, bias and dark current; tolerances from the statistics."""

import numpy as np
import pytest

from tests.simulator.nights import QUIET, data_section, exposures_of, night, reduce

R_FLAT = {"name": "flat", "type": "flat", "filter": "SDSSr_65mm~empty"}


def test_pair_of_flats_has_the_variance_of_photons_and_read_noise():
    sensor, (first, second) = exposures_of(night({**R_FLAT, "count": 2, "exposure_time": 4.0}, camera=QUIET))
    difference = data_section(first, sensor).astype(float) - data_section(second, sensor)
    variance = difference.var(axis=(1, 2)) / 2
    expected = 20000.0 / sensor.gain**2 + (sensor.read_noise / sensor.gain) ** 2 + 1 / 12
    # A variance of n = 8192 pixels scatters by sqrt(2 / n) = 1.6 %, the mean of 16 by 0.4 %; 4.5 sigma.
    np.testing.assert_allclose(variance / expected, 1.0, atol=4.5 * np.sqrt(2 / 8192))
    assert np.mean(variance / expected) == pytest.approx(1.0, abs=4.5 * np.sqrt(2 / 8192 / 16))


def test_signal_is_the_lamp_rate_times_the_exposure_time_in_electron():
    sensor, exposures = exposures_of(night({**R_FLAT, "exposure_times": [1.0, 3.0]}, camera=QUIET))
    for segments, level in zip(exposures, (5000.0, 15000.0), strict=True):
        # Poisson noise of the mean of 131072 pixels, and of the pedestal's median: 5 sigma.
        assert reduce(segments, sensor).mean() == pytest.approx(level, abs=5 * np.sqrt(level / 131072) + 1.0)


def test_overscan_shows_pedestal_and_read_noise():
    sensor, (segments,) = exposures_of(night({"name": "bias", "type": "bias", "count": 1}, camera=QUIET))
    overscan = segments[:, :, sensor.segment.prescan + sensor.segment.data_width :].astype(float)
    n = overscan[0].size
    noise = np.sqrt((sensor.read_noise / sensor.gain) ** 2 + 1 / 12)
    np.testing.assert_allclose(overscan.mean(axis=(1, 2)), sensor.pedestal, atol=5 * noise.max() / np.sqrt(n))
    np.testing.assert_allclose(overscan.std(axis=(1, 2)) / noise, 1.0, atol=5 / np.sqrt(2 * n))


def test_nominal_gains_and_noises_are_those_of_the_camera_model():
    sensor, _ = exposures_of(night({"name": "bias", "type": "bias", "count": 1}, camera=QUIET))
    assert sensor.gain.tolist() == [amplifier.gain for amplifier in sensor.layout.amplifiers]
    assert sensor.read_noise.tolist() == [amplifier.read_noise for amplifier in sensor.layout.amplifiers]


def test_scattered_gains_scatter():
    camera = {**QUIET, "electronics": {"gain_scatter": 0.02}}
    sensor, _ = exposures_of(night({"name": "bias", "type": "bias", "count": 1}, camera=camera))
    ratio = sensor.gain / [amplifier.gain for amplifier in sensor.layout.amplifiers]
    assert 0.01 < ratio.std() < 0.04  # 0.02 within 2 sigma of its own scatter, 18 % for 16 values, and more


def test_mean_of_biases_is_the_true_bias_after_both_overscans():
    camera = {**QUIET, "bias_structure": {}, "row_drift": {}, "electronics": {}}
    n_exposures = 12
    bias = {"name": "bias", "type": "bias", "count": n_exposures}
    sensor, exposures = exposures_of(night(bias, camera=camera))
    gain = np.zeros(sensor.layout.image_shape)
    for amplifier in sensor.layout.amplifiers:
        gain[amplifier.image_box.slices] = amplifier.gain
    stack = np.stack([reduce(segments, sensor) / gain for segments in exposures])
    error = stack.std(axis=0, ddof=1) / np.sqrt(n_exposures)
    pull = (stack.mean(axis=0) - sensor.bias) / error
    # Pulls follow Student's t with 11 degrees of freedom, of standard deviation sqrt(11/9).
    assert pull.std() == pytest.approx(np.sqrt(11 / 9), abs=0.03)
    # Row and column medians correlate pixels, so that the mean of the pulls scatters by about 1/sqrt(4000).
    assert pull.mean() == pytest.approx(0.0, abs=5 / np.sqrt(4000))


def test_darks_show_the_true_dark_rate_with_hot_pixels():
    camera = {**QUIET, "dark_current": {}, "defects": {"dead_columns": 0, "dead_pixels": 0}}
    n_exposures, time = 10, 60.0
    dark = {"name": "dark", "type": "dark", "count": n_exposures, "exposure_time": time}
    sensor, exposures = exposures_of(night(dark, camera=camera))
    mean = np.mean([reduce(segments, sensor) for segments in exposures], axis=0) / (time + 0.0096)
    # Counts of photons and read noise, the latter 10 % up by the medians of the overscans.
    noise = np.sqrt(sensor.dark_rate / time + (10.3 * 1.1 / time) ** 2) / np.sqrt(n_exposures)
    pull = (mean - sensor.dark_rate) / noise
    assert np.abs(pull).max() < 6.0
    assert pull.mean() == pytest.approx(0.0, abs=5 / np.sqrt(4000))
    hot = tuple(sensor.defects.hot_pixels.T)
    np.testing.assert_allclose(mean[hot], sensor.dark_rate[hot], atol=6 * noise[hot].max())
    assert len(sensor.defects.hot_columns) == 1


def test_row_drift_is_the_same_in_data_and_overscan():
    camera = {**QUIET, "row_drift": {"amplitude": 40.0}}
    sensor, (segments,) = exposures_of(night({"name": "bias", "type": "bias", "count": 1}, camera=camera))
    end = sensor.segment.prescan + sensor.segment.data_width
    data, overscan = segments[:, :, 3:end].mean(axis=2), segments[:, :, end:].mean(axis=2)
    assert data.std(axis=1).mean() > 15
    # Means of 64 pixels each, of 9.6 adu noise at most: their difference scatters by 1.7 adu; 5 sigma.
    assert np.abs(data - overscan).max() < 5 * 1.7


def test_dead_pixels_and_columns_answer_as_the_truth_says():
    camera = {**QUIET, "defects": {"hot_pixels": 0, "hot_columns": 0}}
    sensor, (segments,) = exposures_of(night({**R_FLAT, "count": 1, "exposure_time": 4.0}, camera=camera))
    image, dead = reduce(segments, sensor), tuple(sensor.defects.dead_pixels.T)
    level = 20000.0
    # The level is that of sound pixels; photon noise of at most sqrt(0.4 * 20000) = 90 electron; 5 sigma.
    np.testing.assert_allclose(image[dead], level * sensor.defects.response[dead], atol=5 * 95)
    for x, y0, y1 in sensor.defects.dead_columns:
        assert np.abs(np.median(image[y0:y1, x])) < 20


def test_cosmic_rays_come_at_the_given_rate_and_charge():
    camera = {**QUIET, "cosmic_rays": {"rate": 5.0, "charge": 1000.0, "length": 10.0}}
    dark = {"name": "dark", "type": "dark", "count": 6, "exposure_time": 100.0}
    sensor, exposures = exposures_of(night(dark, camera=camera))
    area = sensor.layout.image_shape[0] * sensor.layout.image_shape[1] * 1e-6
    total = sum(float(np.sum(image[image > 100])) for image in (reduce(item, sensor) for item in exposures))
    # 393 tracks, of (10 + 1) pixels of path with 1000 electron each, in mean; some leave the detector. The
    # lengths are exponential, so that the sum scatters by sqrt(2 / 393) = 7 %.
    expected = 5.0 * area * 600.0 * 11.0 * 1000.0
    assert total == pytest.approx(expected, rel=0.25)


def test_full_well_is_where_the_signal_stops():
    sensor, (segments,) = exposures_of(night({**R_FLAT, "count": 1, "exposure_time": 60.0}, camera=QUIET))
    signal = data_section(segments, sensor) - sensor.pedestal[:, np.newaxis, np.newaxis]
    full = 165000.0 / sensor.gain
    np.testing.assert_allclose(np.median(signal, axis=(1, 2)), full, atol=2.0)
