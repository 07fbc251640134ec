"""Whether a flat is of the detector that it says, and responds as the fit over the focal plane has it."""

import math
from dataclasses import replace

import numpy as np
import pytest

from infra.images import MaskPlane
from infra.instruments.lsstcam import LSSTCAM
from infra.instruments.lsstcomcam import LSSTCOMCAM
from infra.settings import builtin_policy
from tasks.flat.checking.focal_plane import FocalPlaneEvidence, flat_of_many_statistics
from tasks.flat.checking.pattern import match_patterns
from tasks.flat.checking.response import measure_response, ratio_of_flats
from tasks.flat.gradient.correction import remove_gradient
from tasks.flat.gradient.model import FlatGradient
from tasks.flat.levels.normalisation import FlatScales
from tasks.verification.units import unit_of
from tests.flat.chips import flat_of, layout_of

LAYOUT = layout_of(LSSTCOMCAM, 4)
N = math.prod(LAYOUT.image_shape)
LIGHT = FlatGradient(
    np.array([0.0, 30.0, 60.0, 90.0]), np.array([1.0, 0.996, 0.985, 0.965]), slope=(4e-4, -2.5e-4)
)


def chip(**keys):
    return flat_of(LSSTCOMCAM, 4, **keys)


@pytest.mark.parametrize("noise", [0.0005, 0.002, 0.006])
def test_the_same_sensor_is_known_whatever_the_noise(noise):
    found = match_patterns(chip(noise=noise, seed=1), chip(noise=noise, seed=2), LAYOUT)
    # Error of a correlation freed of noise: that of the correlation over the part that is the pixels' own.
    own = 0.006**2 / (0.006**2 + noise**2)
    error = math.sqrt(2.0 / N) / own
    assert found.match == pytest.approx(1.0, abs=5 * error)
    assert found.strength == pytest.approx(0.006, rel=5 * error)
    assert found.n_pixels == N


def test_another_sensor_shares_nothing():
    found = match_patterns(chip(noise=0.002, seed=1), chip(noise=0.002, seed=2, sensor=1), LAYOUT)
    assert found.match == pytest.approx(0.0, abs=5 / math.sqrt(N) * (1 + (0.002 / 0.006) ** 2))


def test_neither_light_nor_gains_nor_defects_are_taken_for_a_pattern():
    """Two sensors in the same light, with the same gains and a speck of dust at the same place."""
    flats = [flat_of(LSSTCOMCAM, 4, LIGHT, sensor=n, noise=0.001, seed=n) for n in range(2)]
    for flat in flats:
        for k, one in enumerate(LAYOUT.amplifiers):
            flat.image[one.image_box.slices] *= 1.0 + 0.05 * (-1) ** k
        flat.image[50:70, 60:90] *= 0.8
        flat.image[::17, ::19] = 0.1
    assert abs(match_patterns(*flats, LAYOUT).match) < 0.05


def test_masked_pixels_take_no_part():
    first, second = chip(noise=0.001, seed=1), chip(noise=0.001, seed=2)
    first.mask[:60], first.image[:60] = MaskPlane.BAD, np.nan
    found = match_patterns(first, second, LAYOUT)
    assert found.n_pixels == N - 60 * LAYOUT.image_shape[1]
    assert found.match == pytest.approx(1.0, abs=0.03)


def test_flats_of_noise_alone_tell_nothing():
    found = match_patterns(
        chip(response=1e-4, noise=0.005, seed=1), chip(response=1e-4, noise=0.005, seed=2, sensor=1), LAYOUT
    )
    assert math.isnan(found.match)


def test_the_clip_of_few_exposures_is_made_up_for():
    """The scatter of six exposures is too small once the outermost are gone; their light tells the noise."""
    cards = {"LSST ISR UNITS": "electron"} | {f"CPP_INPUT_SCALE_{i}": 10_000.0 for i in range(4)}
    flats = [replace(chip(noise=0.005, seed=n), metadata=cards) for n in (1, 2)]
    for flat in flats:
        flat.variance[:] *= 0.7
    assert match_patterns(*flats, LAYOUT).match == pytest.approx(1.0, abs=0.05)


def test_flats_of_another_shape_are_of_another_detector():
    e2v = LSSTCAM.detector_named("R22_S11").id
    other = flat_of(LSSTCAM, e2v, layout=layout_of(LSSTCAM, e2v, width=25))
    assert match_patterns(chip(), other, LAYOUT).match == 0.0
    assert math.isnan(ratio_of_flats(chip(), other, LAYOUT).detector)


def test_a_flat_that_is_all_masked_tells_nothing():
    flat = chip()
    flat.mask[:] = MaskPlane.BAD
    assert math.isnan(match_patterns(flat, chip(), LAYOUT).match)
    assert math.isnan(measure_response(flat, LAYOUT, LSSTCOMCAM, LIGHT).detector)
    assert math.isnan(ratio_of_flats(flat, chip(), LAYOUT).detector)


def corner(light=LIGHT, **keys):
    """Flat of a corner sensor, freed of the slope."""
    layout = layout_of(LSSTCOMCAM, 8)
    return remove_gradient(flat_of(LSSTCOMCAM, 8, LIGHT, **keys), layout, LSSTCOMCAM, light), layout


