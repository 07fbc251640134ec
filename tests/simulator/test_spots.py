"""Exposures of bright compact sources, by which crosstalk is measured."""

from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from infra.instruments.translators.observation import observation_info
from infra.raws.reader import read_raw
from infra.simulator import load_night_spec, simulate_night
from infra.simulator.exposure import SimulatedCamera
from infra.simulator.schedule import schedule_night
from infra.simulator.sensor import draw_sensor
from infra.simulator.spots import Spots, draw_spots, spot_image
from tests.simulator.nights import QUIET, exposures_of, night, reduce

SEGMENT = {"data_width": 100, "data_height": 160, "serial_overscan": 16, "parallel_overscan": 16}


def objects(camera=None, count=2, **keys):
    """Return a night of exposures of an object."""
    a_set = {"name": "stars", "type": "object", "count": count, "exposure_time": 5.0, "reason": "crosstalk"}
    effects = {**QUIET, "electronics": {"pedestal_jitter": 0.0}, **(camera or {})}
    return night({**a_set, **keys}, segment=SEGMENT, camera=effects)


def readout_place(spot, layout):
    """Where a spot is read: rows and columns from the readout corner of its amplifier."""
    amplifier = layout.amplifier(spot.amplifier)
    box = amplifier.image_box
    return (
        box.y1 - 1 - spot.y if amplifier.flip_y else spot.y - box.y0,
        box.x1 - 1 - spot.x if amplifier.flip_x else spot.x - box.x0,
    )


def test_no_two_spots_are_read_at_the_same_moment():
    sensor, _ = exposures_of(objects(count=1))
    spots = Spots(per_amplifier=2, width=1.0)
    for seed in range(20):
        drawn = draw_spots(np.random.default_rng(seed), sensor.layout, spots)
        assert len(drawn) == 32
        assert {one.amplifier for one in drawn} == {one.name for one in sensor.layout.amplifiers}
        places = np.array([readout_place(one, sensor.layout) for one in drawn])
        assert (places >= -0.5).all()
        assert (places < (159.5, 99.5)).all()
        distances = np.hypot(*(places[:, np.newaxis] - places).T)
        # Each keeps four widths from the edges of its cell.
        assert distances[~np.eye(32, dtype=bool)].min() > 7.9


def test_frames_show_the_spots_where_the_truth_says():
    specification = objects(count=1)
    sensor, frames = exposures_of(specification)
    camera = SimulatedCamera(specification, sensor)
    drawn = camera.spots(schedule_night(specification)[0])
    image = reduce(frames[0], sensor)
    expected = spot_image(drawn, sensor.layout, Spots())
    assert expected.max() < specification.camera.electronics.full_well
    # Where photons are many, read noise and the noise of the overscans add less than 5 %. A spot has
    # 40 such pixels, all together 650: their scatter is known to 3 %.
    bright = expected > 3000
    scatter = (image - expected)[bright] / np.sqrt(expected[bright])
    assert scatter.std() == pytest.approx(1.0, abs=0.15)
    assert scatter.mean() == pytest.approx(0.0, abs=0.2)
    for one in drawn:
        assert image[round(one.y), round(one.x)] > 0.9 * one.peak


def test_crosstalk_of_the_spots_is_as_the_truth_says():
    crosstalk = {"neighbour": 2e-2, "other": 1e-2, "scatter": 0.2, "quadratic": 1e-7}
    specification = objects({"crosstalk": crosstalk}, count=1)
    sensor, with_crosstalk = exposures_of(specification)
    _, without = exposures_of(objects(count=1))
    drawn = SimulatedCamera(specification, sensor).spots(schedule_night(specification)[0])
    added = (with_crosstalk[0] - without[0]) * sensor.gain[:, np.newaxis, np.newaxis]
    names = [one.name for one in sensor.layout.amplifiers]
    for spot in drawn:
        row, column = (round(value) for value in readout_place(spot, sensor.layout))
        source = names.index(spot.amplifier)
        column += sensor.segment.prescan
        # The charge of the pixel is known from the frame without crosstalk, to its noise of 10 electron.
        signal = (without[0][source, row, column] - sensor.pedestal[source]) * sensor.gain[source]
        for target in range(16):
            if target != source:
                expected = sensor.crosstalk[source, target] * signal
                expected += sensor.crosstalk_quadratic[source, target] * signal**2
                background = 50.0 * sensor.crosstalk[:, target].sum()
                assert added[target, row, column] == pytest.approx(expected + background, abs=8.0, rel=0.01)


def test_raws_are_taken_for_exposures_of_an_object_and_the_truth_is_kept(tmp_path: Path):
    truth = simulate_night(objects({"crosstalk": {"quadratic": 1e-9}}), tmp_path)
    raw = read_raw(sorted(tmp_path.glob("*.fits"))[0])
    info = observation_info(raw.primary_header, properties=frozenset({"tracking_radec", "can_see_sky"}))
    assert (info.observation_type, info.observation_reason, info.object) == (
        "science",
        "crosstalk",
        "NGC 4755",
    )
    assert info.can_see_sky
    assert info.tracking_radec.dec.degree == pytest.approx(-60.371)
    assert [len(one.spots) for one in truth.exposures] == [16, 16]
    assert truth.exposures[0].spots != truth.exposures[1].spots
    assert truth.image("crosstalk").shape == truth.image("crosstalk-quadratic").shape == (16, 16)


def test_the_night_for_crosstalk_saturates_nothing():
    specification = load_night_spec("crosstalk")
    segment = specification.segment.segment(specification.detector_model.segment)
    sensor = draw_sensor(specification.detector_model, segment, specification.camera)
    camera = SimulatedCamera(specification, sensor)
    exposure = schedule_night(specification)[0]
    frame = camera.expose(exposure)
    assert frame.max() < 120_000 + sensor.pedestal.min()
    assert sensor.crosstalk.any()
    assert all(one.reason == "crosstalk" for one in schedule_night(specification) if one.set_name == "stars")


def test_a_flat_with_spots_and_peaks_in_the_wrong_order_are_refused():
    with pytest.raises(ValidationError, match="a flat shows no spots"):
        night({"name": "flat", "type": "flat", "count": 1, "exposure_time": 2.0, "spots": {}})
    with pytest.raises(ValidationError, match="the smaller peak first"):
        Spots(peak=(2.0, 1.0))
