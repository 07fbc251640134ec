"""Light: what the flat-field lamp puts on each pixel, and how the pixels answer it."""

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import Akima1DInterpolator

from infra.instruments.focal_plane import pixel_positions
from infra.instruments.geometry import CameraModel, DetectorLayout, PhysicalFilter
from infra.simulator.optics import FocalPlaneLight, Fringes, Illumination
from infra.simulator.patterns import fringe_pattern, ring_shadow, unit_grid
from infra.simulator.random_streams import random_stream

__all__ = ["focal_plane_light", "fringes_in_band", "leak_pattern", "response_to_light"]

type FloatArray = NDArray[np.float64]

_FRINGE_WAVELENGTH = 0.97
_WAVELENGTHS = {"i": 0.75, "z": 0.87, "y": 0.97}
"""Middle of the bands (µm)."""


def response_to_light(
    illumination: Illumination,
    physical_filter: PhysicalFilter,
    defect_response: FloatArray,
    seed: int,
    *,
    dust_shift: float = 0.0,
) -> FloatArray:
    """Return a detector's own flat field: signal of each pixel over the mean signal of sound pixels.

    Parameters
    ----------
    illumination
        Strengths of the effects.
    physical_filter
        Filter in the beam; the optics' part differs a little from filter to filter, as does the pixels'.
    defect_response
        Response relative to a sound pixel, shape [ny, nx].
    seed
        Seed of the detector.
    dust_shift
        How far the dust has moved to the right, as a fraction of the width.

    Returns
    -------
    numpy.ndarray
        Shape [ny, nx], float64, of mean 1 over the pixels whose ``defect_response`` is 1.
    """
    shape = defect_response.shape[0], defect_response.shape[1]
    y, x = unit_grid(shape)
    filter_rng = random_stream(seed, f"filter {physical_filter.name}")
    vignetting = illumination.vignetting * filter_rng.uniform(0.8, 1.2)
    # Half the squared diagonal is the squared distance of the corners, where the loss is as asked for.
    flat = 1.0 - vignetting * 2.0 * ((x - 0.5) ** 2 + (y - 0.5) ** 2)
    flat = flat * (1.0 + illumination.gradient * (x - 0.5))
    flat = flat * _dust(illumination, shape, seed, dust_shift)
    common = random_stream(seed, "pixel response").standard_normal(shape)
    own = filter_rng.standard_normal(shape)
    flat *= 1.0 + illumination.pixel_response * (np.sqrt(8.0 / 9.0) * common + own / 3.0)
    flat *= defect_response
    return np.asarray(flat / flat[defect_response == 1.0].mean())


def focal_plane_light(settings: FocalPlaneLight, camera: CameraModel, layout: DetectorLayout) -> FloatArray:
    """Return the light on a detector relative to that in the middle of the focal plane, shape [ny, nx].

    Parameters
    ----------
    settings
        Profile, gradient and ratio of the two kinds of sensor.
    camera
        The camera.
    layout
        The detector's frame.
    """
    x, y = pixel_positions(camera, layout)
    radius = np.hypot(x - settings.centre[0], y - settings.centre[1])
    profile = Akima1DInterpolator(np.array(settings.radii), np.array(settings.profile))
    light = np.nan_to_num(profile(radius, extrapolate=False), nan=0.0)
    light = np.maximum(light, 0.0) / (1.0 + settings.gradient[0] * x + settings.gradient[1] * y)
    if layout.vendor == "ITL":
        light *= settings.itl_ratio
    if settings.vignetting_radius is not None:
        light[np.hypot(x, y) > settings.vignetting_radius] = 0.0
    return np.asarray(light)


def fringes_in_band(
    fringes: Fringes, band: str, shape: tuple[int, int], seed: int, phase: float = 0.0
) -> FloatArray:
    """Return the fringes of a detector in a band, for an amplitude of 1, shape [ny, nx].

    Parameters
    ----------
    fringes
        Their distance.
    band
        Longer waves make wider fringes.
    shape
        Shape (ny, nx).
    seed
        Seed of the detector.
    phase
        Displacement, in the distance of the fringes.
    """
    cycles = fringes.cycles * _FRINGE_WAVELENGTH / _WAVELENGTHS.get(band, _FRINGE_WAVELENGTH)
    return fringe_pattern(random_stream(seed, "fringes"), shape, cycles, phase)


def _dust(illumination: Illumination, shape: tuple[int, int], seed: int, shift: float) -> FloatArray:
    """Light left by all specks of dust."""
    rng = random_stream(seed, "dust")
    light = np.ones(shape)
    for _ in range(illumination.dust):
        centre_y, centre_x, size, depth = rng.uniform((0.05, 0.05, 0.02, 0.5), (0.95, 0.95, 0.06, 1.5))
        light *= ring_shadow(
            shape, (centre_y, centre_x + shift), size, min(1.0, depth * illumination.dust_depth)
        )
    return light


def leak_pattern(shape: tuple[int, int]) -> FloatArray:
    """Return stray light of mean 1 that falls linearly from the right edge to nothing at the left."""
    _, x = unit_grid(shape)
    return np.asarray(np.broadcast_to(2.0 * x, shape))
