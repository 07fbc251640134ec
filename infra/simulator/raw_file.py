"""The bytes of one raw file."""

import numpy as np
from numpy.typing import NDArray

from infra.errors import UsageError
from infra.instruments import camera as camera_model
from infra.simulator.exposure import SimulatedCamera
from infra.simulator.fits_writing import Card, compressed_hdu, header_text, image_hdu, primary_hdu, table_hdu
from infra.simulator.headers import primary_cards, telemetry_cards
from infra.simulator.random_streams import random_stream
from infra.simulator.scheduled import ScheduledExposure
from infra.simulator.segment_headers import segment_headers

__all__ = ["raw_bytes"]


def raw_bytes(camera: SimulatedCamera, exposure: ScheduledExposure) -> bytes:
    """Return the file of an exposure.

    Parameters
    ----------
    camera
        The camera that takes it.
    exposure
        What to take, what to say of it, and how to spoil the file.

    Raises
    ------
    infra.errors.UsageError
        If headers of this camera cannot be written.
    """
    specification = camera.specification
    if specification.instrument != "LATISS":
        raise UsageError(f"raws of {specification.instrument} cannot be simulated", "only those of LATISS")
    if exposure.conditions.foreign:
        return _foreign_file(specification.seed, exposure)
    segments = camera.expose(exposure)
    headers = segment_headers(specification.detector_model, camera.sensor.segment)
    bands = {item.name: item.band for item in camera_model(specification.instrument).filters}
    primary = primary_cards(exposure, bands[exposure.declared_filter], specification.seed)
    if exposure.conditions.nan_fraction:
        spoiled = _with_nan(segments, camera, exposure)
        images = [image_hdu(image, header) for image, header in zip(spoiled, headers, strict=True)]
    else:
        images = [compressed_hdu(image, header) for image, header in zip(segments, headers, strict=True)]
    telemetry = table_hdu(header_text(telemetry_cards(exposure, specification.seed)))
    data = b"".join((primary_hdu(header_text(primary)), *images, telemetry))
    return data[: int(len(data) * exposure.conditions.kept_bytes)]


def _with_nan(
    segments: NDArray[np.int32], camera: SimulatedCamera, exposure: ScheduledExposure
) -> NDArray[np.float32]:
    """Return the segments as floating-point numbers, some of them NaN."""
    rng = random_stream(camera.specification.seed, "nan", exposure.exposure_id)
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
