"""Binned flats of a known light, as the fit over the focal plane takes them."""

from dataclasses import replace

import numpy as np

from infra.instruments.focal_plane import detector_centre
from infra.instruments.geometry import CameraModel
from tasks.flat.gradient.fitting import FocalPlaneBins
from tasks.flat.gradient.model import FlatGradient

SIDE = 31
"""Bins across a full-size sensor."""


def places(camera: CameraModel, side: int = SIDE) -> FocalPlaneBins:
    """Return bins over all detectors of a camera, without any signal."""
    step = 40.0 / side
    offsets = (np.arange(side) - (side - 1) / 2) * step
    parts = []
    for detector in camera.detectors:
        x0, y0 = detector_centre(camera, detector.id)
        x, y = np.meshgrid(x0 + offsets, y0 + offsets)
        parts.append((x.ravel(), y.ravel(), detector.vendor == "ITL", detector.id))
    n = side * side
    return FocalPlaneBins(
        x=np.concatenate([part[0] for part in parts]),
        y=np.concatenate([part[1] for part in parts]),
        value=np.full(n * len(parts), np.nan),
        is_itl=np.repeat([part[2] for part in parts], n),
        detector=np.repeat([part[3] for part in parts], n).astype(np.int32),
    )


def small_raft(pitch: float = 2.5, side: int = 16) -> FocalPlaneBins:
    """Return bins of nine sensors a few mm wide, two of them ITL, as in the test camera of Rubin's ip_isr."""
    offsets = (np.arange(side) - (side - 1) / 2) * pitch / side
    x0, y0 = (centre.ravel() for centre in np.meshgrid(*(pitch * np.arange(-1, 2),) * 2))
    x, y = (offset.ravel() for offset in np.meshgrid(offsets, offsets))
    number = np.repeat(np.arange(9), side * side).astype(np.int32)
    return FocalPlaneBins(
        x=(x0[:, np.newaxis] + x).ravel(),
        y=(y0[:, np.newaxis] + y).ravel(),
        value=np.full(number.size, np.nan),
        is_itl=number < 2,
        detector=number,
    )


def lit(bins: FocalPlaneBins, light: FlatGradient, *, noise: float = 0.0, seed: int = 1) -> FocalPlaneBins:
    """Return the bins with the signal of a light, and relative noise."""
    value = light.normalization * light.model(bins.x, bins.y, bins.is_itl)
    return replace(
        bins, value=value * (1.0 + noise * np.random.default_rng(seed).standard_normal(value.size))
    )


def middle_of(bins: FocalPlaneBins, radius: float) -> float:
    """Return the median signal within a radius (mm) of the middle."""
    return float(np.median(bins.value[np.hypot(bins.x, bins.y) <= radius]))
