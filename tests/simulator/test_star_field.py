"""Fields of stars: where they stand, how bright and wide they are, and what too bright ones do."""

import numpy as np
import pytest
from pydantic import ValidationError

from infra.instruments.translators.observation import observation_info
from infra.raws.reader import read_raw
from infra.simulator import simulate_night
from infra.simulator.exposure import SimulatedCamera
from infra.simulator.schedule import schedule_night
from infra.simulator.sensor import draw_sensor
from infra.simulator.sky import Stars
from infra.simulator.star_field import bleed, draw_field, star_image
from tests.simulator.nights import QUIET, night, reduce

SHAPE = (300, 400)
SEGMENT = {"data_width": 64, "data_height": 128}


def stars_night(stars: dict[str, float], count: int = 2, camera: dict | None = None):
    """Return a night of exposures of one field."""
    a_set = {
        **{"name": "stars", "type": "object", "count": count, "exposure_time": 10.0},
        **{"filter": "SDSSr_65mm~empty", "sky": {"level": 50.0, "scatter": 0.0}, "stars": stars},
    }
    return night(a_set, segment=SEGMENT, camera={**QUIET, **(camera or {})})


def camera_of(specification):
    model = specification.detector_model
    sensor = draw_sensor(model, specification.segment.segment(model.segment), specification.camera)
    return SimulatedCamera(specification, sensor)


@pytest.mark.parametrize("profile", ["moffat", "gaussian"])
def test_a_star_has_its_flux_its_place_and_its_width(profile: str):
    stars = Stars(profile=profile)
    image = star_image(np.array([[150.3, 200.8, 1.0e5]]), SHAPE, 4.0, stars)
    # Beyond the radius R where a pixel has 0.05 electron, a Moffat profile of beta 3 holds (alpha / R)**4.
    assert image.sum() == pytest.approx(1.0e5, rel=1e-3)
    y, x = np.indices(SHAPE)
    assert np.sum(y * image) / image.sum() == pytest.approx(150.3, abs=0.01)
    assert np.sum(x * image) / image.sum() == pytest.approx(200.8, abs=0.01)
    central = star_image(np.array([[150.0, 200.0, 1.0e5]]), SHAPE, 4.0, stars)
    assert central[150, 202] == pytest.approx(0.5 * central[150, 200])
    assert central[152, 200] == pytest.approx(0.5 * central[150, 200])


def test_brightnesses_follow_the_slope_and_stay_within_their_limits():
    stars = Stars(count=20000, flux=(1e3, 1e6), slope=0.32, dither=0.0)
    field = draw_field(np.random.default_rng(5), SHAPE, stars)
    flux = np.sort(field[:, 2])
    assert 1e3 <= flux[0] < flux[-1] <= 1e6
    exponent = 0.8
    expected = (1.0 - (1e3 / flux) ** exponent) / (1.0 - 1e-3**exponent)
    # Kolmogorov and Smirnov: 1.63 / sqrt(n) is exceeded in 1 of 100 cases, 2.0 in 1 of 1500.
    assert np.abs(expected - (np.arange(flux.size) + 0.5) / flux.size).max() < 2.0 / np.sqrt(flux.size)
    # Evenly spread: the mean number in the image, 4.5 sigma of its Poisson scatter.
    inside = (np.abs(field[:, 0] - 150) < 150) & (np.abs(field[:, 1] - 200) < 200)
    assert np.count_nonzero(inside) == pytest.approx(20000, abs=4.5 * np.sqrt(20000))


def test_exposures_show_the_field_displaced_by_the_dither_with_the_noise_of_photons():
    specification = stars_night({"count": 30, "flux": [2e4, 3e5], "dither": 15.0}, count=3)
    camera = camera_of(specification)
    places = []
    for exposure in schedule_night(specification):
        image = reduce(camera.expose(exposure), camera.sensor)
        field, fwhm = camera.light.stars(exposure), camera.light.fwhm(exposure)
        places.append(field[0, :2])
        expected = 50.0 + star_image(field, image.shape, fwhm, exposure.conditions.stars)
        bright = expected > 2000.0
        pull = (image - expected)[bright] / np.sqrt(expected[bright] + 100.0)
        # Some hundred pixels: the standard deviation is known to 1 / sqrt(2 n), the mean to 1 / sqrt(n).
        assert pull.size > 150
        assert pull.std() == pytest.approx(1.0, abs=4.5 / np.sqrt(2 * pull.size) + 0.02)
        assert abs(pull.mean()) < 4.5 / np.sqrt(pull.size)
    assert np.ptp(places, axis=0).max() > 1.0


def test_header_tells_the_dither(tmp_path):
    specification = stars_night({"count": 5, "dither": 20.0}, count=3)
    truth = simulate_night(specification, tmp_path)
    for exposure in truth.exposures:
        info = observation_info(read_raw(tmp_path / exposure.file).primary_header)
        assert abs(exposure.pointing[0]) <= 20.0
        declination = info.tracking_radec.dec.degree
        assert (declination + 60.371) * 3600 / 0.095695 == pytest.approx(exposure.pointing[0], abs=1e-3)


def test_charge_of_full_pixels_runs_along_the_column_half_up_and_half_down():
    charge = np.zeros((40, 5))
    charge[10, 2] = 1000.0
    found = bleed(charge, 100.0, 2)
    expected = np.zeros((40, 5))
    expected[10, 2] = 100.0
    expected[[11, 12, 13, 14], 2] = expected[[9, 8, 7, 6], 2] = 100.0
    expected[[15, 5], 2] = 50.0
    np.testing.assert_allclose(found, expected)


def test_bleeding_keeps_the_charge_until_it_meets_an_edge_or_the_middle():
    rng = np.random.default_rng(3)
    charge = rng.uniform(0.0, 50.0, (200, 8))
    charge[[60, 130], [1, 6]] = 1500.0
    found = bleed(charge, 100.0, 2)
    assert found.max() <= 100.0
    np.testing.assert_allclose(found.sum(axis=0), charge.sum(axis=0))
    charge[95, 3] = 5000.0
    found = bleed(charge, 100.0, 2)
    np.testing.assert_array_equal(found[100:, 3], charge[100:, 3])
    assert found[:, 3].sum() < charge[:, 3].sum()
    np.testing.assert_array_equal(found[:, [0, 2, 4]], charge[:, [0, 2, 4]])


def test_bright_stars_saturate_and_bleed_as_far_as_their_charge_reaches():
    full_well = 165000.0
    specification = stars_night({"count": 8, "flux": [5e6, 2e7], "fwhm": 3.0, "dither": 0.0}, count=1)
    camera, (exposure,) = camera_of(specification), schedule_night(specification)
    image = reduce(camera.expose(exposure), camera.sensor)
    light = 50.0 + star_image(
        camera.light.stars(exposure), image.shape, camera.light.fwhm(exposure), exposure.conditions.stars
    )
    expected = bleed(light, full_well, 2)
    full = expected >= full_well
    assert np.count_nonzero(full) > 1.3 * np.count_nonzero(light >= full_well)
    # Full pixels have the read noise only, of at most 10.3 electron, 10 % up by the overscans. The ends of a
    # trail are where the photons' noise puts them: a few of some hundred columns.
    assert np.mean(np.abs(image[full] - full_well) < 5 * 12.0) > 0.95
    assert np.count_nonzero(image > full_well - 5 * 12.0) == pytest.approx(np.count_nonzero(full), rel=0.05)


def test_fluxes_in_the_wrong_order_are_refused():
    with pytest.raises(ValidationError, match="the fainter star first"):
        Stars(flux=(2.0, 1.0))
