"""Combined calibrations of corrected frames agree with the truth that was injected."""

import numpy as np
import pytest

from infra.images import CalibrationImage
from tasks.bias.algorithm import combine_biases
from tasks.combine.calibration import CombineOptions
from tasks.dark.algorithm import combine_darks
from tasks.flat.algorithm import combine_flats
from tasks.isr.calibrations import Calibrations
from tasks.isr.chain import correct
from tasks.isr.steps import steps_for
from tests.combine.exposures import CREATED, described
from tests.combine.reference import clipped_stack
from tests.isr.raws import LAYOUT, raw

GAINS = {amplifier.name: amplifier.gain for amplifier in LAYOUT.amplifiers}


def gain_map(layout=LAYOUT):
    gains = np.empty(layout.image_shape)
    for amplifier in layout.amplifiers:
        gains[amplifier.image_box.slices] = amplifier.gain
    return gains


def calibration(value, unit="electron", shape=LAYOUT.image_shape, **cards):
    image = np.broadcast_to(np.float32(value), shape).copy()
    mask, variance = np.zeros(shape, np.uint16), np.zeros(shape, np.float32)
    return CalibrationImage(image, mask, variance, {"LSST ISR UNITS": unit, "DARKTIME": 1.0} | cards)


def chi2_against(truth, combined):
    """χ² per degree of freedom of a combined image against the truth, by its own variance plane."""
    image = combined.image
    good = image.mask == 0
    return float(np.mean((image.image[good] - truth[good]) ** 2 / image.variance[good].astype(float)))


def expected_chi2(sigmas):
    """Tell χ² of Gaussian samples of these widths, by the plain rule on other samples, and its error.

    It is not 1: a variance estimated from N samples makes it (N − 1) / (N − 3), and the clip lowers the
    variance it estimates while it makes the mean less efficient.
    """
    stack = np.random.default_rng(123).normal(0, 1, (20, 60, 200)) * np.asarray(sigmas)[:, None, None]
    mean, variance, _ = clipped_stack(stack)
    chi2 = mean**2 / variance
    # Levels common to the pixels of a row or column (1280 rows, 976 columns) carry 6 % of the variance each.
    n_rows, n_columns = 1280, 976
    common = 0.06 * np.sqrt(2 / n_rows + 2 / n_columns) * chi2.mean()
    return chi2.mean(), np.hypot(
        chi2.std() * np.sqrt(1 / chi2.size + 1 / np.prod(LAYOUT.image_shape)), common
    )


def test_a_combined_bias_agrees_with_the_injected_structure():
    truth = np.random.default_rng(7).normal(0, 5, LAYOUT.image_shape)
    truth[:, 100] += 60.0  # a hot column
    steps = steps_for("bias", "LATISS")
    exposures = (
        (described(i), correct(raw(truth / gain_map(), seed=i), LAYOUT, steps, seed=i)) for i in range(20)
    )
    combined = combine_biases(exposures, CombineOptions(LAYOUT, CREATED))
    expected, error = expected_chi2(np.ones(20))
    assert chi2_against(truth, combined) == pytest.approx(expected, abs=5 * error)
    assert combined.n_bad == 0


def test_a_combined_dark_agrees_with_the_injected_current():
    random = np.random.default_rng(8)
    truth = random.uniform(0.0, 0.4, LAYOUT.image_shape)
    truth[40, 50:60] = 20.0  # hot pixels
    steps, bias = steps_for("dark", "LATISS"), calibration(12.0)

    def exposures():
        for i in range(20):
            dark_time = 30.0 + i
            signal = (12.0 + truth * dark_time) / gain_map()
            hits = np.where(random.random(truth.shape) < 0.002, 2000.0, 0.0)  # cosmic rays
            exposure = correct(raw(signal + hits, seed=i), LAYOUT, steps, Calibrations(bias=bias), seed=i)
            yield described(i, 30.0, dark_time), exposure

    combined = combine_darks(exposures(), CombineOptions(LAYOUT, CREATED))
    expected, error = expected_chi2(1 / (30.0 + np.arange(20)))
    assert chi2_against(truth, combined) == pytest.approx(expected, abs=5 * error)


def test_a_combined_flat_agrees_with_the_injected_response():
    random = np.random.default_rng(9)
    x = np.arange(LAYOUT.image_shape[1])
    truth = (1.0 + 0.1 * np.cos(x / 90.0)) * random.normal(1.0, 0.01, LAYOUT.image_shape)
    steps = steps_for("flat", "LATISS")

    def exposures():
        for i in range(20):
            electrons = random.poisson(truth * 20_000.0 * (1 + 0.02 * i))  # the lamp drifts
            signal = (electrons + 0.1 * 2.0) / gain_map()
            exposure = correct(
                raw(signal, seed=i),
                LAYOUT,
                steps,
                Calibrations(bias=calibration(0.0), dark=calibration(0.1)),
                dark_time=2.0,
                seed=i,
            )
            yield described(i, 2.0, 2.0), exposure

    combined = combine_flats(exposures(), CombineOptions(LAYOUT, CREATED))
    expected, error = expected_chi2(1 / np.sqrt(1 + 0.02 * np.arange(20)))
    assert chi2_against(truth / truth.mean(), combined) == pytest.approx(expected, abs=5 * error)
