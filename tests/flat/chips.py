"""Flats of single sensors of large cameras, small."""

import numpy as np

from infra.images import CalibrationImage
from infra.instruments.focal_plane import pixel_positions
from infra.instruments.geometry import CameraModel, DetectorLayout, SegmentModel
from tasks.flat.gradient.model import FlatGradient


def layout_of(camera: CameraModel, detector: int, *, width: int = 24, height: int = 96) -> DetectorLayout:
    """Return a detector with small amplifiers."""
    return camera.detector(detector).layout(SegmentModel(width + 8, height + 8, 3, width, height))


def flat_of(
    camera: CameraModel,
    detector: int,
    light: FlatGradient | None = None,
    *,
    sensor: int = 0,
    response: float = 0.006,
    noise: float = 0.0,
    seed: int = 0,
    layout: DetectorLayout | None = None,
) -> CalibrationImage:
    """Return the flat of a sensor in a light.

    ``sensor`` is the seed of the pattern of its pixels, which scatter by ``response``; ``seed`` of the noise.
    """
    layout = layout or layout_of(camera, detector)
    shape = layout.image_shape
    image = 1.0 + response * np.random.default_rng([sensor, 1]).standard_normal(shape)
    image += noise * np.random.default_rng([seed, 2]).standard_normal(shape)
    if light is not None:
        x, y = np.broadcast_arrays(*pixel_positions(camera, layout))
        image *= light.normalization * light.model(x, y, np.full(shape, layout.vendor == "ITL"))
    variance = np.full(shape, noise**2, np.float32)
    return CalibrationImage(image.astype(np.float32), np.zeros(shape, np.uint16), variance, {})
