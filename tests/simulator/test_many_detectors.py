"""Nights of cameras with several detectors: files, headers as ingest reads them, light, and what differs."""

from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from infra.instruments import camera
from infra.instruments.focal_plane import pixel_positions
from infra.instruments.translators.observation import observation_info
from infra.raws.reader import read_raw
from infra.simulator import NightTruth, load_truth, simulate_night
from infra.simulator.exposure import SimulatedCamera
from infra.simulator.optics import FocalPlaneLight
from infra.simulator.schedule import schedule_night
from infra.simulator.sensor import draw_sensor
from infra.simulator.specification import NightSpec
from tests.simulator.nights import QUIET, night, read_segments, reduce

SEGMENT = {"data_width": 24, "data_height": 40, "serial_overscan": 16, "parallel_overscan": 16}
FLAT = {"name": "flat", "type": "flat", "count": 2, "exposure_time": 4.0}
BIAS = {"name": "bias", "type": "bias", "count": 1}


def comcam(*sets, **keys) -> NightSpec:
    """Return a night of the commissioning camera."""
    keys = {"detectors": "all", "segment": SEGMENT, "day_obs": 20241108} | keys
    return night(*sets, instrument="LSSTComCam", **keys)


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> NightTruth:
    directory = tmp_path_factory.mktemp("comcam")
    simulate_night(comcam(BIAS, {**FLAT, "filter": "r_03"}), directory)
    return load_truth(directory)


def sensor_of(specification: NightSpec, number: int):
    model = camera(specification.instrument).detector(number)
    return draw_sensor(model, specification.segment.segment(model.segment), specification.camera)


def test_every_detector_writes_a_file_for_every_exposure(truth: NightTruth):
    names = {path.name for path in truth.directory.glob("*.fits")}
    slots = [f"S{y}{x}" for y in range(3) for x in range(3)]
    assert names == {f"CC_O_20241108_{n:06d}_R22_{slot}.fits" for n in (1, 2, 3) for slot in slots}
    assert names == {frame.file for one in truth.exposures for frame in one.frames}
    assert [one.name for one in truth.detectors] == [f"R22_{slot}" for slot in slots]


def test_headers_are_translated_as_those_of_the_camera(truth: NightTruth):
    for number, name in ((0, "R22_S00"), (7, "R22_S21")):
        raw = read_raw(truth.directory / truth.exposures[2].frame(number).file)
        assert (raw.instrument, raw.layout.name, raw.layout.id) == ("LSSTComCam", name, number)
        info = observation_info(raw.primary_header)
        assert info.instrument == "LSSTComCam"
        assert info.exposure_id == 2024110800003
        assert info.detector_num == number
        assert info.detector_serial == camera("LSSTComCam").detector(number).serial
        assert (info.observation_type, info.physical_filter) == ("flat", "r_03")
        assert info.exposure_time.value == pytest.approx(4.001, abs=1e-3)
        assert info.exposure_time_requested.value == 4.0
        assert not info.has_simulated_content


def test_all_detectors_have_one_exposure_time(truth: NightTruth):
    headers = [read_raw(truth.directory / frame.file).primary_header for frame in truth.exposures[1].frames]
    for key in ("SHUTTIME", "DARKTIME", "DATE-BEG", "OBSID", "GROUPID", "AIRTEMP"):
        assert len({header[key] for header in headers}) == 1, key
    for key in ("CCDSLOT", "LSST_NUM", "FILENAME"):
        assert len({header[key] for header in headers}) == 9, key


def test_detectors_differ_in_all_that_is_their_own(truth: NightTruth):
    for name in ("bias", "dark", "defects", "flat-r_03"):
        assert not np.array_equal(truth.image(name, 0), truth.image(name, 1)), name
    assert truth.detectors[0].amplifiers[0].pedestal != truth.detectors[1].amplifiers[0].pedestal
    first, second = (
        read_segments(truth.directory / frame.file)[0, :, -12:] for frame in truth.exposures[0].frames[:2]
    )
    # The read noise of two detectors has nothing in common: the correlation of 672 pixels, 4.5 sigma.
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 4.5 / np.sqrt(672) + 0.05


def test_detector_zero_is_the_one_it_would_be_alone(truth: NightTruth, tmp_path: Path):
    alone = comcam(BIAS, {**FLAT, "filter": "r_03"}, detectors=[0])
    simulate_night(alone, tmp_path)
    for exposure in load_truth(tmp_path).exposures:
        assert (tmp_path / exposure.file).read_bytes() == (truth.directory / exposure.file).read_bytes()


def test_raws_of_both_makers_stand_side_by_side(tmp_path: Path):
    specification = night(
        {**FLAT, "filter": "i_39"},
        instrument="LSSTCam",
        detectors=[0, 94],
        segment=SEGMENT,
        day_obs=20250415,
    )
    truth = simulate_night(specification, tmp_path)
    vendors = {"R01_S00": ("ITL", 3), "R22_S11": ("E2V", 10)}
    for frame in truth.exposures[0].frames:
        raw = read_raw(tmp_path / frame.file)
        vendor, prescan = vendors[raw.layout.name]
        assert frame.file == f"MC_O_20250415_000001_{raw.layout.name}.fits"
        assert (raw.layout.vendor, raw.segment.prescan) == (vendor, prescan)
        assert raw.primary_header["LSST_NUM"].startswith(vendor)
        assert f"_{vendor}_" in raw.primary_header["SEQNAME"]
        assert observation_info(raw.primary_header).physical_filter == "i_39"
    assert truth.image("bias", 94).shape == (80, 192)


