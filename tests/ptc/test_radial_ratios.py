"""Ratios of amplifiers under light that falls off with the distance from the middle of the focal plane."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.polynomial import chebyshev

from infra.errors import CalprodError, UsageError
from infra.instruments import camera
from infra.instruments.layout import SegmentModel
from tasks.flat_pairs.amplifier_ratios import RatioSettings, amplifier_ratios, light_of_camera
from tasks.flat_pairs.binned_flat import bin_grid, bin_pixels, in_electrons
from tasks.flat_pairs.illumination import fit_ratios
from tasks.flat_pairs.radial_profile import profile_basis, profile_nodes, with_radius
from tasks.ptc.run.config import GainRatioConfig

SEGMENT = SegmentModel(100, 420, 0, 100, 420)
ERRORS = np.array([0, 4, -6, 9, 0, -12, 3, 5, -2, 10, 0, -7, 8, 1, -4, 6]) / 1000.0
"""Errors of the gains, by amplifier."""
SETTINGS = RatioSettings(order=1, radial_nodes=20)
FIXED = 4


def binned(detector, noise=0.003, steep=6.0, seed=3):
    """Bins of a vignetted flat of an LSSTCam detector: 15 % over its diagonal at the edge of the field."""
    layout = camera("LSSTCam").detector_named(detector).layout(SEGMENT)
    boxes = [one.image_box for one in layout.amplifiers]
    grid = with_radius(bin_grid(boxes, layout.image_shape, edge=4, size=8), "LSSTCam", layout)
    assert grid.radius is not None
    light = 1.0 - steep * (grid.radius / 1000.0) ** 4 - 0.6 * np.clip(grid.radius - 290, 0, None) ** 2 / 1e4
    slope = (
        1.0 + 1e-3 * (grid.x / layout.image_shape[1] - 0.5) - 2e-3 * (grid.y / layout.image_shape[0] - 0.5)
    )
    values = 10_000.0 * light * slope * (1.0 + ERRORS[grid.amplifier])
    values *= 1.0 + np.random.default_rng(seed).normal(0.0, noise, values.size)
    return in_electrons(grid, values.astype(np.float32), [1.0] * 16)


def departures(flat, settings):
    expected = (1.0 + ERRORS) / (1.0 + ERRORS[FIXED])
    return np.abs(amplifier_ratios(flat, FIXED, 16, settings).ratios / expected - 1.0)


def standard_errors(flat, noise):
    """Errors of the ratios by the linear fit of light and amplifiers together."""
    light = chebyshev.chebvander2d(flat.x, flat.y, (1, 1))
    profile = profile_basis(flat.radius, profile_nodes(flat.radius, 20))
    amplifiers = flat.amplifier[:, None] == np.delete(np.arange(16), FIXED)
    design = np.concatenate([light, profile, amplifiers], axis=1)
    covariance = np.linalg.pinv(design.T @ design, rcond=1e-12) * noise**2
    return np.insert(np.sqrt(np.diag(covariance)[-15:]), FIXED, 0.0)


@pytest.mark.parametrize("detector", ["R22_S11", "R24_S12", "R02_S01", "R43_S22"])
def test_ratios_are_found_under_a_steep_profile(detector):
    """To four standard errors, times 1.25 for medians: 0.3 % at worst, of 9000 bins of 0.3 % each.

    A full-size detector has thirty times as many bins, of a third of the noise.
    """
    flat = binned(detector)
    assert (departures(flat, SETTINGS) <= 5.0 * standard_errors(flat, 0.003) + 1e-4).all()
    assert departures(flat, SETTINGS).max() < 3e-3


def test_without_noise_a_profile_costs_no_more_than_its_own_roughness():
    """Between nodes 2 mm apart the light is a cubic to 1e-5."""
    assert departures(binned("R24_S12", noise=0.0), SETTINGS).max() < 1e-4


def test_without_a_profile_the_corner_of_the_field_is_lost():
    flat = binned("R43_S22")
    assert departures(flat, RatioSettings(order=1)).max() > 5e-3
    assert departures(flat, SETTINGS).max() < 3e-3


def test_an_amplifier_that_is_far_off_does_not_shape_the_profile():
    flat = binned("R24_S12")
    value = np.where(flat.amplifier == 9, flat.value * 1.15, flat.value)
    found = amplifier_ratios(replace(flat, value=value), FIXED, 16, SETTINGS)
    assert not found.shaping[9]
    assert found.shaping.sum() == 15
    expected = (1.0 + ERRORS) / (1.0 + ERRORS[FIXED]) * np.where(np.arange(16) == 9, 1.15, 1.0)
    np.testing.assert_allclose(found.ratios, expected, rtol=3e-3)


def test_bins_that_do_not_know_where_they_stand_have_no_profile():
    flat = replace(binned("R22_S11"), radius=None)
    with pytest.raises(CalprodError, match="bins without radius"):
        fit_ratios(flat, FIXED, np.ones(16, bool), 1, 10, 5.0, radial_nodes=20)


def test_a_profile_needs_four_nodes():
    with pytest.raises(UsageError, match="radial profile of 2 nodes"):
        amplifier_ratios(binned("R22_S11"), FIXED, 16, RatioSettings(order=1, radial_nodes=2))


def test_cameras_of_many_chips_have_a_profile_by_default():
    config = GainRatioConfig()
    assert light_of_camera("LSSTCam") == light_of_camera("LSSTComCam") == (1, 20)
    assert (config.settings("LSSTCam").order, config.settings("LSSTCam").radial_nodes) == (1, 20)
    assert (config.settings("LATISS").order, config.settings("LATISS").radial_nodes) == (2, 0)
    config.radial_nodes, config.order = 12, 0
    assert (config.settings("LATISS").order, config.settings("LATISS").radial_nodes) == (0, 12)


def test_where_a_bin_stands_is_told_in_millimetres():
    layout = camera("LSSTCam").detector_named("R22_S11").layout(SEGMENT)
    grid = bin_grid([one.image_box for one in layout.amplifiers], layout.image_shape, edge=0, size=4)
    radius = with_radius(grid, "LSSTCam", layout).radius
    assert radius is not None
    assert bin_pixels(np.ones(layout.image_shape, np.float32), np.ones(layout.image_shape, bool), grid).all()
    # Half the diagonal of 40.96 x 40.04 mm, less half a bin.
    assert radius.max() == pytest.approx(np.hypot(20.48, 20.04), rel=0.01)
    assert radius.min() < 0.3
