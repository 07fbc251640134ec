"""What the telescope sees: level and fringes of the sky, as the truth tells them."""

from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from infra.raws.reader import read_raw
from infra.simulator import load_night_spec, load_truth, simulate_night
from infra.simulator.exposure import SimulatedCamera
from infra.simulator.schedule import schedule_night
from infra.simulator.sensor import draw_sensor
from infra.simulator.specification import NightSpec
from tests.simulator.nights import QUIET, night, read_segments, reduce

SEGMENT = {"data_width": 48, "data_height": 64}
FRINGES = {"amplitude": {"y": 0.04, "z": 0.02}, "scatter": 0.3}
LEVEL = 4000.0


def skies(count: int = 1, sky: dict[str, float] | None = None, **keys) -> NightSpec:
    """Return a night of exposures of the sky in y."""
    a_set = {
        "name": "sky",
        "type": "object",
        "count": count,
        "exposure_time": 60.0,
        "filter": "SDSSy_65mm~empty",
        "sky": {"level": LEVEL, **(sky or {})},
    } | keys.pop("a_set", {})
    camera = {**QUIET, "fringes": FRINGES, **keys.pop("camera", {})}
    return night(a_set, *keys.pop("sets", ()), segment=SEGMENT, camera=camera, **keys)


def camera_of(specification: NightSpec) -> SimulatedCamera:
    """Return the camera of a night with one detector."""
    model = specification.detector_model
    sensor = draw_sensor(model, specification.segment.segment(model.segment), specification.camera)
    return SimulatedCamera(specification, sensor)


def images_of(specification: NightSpec) -> tuple[SimulatedCamera, list[np.ndarray]]:
    """Return the camera and the reduced images (electron) of a night."""
    camera = camera_of(specification)
    exposures = schedule_night(specification)
    return camera, [reduce(camera.expose(one), camera.sensor) for one in exposures]


def amplitude(image: np.ndarray, pattern: np.ndarray) -> tuple[float, float]:
    """Fit level and fringes; return the amplitude as a fraction of the level, and its error."""
    matrix = np.stack([np.ones(pattern.size), pattern.ravel()], axis=1)
    (level, fringe), *_ = np.linalg.lstsq(matrix, image.ravel(), rcond=None)
    scatter = (image.ravel() - matrix @ (level, fringe)).std()
    return fringe / level, float(scatter / np.sqrt(pattern.size) / pattern.std() / level)


def test_sky_has_its_level_and_the_noise_of_photons():
    specification = skies(4, {"scatter": 0.2}, camera={"fringes": None})
    camera, images = images_of(specification)
    levels = [camera.light.sky_level(one) for one in schedule_night(specification)]
    assert np.std(levels) > 0.05 * LEVEL
    for image, level in zip(images, levels, strict=True):
        # 98304 pixels of 64 electron of noise: 0.2 electron, and the medians of the overscans; 5 sigma.
        assert image.mean() == pytest.approx(level, abs=2.0)
        noise = level + np.mean(camera.sensor.read_noise**2 + camera.sensor.gain**2 / 12.0)
        # The variance of 98304 pixels is known to 0.45 %; the medians of the overscans add 0.1 %; 5 sigma.
        assert image.var() / noise == pytest.approx(1.0, abs=0.025)


def test_fringes_have_the_amplitude_of_their_exposure():
    specification = skies(6)
    camera, images = images_of(specification)
    pattern = camera.light.fringes("SDSSy_65mm~empty")
    exposures = schedule_night(specification)
    truth = [camera.light.fringe_amplitude(one) for one in exposures]
    assert np.std(truth) > 0.1 * 0.04
    assert abs(pattern.mean()) < 1e-12
    for image, expected in zip(images, truth, strict=True):
        found, error = amplitude(image, pattern)
        assert error < 1.5e-4
        assert found == pytest.approx(expected, abs=4.5 * error)


def test_the_lamp_makes_no_fringes_unless_asked():
    flat = {"name": "flat", "type": "flat", "count": 1, "exposure_time": 4.0, "filter": "SDSSy_65mm~empty"}
    for lamp, expected in ((False, 0.0), (True, 0.04)):
        specification = night(flat, segment=SEGMENT, camera={**QUIET, "fringes": {**FRINGES, "lamp": lamp}})
        camera, (image,) = images_of(specification)
        found, error = amplitude(image, camera.light.fringes("SDSSy_65mm~empty"))
        assert found == pytest.approx(expected, abs=4.5 * error)


