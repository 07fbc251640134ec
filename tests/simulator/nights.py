"""Small nights for the tests, and the plainest reduction of their frames."""

from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from infra.simulator.exposure import SimulatedCamera
from infra.simulator.schedule import schedule_night
from infra.simulator.sensor import SensorTruth, draw_sensor
from infra.simulator.specification import NightSpec

QUIET: dict[str, Any] = {
    "row_drift": None,
    "bias_structure": None,
    "dark_current": None,
    "defects": None,
    "cosmic_rays": None,
    "electronics": {"pedestal_jitter": 0.0},
    "illumination": {
        "vignetting": 0.0,
        "gradient": 0.0,
        "dust": 0,
        "pixel_response": 0.0,
        "lamp_jitter": 0.0,
    },
}
"""Every effect off but gain, read noise and photon noise."""


def night(*sets: dict[str, Any], camera: dict[str, Any] | None = None, **keys: Any) -> NightSpec:
    """Return a night of those sets."""
    return NightSpec.model_validate({"day_obs": 20240318, "sets": sets, "camera": camera or {}, **keys})


def exposures_of(specification: NightSpec) -> tuple[SensorTruth, list[NDArray[np.int32]]]:
    """Return the sensor and the raw segments of every exposure of a night."""
    detector = specification.detector_model
    segment = specification.segment.segment(detector.segment)
    camera = SimulatedCamera(specification, draw_sensor(detector, segment, specification.camera))
    return camera.sensor, [camera.expose(exposure) for exposure in schedule_night(specification)]


def data_section(segments: NDArray[Any], sensor: SensorTruth) -> NDArray[Any]:
    """Return the data pixels of all segments, in readout order."""
    segment = sensor.segment
    return segments[:, : segment.data_height, segment.prescan : segment.prescan + segment.data_width]


def reduce(segments: NDArray[Any], sensor: SensorTruth) -> NDArray[np.float64]:
    """Return the trimmed image (electron), both overscans subtracted by median per row and column."""
    segment, layout = sensor.segment, sensor.layout
    end = segment.prescan + segment.data_width
    image = np.zeros(layout.image_shape)
    for index, amplifier in enumerate(layout.amplifiers):
        signal = segments[index].astype(np.float64)
        signal -= np.median(signal[:, end + 3 : -3], axis=1, keepdims=True)
        signal = signal[:, segment.prescan : end]
        data = signal[: segment.data_height] - np.median(signal[segment.data_height + 3 : -3], axis=0)
        data = data[:: -1 if amplifier.flip_y else 1, :: -1 if amplifier.flip_x else 1]
        image[amplifier.image_box.slices] = data * amplifier.gain
    return image


def read_segments(path: Path) -> NDArray[Any]:
    """Return the segments of a raw file, read by astropy."""
    with fits.open(path) as file:
        return np.stack([hdu.data for hdu in file[1:17]])


def full_header(path: Path) -> fits.Header:
    """Return the primary header with the cards of REB_COND."""
    header = fits.getheader(path, 0)
    header.update(fits.getheader(path, "REB_COND"))
    return header