def test_a_flat_in_even_light_responds_as_its_neighbours():
    flat, layout = corner(noise=0.001)
    found = measure_response(flat, layout, LSSTCOMCAM, LIGHT)
    assert found.detector == pytest.approx(0.0, abs=5 * 0.006 / math.sqrt(N))
    assert found.slope < 0.003
    assert max(map(abs, found.amplifiers.values())) < 5 * 1.25 * 0.006 / math.sqrt(N / 16)
    assert len(found.amplifiers) == 16


def test_a_slope_taken_out_with_the_wrong_sign_is_seen():
    wrong = replace(LIGHT, slope=(-LIGHT.slope[0], -LIGHT.slope[1]))
    flat, layout = corner(light=wrong)
    found = measure_response(flat, layout, LSSTCOMCAM, LIGHT)
    assert found.slope == pytest.approx(2 * 4e-4 * 40.0, rel=0.1)
    limits = {one.test: one.parameters for one in builtin_policy("LSSTComCam").tests_of("flat")}
    assert found.slope > limits["GRADIENT_RESIDUAL"]["maximum"]


def test_gains_of_amplifiers_are_seen_and_are_no_slope():
    flat, layout = corner()
    factors = dict(zip((one.name for one in layout.amplifiers), np.linspace(0.95, 1.05, 16), strict=True))
    for one in layout.amplifiers:
        flat.image[one.image_box.slices] *= factors[one.name]
    found = measure_response(flat, layout, LSSTCOMCAM, LIGHT)
    for name, factor in factors.items():
        assert found.amplifiers[name] == pytest.approx(
            factor / np.median(list(factors.values())) - 1, abs=4e-3
        )
    assert found.slope < 0.003


def test_a_faint_detector_is_seen():
    flat, layout = corner()
    flat.image[:] *= 0.85
    assert measure_response(flat, layout, LSSTCOMCAM, LIGHT).detector == pytest.approx(-0.15, abs=1e-3)


def test_what_is_vignetted_is_not_compared():
    flat, layout = corner()
    dark = layout.amplifiers[0].image_box.slices
    flat.image[dark], flat.mask[dark] = 0.0, MaskPlane.VIGNETTED | MaskPlane.NO_DATA
    dim = layout.amplifiers[1].image_box.slices
    flat.image[dim] *= 0.5
    flat.mask[dim] = MaskPlane.PARTLY_VIGNETTED
    found = measure_response(flat, layout, LSSTCOMCAM, LIGHT)
    assert layout.amplifiers[0].name not in found.amplifiers
    assert found.amplifiers[layout.amplifiers[1].name] == pytest.approx(-0.5, abs=0.01)
    assert found.detector == pytest.approx(0.0, abs=1e-3)
    assert found.slope < 0.003


def test_without_a_flat_before_nothing_speaks_for_another_sensor():
    flat, layout = corner()
    scales = FlatScales(
        "DETECTOR",
        {1: 2e4, 2: 2e4},
        {(8, ""): 1.0, (3, ""): 1.0},
        {(8, "", 1): -0.02, (8, "", 2): math.nan, (3, "", 1): 0.5},
    )
    found = flat_of_many_statistics(flat, layout, LSSTCOMCAM, FocalPlaneEvidence(LIGHT, None, scales))
    assert found.detector["N_FORMER"] == found.detector["FOREIGN"] == 0.0
    assert "PATTERN_MATCH" not in found.detector
    assert found.detector["LEVEL_RESIDUAL"] == pytest.approx(0.02)
    assert all(unit_of(name) == "" for name in found.detector)
    nothing = flat_of_many_statistics(flat, layout, LSSTCOMCAM, FocalPlaneEvidence())
    assert set(nothing.detector) == {"N_FORMER", "FOREIGN"}


def test_a_flat_before_that_shows_no_pattern_does_not_pass_for_one_that_tells():
    """DETECTOR_IDENTITY cannot fail then, so that DETECTOR_KNOWN has to warn."""
    flat, layout = corner(response=1e-4, noise=0.005, seed=1)
    former, _ = corner(response=1e-4, noise=0.005, seed=2, sensor=1)
    found = flat_of_many_statistics(flat, layout, LSSTCOMCAM, FocalPlaneEvidence(LIGHT, former=former))
    assert math.isnan(found.detector["PATTERN_MATCH"])
    assert found.detector["N_FORMER"] == found.detector["FOREIGN"] == 0.0


def test_with_a_flat_before_a_change_is_measured():
    flat, layout = corner(noise=0.001, seed=1)
    former, _ = corner(noise=0.001, seed=2)
    flat.image[:] *= 1.02
    flat.image[layout.amplifiers[6].image_box.slices] *= 0.96
    found = flat_of_many_statistics(flat, layout, LSSTCOMCAM, FocalPlaneEvidence(LIGHT, former=former))
    assert found.detector["FOREIGN"] == pytest.approx(0.0, abs=0.05)
    assert found.detector["RESPONSE_CHANGE"] == pytest.approx(0.02, abs=1e-3)
    assert found.detector["AMPLIFIER_CHANGE"] == pytest.approx(0.04, abs=1e-3)
