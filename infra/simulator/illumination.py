"""Light: what the flat-field lamp puts on each pixel, and how the pixels answer it."""

import numpy as np
from numpy.typing import NDArray

from infra.instruments.geometry import PhysicalFilter
from infra.simulator.effects import Illumination
from infra.simulator.patterns import fringe_pattern, ring_shadow, unit_grid
from infra.simulator.random_streams import random_stream

__all__ = ["leak_pattern", "response_to_light"]

type FloatArray = NDArray[np.float64]


def response_to_light(
    illumination: Illumination,
    physical_filter: PhysicalFilter,
    defect_response: FloatArray,
    seed: int,
    *,
    dust_shift: float = 0.0,
) -> FloatArray:
    """Return the flat field: signal of each pixel over the mean signal of sound pixels.

    Parameters
    ----------
    illumination
        Strengths of the effects.
    physical_filter
        Filter in the beam; the optics' part differs a little from filter to filter, as does the pixels'.
    defect_response
        Response relative to a sound pixel, shape [ny, nx].
    seed
        Seed of the camera.
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
    if amplitude := illumination.fringes.get(physical_filter.band, 0.0):
        flat *= 1.0 + amplitude * fringe_pattern(random_stream(seed, "fringes"), shape)
    flat *= defect_response
    return np.asarray(flat / flat[defect_response == 1.0].mean())


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