def test_fringes_are_wider_in_y_than_in_z_and_absent_in_r():
    camera = camera_of(skies())
    infrared, red = (camera.light.fringes(f"SDSS{band}_65mm~empty") for band in "yz")
    steepness = [np.abs(np.diff(one, axis=1)).mean() for one in (infrared, red)]
    assert steepness[1] / steepness[0] == pytest.approx(0.97 / 0.87, rel=0.05)
    assert not camera.light.fringes("SDSSr_65mm~empty").any()


def test_shifted_fringes_have_nothing_in_common_with_the_others():
    fault = {"fault": "fringe-shifted", "set": "sky", "index": [2, 3]}
    specification = skies(4, faults=[fault])
    camera, images = images_of(specification)
    pattern = camera.light.fringes("SDSSy_65mm~empty")
    shifted = camera.light.fringes("SDSSy_65mm~empty", 0.25)
    overlap = np.corrcoef(pattern.ravel(), shifted.ravel())[0, 1]
    assert abs(overlap) < 0.1  # sine and cosine over some twenty fringes
    for number, (image, exposure) in enumerate(zip(images, schedule_night(specification), strict=True)):
        expected = camera.light.fringe_amplitude(exposure)
        right, wrong = (pattern, shifted) if number < 2 else (shifted, pattern)
        found, error = amplitude(image, right)
        assert found == pytest.approx(expected, abs=4.5 * error)
        assert abs(amplitude(image, wrong)[0]) < 0.2 * expected
        assert exposure.faults == (() if number < 2 else ("fringe-shifted",))


def test_gradient_and_fixed_structure_of_the_sky_come_back():
    specification = skies(sky={"gradient": 0.1, "structure": 0.02}, camera={"fringes": None})
    camera, (image,) = images_of(specification)
    x = np.broadcast_to((np.arange(image.shape[1]) + 0.5) / image.shape[1] - 0.5, image.shape)
    matrix = np.stack([np.ones(image.size), x.ravel(), camera.light.sky_structure().ravel()], axis=1)
    solution, *_ = np.linalg.lstsq(matrix, image.ravel(), rcond=None)
    # Noise of a pixel 65 electron; 98304 of them, and a gradient of standard deviation 0.29; 5 sigma.
    assert solution[1] / solution[0] == pytest.approx(0.1, abs=5 * 65 / 4000 / np.sqrt(98304) / 0.29)
    assert solution[2] / solution[0] == pytest.approx(0.02, abs=5 * 65 / 4000 / np.sqrt(98304) * 1.5)


def test_truth_of_a_sky_is_read_back(tmp_path: Path):
    specification = skies(2, a_set={"stars": {"count": 12}, "target": "Field 7"})
    simulate_night(specification, tmp_path)
    truth, camera = load_truth(tmp_path), camera_of(specification)
    for exposure, scheduled in zip(truth.exposures, schedule_night(specification), strict=True):
        assert exposure.sky_level == camera.light.sky_level(scheduled)
        assert exposure.fringe_amplitude == camera.light.fringe_amplitude(scheduled)
        np.testing.assert_array_equal(truth.stars(exposure), camera.light.stars(scheduled))
        assert read_raw(tmp_path / exposure.file).primary_header["OBJECT"] == "Field 7"
        image = reduce(read_segments(tmp_path / exposure.file), camera.sensor)
        assert np.median(image) == pytest.approx(exposure.sky_level, rel=0.03)
    pattern = camera.light.fringes("SDSSy_65mm~empty")
    np.testing.assert_allclose(truth.image("fringe-SDSSy_65mm~empty"), pattern, atol=1e-6)  # float32
    assert truth.camera.fringes is not None
    assert truth.camera.fringes.amplitude == {"y": 0.04, "z": 0.02}


def test_nights_of_the_sky_hold_what_they_promise():
    complete, fringe = load_night_spec("complete"), load_night_spec("fringe")
    reasons = {one.reason for one in complete.sets}
    assert reasons == {None, "ptc", "flat", "crosstalk", "fringe"}
    for name in ("brighter_fatter", "nonlinearity", "deferred_charge", "crosstalk", "fringes"):
        assert getattr(complete.camera, name) is not None, name
    for specification in (complete, fringe):
        camera = camera_of(specification)
        for exposure in schedule_night(specification):
            expected = exposure.reason == "fringe"
            assert (camera.light.fringe_amplitude(exposure) > 0.0) is expected, exposure.set_name


def test_sky_and_stars_of_a_flat_are_refused():
    for seen in ("sky", "stars"):
        with pytest.raises(ValidationError, match=f"a flat shows no {seen}"):
            night({"name": "flat", "type": "flat", "count": 1, "exposure_time": 2.0, seen: {}})