def test_lamp_jitters_on_all_detectors_alike():
    illumination = {**QUIET["illumination"], "lamp_jitter": 0.1}
    specification = comcam({**FLAT, "count": 6}, camera={**QUIET, "illumination": illumination})
    levels = []
    for number in (0, 5):
        sensor = sensor_of(specification, number)
        taken_by = SimulatedCamera(specification, sensor)
        exposures = schedule_night(specification, number)
        levels.append([reduce(taken_by.expose(one), sensor).mean() for one in exposures])
    truth = [SimulatedCamera(specification, sensor).light.lamp_level(one) for one in exposures]
    assert np.std(truth) > 500.0
    # Means of 15360 pixels of 20000 electron, and the medians of the overscans: 2 electron; 5 sigma.
    np.testing.assert_allclose(levels, [truth, truth], atol=10.0)


def test_light_over_the_focal_plane_comes_back():
    """Profile, gradient and ratio of the makers: the mean of each detector within its photon noise."""
    light = {
        "radii": [0.0, 100.0, 200.0, 300.0, 350.0],
        "profile": [1.0, 0.95, 0.9, 0.85, 0.825],  # a straight line, which a spline leaves straight
        "gradient": [2e-4, -3e-4],
        "itl_ratio": 1.03,
        "vignetting_radius": 330.0,
    }
    specification = night(
        {**FLAT, "count": 1},
        instrument="LSSTCam",
        detectors=[0, 9, 94, 98, 188],
        segment=SEGMENT,
        camera={**QUIET, "illumination": {**QUIET["illumination"], "focal_plane": light}},
    )
    for model in specification.detector_models:
        sensor = sensor_of(specification, model.id)
        exposure = schedule_night(specification, model.id)[0]
        seen = reduce(SimulatedCamera(specification, sensor).expose(exposure), sensor) / 20000.0
        x, y = pixel_positions(camera("LSSTCam"), sensor.layout)
        radius = np.hypot(x, y)
        expected = np.interp(radius, light["radii"], light["profile"]) / (1.0 + 2e-4 * x - 3e-4 * y)
        expected = np.where(radius > 330.0, 0.0, expected * (1.03 if model.vendor == "ITL" else 1.0))
        # 15360 pixels of 20000 electron: 6e-5 of the light, and the medians of the overscans: 1e-4; 5 sigma.
        assert seen.mean() == pytest.approx(expected.mean(), abs=5 * 1.2e-4)


def test_swapped_detectors_have_each_others_pixels_under_their_own_headers(tmp_path: Path):
    plain, swapped = tmp_path / "plain", tmp_path / "swapped"
    fault = {"fault": "swapped-detector", "set": "flat", "index": 1, "detector": 2, "other": 7}
    simulate_night(comcam(FLAT, detectors=[2, 5, 7]), plain)
    truth = simulate_night(comcam(FLAT, detectors=[2, 5, 7], faults=[fault]), swapped)
    first, second = truth.exposures
    assert (first.faults, second.faults) == ((), ("swapped-detector",))
    assert [one.faults for one in second.frames] == [("swapped-detector",), (), ("swapped-detector",)]
    assert [one.exposure for one in truth.faults] == [second.exposure]
    for number, whose in ((2, 7), (5, 5), (7, 2)):
        here, there = swapped / second.frame(number).file, plain / second.frame(whose).file
        np.testing.assert_array_equal(read_segments(here), read_segments(there))
        assert read_raw(here).layout.id == number
        assert read_raw(here).primary_header == read_raw(plain / here.name).primary_header
    for frame in first.frames:
        assert (swapped / frame.file).read_bytes() == (plain / frame.file).read_bytes()


def test_a_fault_may_concern_one_detector_only(tmp_path: Path):
    fault = {"fault": "dead-amplifier", "set": "flat", "index": 0, "amplifier": "C12", "detector": 3}
    specification = comcam(FLAT, detectors=[3, 4], faults=[fault], camera=QUIET)
    for number, is_dead in ((3, True), (4, False)):
        sensor = sensor_of(specification, number)
        exposure = schedule_night(specification, number)[0]
        image = reduce(SimulatedCamera(specification, sensor).expose(exposure), sensor)
        level = np.median(image[sensor.layout.amplifier("C12").image_box.slices])
        assert level == pytest.approx(0.0 if is_dead else 20000.0, abs=50.0)
        assert exposure.faults == (("dead-amplifier",) if is_dead else ())


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"detectors": [0, 9]}, "no detector 9"),
        ({"detectors": [1, 1]}, "every detector once"),
        (
            {"faults": [{"fault": "saturated", "set": "flat", "index": 0, "detector": 9}]},
            "a detector of the night, not 9",
        ),
        (
            {"faults": [{"fault": "swapped-detector", "set": "flat", "index": 0, "detector": 1, "other": 1}]},
            "another detector of the same maker",
        ),
    ],
)
def test_detectors_that_are_not_there_are_refused(keys, message):
    with pytest.raises(ValidationError, match=message):
        comcam(FLAT, **keys)


def test_radii_out_of_order_are_refused():
    with pytest.raises(ValidationError, match="ascending"):
        FocalPlaneLight(radii=(0.0, 200.0, 100.0), profile=(1.0, 1.0, 1.0))
    with pytest.raises(ValidationError, match="expected 3 values"):
        FocalPlaneLight(radii=(0.0, 100.0, 200.0), profile=(1.0, 1.0, 1.0, 1.0))
