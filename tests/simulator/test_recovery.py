"""Injected truth comes back through the plainest reduction: overscan, bias, dark, flat, nominal gains."""

import numpy as np
import pytest

from infra.simulator.exposure import SimulatedCamera
from tests.simulator.nights import exposures_of, night, reduce

N_EXPOSURES = 10


@pytest.fixture(scope="module")
def reduced():
    """Return sensor, true flat and stacks of reduced frames (electron) by set, of a night without tracks."""
    sets = (
        {"name": "bias", "type": "bias", "count": N_EXPOSURES},
        {"name": "dark", "type": "dark", "count": N_EXPOSURES, "exposure_time": 30.0},
        {
            "name": "flat",
            "type": "flat",
            "count": N_EXPOSURES,
            "exposure_time": 4.0,
            "filter": "SDSSr_65mm~empty",
        },
    )
    specification = night(*sets, camera={"cosmic_rays": None})
    sensor, exposures = exposures_of(specification)
    stack = np.stack([reduce(segments, sensor) for segments in exposures]).reshape(3, N_EXPOSURES, 256, 512)
    return sensor, SimulatedCamera(specification, sensor).flat("SDSSr_65mm~empty"), stack


def pulls(values: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Deviation of the mean from the truth over the mean's error, from the scatter."""
    return (values.mean(axis=0) - truth) / (values.std(axis=0, ddof=1) / np.sqrt(len(values)))


def gain_image(sensor):
    gain = np.zeros(sensor.layout.image_shape)
    for amplifier in sensor.layout.amplifiers:
        gain[amplifier.image_box.slices] = amplifier.gain
    return gain


# Student's t with 9 degrees of freedom has standard deviation sqrt(9/7) = 1.134; over 131072 pixels, some of
# them correlated by the medians of rows and columns, that is known to about 1 %.
EXPECTED = pytest.approx(np.sqrt(9 / 7), abs=0.04)


def test_bias(reduced):
    sensor, _, stack = reduced
    assert pulls(stack[0], sensor.bias * gain_image(sensor)).std() == EXPECTED


def test_dark(reduced):
    sensor, _, stack = reduced
    values = (stack[1] - sensor.bias * gain_image(sensor)) / 30.0096
    assert pulls(values, sensor.dark_rate).std() == EXPECTED


def test_flat(reduced):
    sensor, flat, stack = reduced
    sound = ~sensor.defects.mask
    values = stack[2] - sensor.bias * gain_image(sensor) - sensor.dark_rate * 4.0096
    values = values / np.array([image[sound].mean() for image in values])[:, np.newaxis, np.newaxis]
    pull = pulls(values[:, sound], flat[sound])
    assert pull.std() == EXPECTED
    assert pull.mean() == pytest.approx(0.0, abs=0.02)
