"""The bytes of one raw file."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from infra.instruments import camera as camera_model
from infra.simulator.exposure import SimulatedCamera
from infra.simulator.fits_writing import Card, compressed_hdu, header_text, image_hdu, primary_hdu, table_hdu
from infra.simulator.headers import primary_cards, telemetry_cards
from infra.simulator.random_streams import random_stream
from infra.simulator.scheduled import ScheduledExposure
from infra.simulator.segment_headers import segment_headers

__all__ = ["raw_bytes"]


def raw_bytes(cameras: Mapping[int, SimulatedCamera], exposure: ScheduledExposure) -> bytes:
    """Return the file of one detector's part of an exposure.

    Parameters
    ----------
    cameras
        The camera that takes it, by detector number.
    exposure
        What to take, what to say of it, and how to spoil the file.
    """
    model, conditions = exposure.detector, exposure.conditions
    camera = cameras[model.id]
    seed = camera.specification.seed
    if conditions.foreign:
        return _foreign_file(camera.light.seed, exposure)
    taken_by = camera if conditions.pixels_of is None else cameras[conditions.pixels_of]
    segments = taken_by.expose(exposure)
    headers = segment_headers(exposure.instrument, model, camera.sensor.segment)
    bands = {item.name: item.band for item in camera_model(exposure.instrument).filters}
    primary = primary_cards(exposure, bands[exposure.declared_filter], seed)
    if conditions.nan_fraction:
        spoiled = _with_nan(segments, camera, exposure)
        images = [image_hdu(image, header) for image, header in zip(spoiled, headers, strict=True)]
    else:
        images = [compressed_hdu(image, header) for image, header in zip(segments, headers, strict=True)]
    telemetry = table_hdu(header_text(telemetry_cards(exposure, seed)))
    data = b"".join((primary_hdu(header_text(primary)), *images, telemetry))
    return data[: int(len(data) * conditions.kept_bytes)]


def _with_nan(
    segments: NDArray[np.int32], camera: SimulatedCamera, exposure: ScheduledExposure
) -> NDArray[np.float32]:
    """Return the segments as floating-point numbers, some of them NaN."""
    rng = random_stream(camera.light.seed, "nan", exposure.exposure_id)
    spoiled = segments.astype(np.float32)
    spoilt = rng.random(spoiled.shape) < exposure.conditions.nan_fraction
    only = exposure.conditions.nan_amplifier
    names = [amplifier.name for amplifier in camera.sensor.layout.amplifiers]
    spoilt[[only not in (None, name) for name in names]] = False
    spoiled[spoilt] = np.nan
    return spoiled


def _foreign_file(seed: int, exposure: ScheduledExposure) -> bytes:
    """Return a frame of a small camera with one amplifier, such as amateurs use."""
    frame = random_stream(seed, "foreign", exposure.exposure_id).normal(100.0, 7.0, (64, 64))
    cards = [
        *(Card("INSTRUME", "SBIG STL-1001 CCD Camera"), Card("IMAGETYP", "Light Frame")),
        *(Card("DATE-OBS", exposure.begin.isoformat(timespec="milliseconds")), Card("EXPTIME", 10.0)),
    ]
    return image_hdu(np.rint(frame).astype(np.int32), header_text(cards), primary=True)
