"""The noise model agrees with the scatter of simulated residuals, inputs and others apart."""

import math

import numpy as np
import pytest

from infra.instruments import camera
from tasks.verification.model import ExposureGroup
from tasks.verification.noise import (
    NoiseModel,
    amplifier_medians,
    inverse_response,
    median_variance,
    number_of_inputs,
    overscan_variance,
)
from tests.verification.simulated import READ_NOISE, calibration_image, small_layout

LAYOUT = small_layout()
N_PIXELS = 40000
FOUR_SIGMA = 4 / math.sqrt(2 * N_PIXELS)
"""Relative error of a standard deviation, four times over."""


@pytest.mark.parametrize("n_inputs", [1, 2, 5, 20])
@pytest.mark.parametrize("dark_charge", [0.0, 30.0])
def test_inputs_have_less_and_others_more_than_one_readouts_noise(n_inputs: int, dark_charge: float) -> None:
    rng = np.random.default_rng(n_inputs)
    shape = (n_inputs + 1, N_PIXELS)
    frames = rng.poisson(dark_charge, shape) + rng.normal(0.0, READ_NOISE, shape)
    combined = frames[:-1].mean(axis=0)
    model = NoiseModel(n_inputs=n_inputs, dark_currents={"C10": dark_charge / 60.0})
    for group, frame in ((ExposureGroup.GENERATION, frames[0]), (ExposureGroup.VERIFICATION, frames[-1])):
        expected = model.expected_noise("C10", read_noise=READ_NOISE, group=group, dark_time=60.0)
        assert (frame - combined).std() == pytest.approx(expected, rel=FOUR_SIGMA, abs=1e-12)


@pytest.mark.parametrize("response", [0.5, 0.9, 1.1])
def test_flat_fielded_noise_depends_on_the_response(response: float) -> None:
    # In a vignetted or low-gain amplifier fewer electrons carry the same corrected mean.
    rng, level, n_inputs = np.random.default_rng(0), 1000.0, 10
    pattern = response * rng.normal(1.0, 0.02, N_PIXELS)
    counts = rng.poisson(level * pattern, (n_inputs + 1, N_PIXELS)) + rng.normal(
        0.0, READ_NOISE, (n_inputs + 1, N_PIXELS)
    )
    flat = counts[:-1].mean(axis=0) / level
    model = NoiseModel(
        n_inputs=n_inputs,
        inverse_response={"C10": float((1 / flat).mean())},
        inverse_response_squared={"C10": float((1 / flat**2).mean())},
    )
    for group, frame in ((ExposureGroup.GENERATION, counts[0]), (ExposureGroup.VERIFICATION, counts[-1])):
        corrected = frame / flat
        expected = model.expected_noise(
            "C10", read_noise=READ_NOISE, group=group, signal=float(corrected.mean())
        )
        # Beside sampling: first-order propagation through the division, good to the flat's own noise squared.
        second_order = 1.0 / (n_inputs * response * level)
        assert corrected.std() == pytest.approx(expected, rel=FOUR_SIGMA + second_order)


def test_unknown_number_of_inputs_neglects_the_calibrations_noise() -> None:
    for group in ExposureGroup:
        assert NoiseModel().expected_noise("C10", read_noise=8.0, group=group) == 8.0


def test_negative_signal_and_dark_current_count_as_none() -> None:
    model = NoiseModel(dark_currents={"C10": -0.01})
    group = ExposureGroup.VERIFICATION
    assert model.expected_noise("C10", read_noise=8.0, group=group, dark_time=60.0, signal=-5.0) == 8.0


def test_noise_is_unknown_where_a_term_is() -> None:
    model = NoiseModel(dark_currents={"C10": math.nan})
    group = ExposureGroup.VERIFICATION
    assert math.isnan(model.expected_noise("C10", read_noise=8.0, group=group, dark_time=60.0))
    assert math.isnan(NoiseModel().expected_noise("C10", read_noise=math.nan, group=group))


def test_inputs_are_counted_from_the_header() -> None:
    cards = {"CPP_INPUT_0": 1, "CPP_INPUT_1": 2, "CPP_INPUT_DATE_0": "2024-03-26", "CPP_INPUT_SCALE_0": 1.0}
    assert number_of_inputs(cards) == 2
    assert number_of_inputs({}) is None


def test_medians_and_responses_leave_out_bad_and_unusable_pixels() -> None:
    image = np.full(LAYOUT.image_shape, 0.5)
    first, second = LAYOUT.amplifiers[:2]
    image[second.image_box.slices] = np.nan
    corner = first.image_box.slices
    image[corner][0, :50] = [np.nan] * 10 + [0.0] * 20 + [-1.0] * 20
    flat = calibration_image(image)
    flat.mask[corner][1, :] = 1
    flat.image[corner][1, :] = 100.0
    inverse, squared = inverse_response(flat, LAYOUT)
    assert (inverse[first.name], squared[first.name]) == (2.0, 4.0)
    assert math.isnan(inverse[second.name])
    assert amplifier_medians(flat, LAYOUT)[first.name] == 0.5
    assert math.isnan(amplifier_medians(flat, LAYOUT)[second.name])


@pytest.mark.parametrize("count", [3, 4, 10, 42, 43, 58])
def test_variance_of_a_median_agrees_with_simulation(count: int) -> None:
    rng = np.random.default_rng(count)
    n_medians = 200_000
    medians = np.median(rng.normal(size=(n_medians, count)), axis=1)
    # The formula is right to 2 %; the variance of 200 000 medians scatters by 0.3 %.
    assert median_variance(count) == pytest.approx(
        float(medians.var()), rel=0.02 + 4 * math.sqrt(2 / n_medians)
    )


def test_overscan_variance_counts_the_pixels_really_used() -> None:
    layout = camera("LATISS").detectors[0].layout()
    # 64 columns and 48 rows of LATISS, less three at each end.
    assert overscan_variance(layout)["C10"] == median_variance(58) + median_variance(42)
    assert overscan_variance(layout, parallel=False)["C10"] == median_variance(58)
