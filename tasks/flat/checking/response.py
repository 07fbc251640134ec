"""How a detector responds beside the others, and its amplifiers beside each other, in a flat."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from infra.images import CalibrationImage, MaskPlane
from infra.instruments.focal_plane import pixel_positions
from infra.instruments.geometry import CameraModel
from infra.instruments.layout import DetectorLayout
from tasks.flat.gradient.bins import BOUNDARY, bin_size
from tasks.flat.gradient.model import FlatGradient
from tasks.flat_pairs.binned_flat import bin_grid, bin_pixels

__all__ = ["Response", "measure_response", "ratio_of_flats"]

type FloatArray = npt.NDArray[np.float64]

_UNUSABLE = MaskPlane.BAD | MaskPlane.NO_DATA | MaskPlane.SAT | MaskPlane.VIGNETTED
_EVERY = 4
"""Every so many rows and columns are enough for a median."""

_OUTLIER = 5.0
"""Robust standard deviations from which a bin takes no part in a slope: dust, defects."""


@dataclass(frozen=True, slots=True)
class Response:
    """How a flat compares with what is expected of it."""

    detector: float = math.nan
    """Median of flat over expectation, less 1."""
    slope: float = math.nan
    """Largest change across the whole detector, along x or y, of flat over expectation; relative."""
    amplifiers: Mapping[str, float] = field(default_factory=dict)
    """Median of each amplifier beside that of the detector, less 1; an amplifier that is masked is absent."""


def measure_response(
    flat: CalibrationImage,
    layout: DetectorLayout,
    camera: CameraModel,
    gradient: FlatGradient,
    reference: FlatGradient | None = None,
) -> Response:
    """Compare a flat with the light that the fit over the focal plane leaves in it.

    Parameters
    ----------
    flat
        Flat of one detector that the slope of the light was taken out of.
    layout, camera
        The detector and its camera.
    gradient
        The light that was fitted to the flats of all detectors.
    reference
        Whose radial part the flat was given, if any.

    Returns
    -------
    response
        A detector that does not respond as its neighbours do differs from 0, and so does the slope of one
        whose light was taken out with the wrong sign. Where the telescope holds some of the light back,
        detector and slope are compared only if no part of the detector is free.

    Notes
    -----
    The slope is that within the amplifiers, whose gains therefore do not matter.
    """
    light = gradient if reference is None else reference
    boxes = [one.image_box for one in layout.amplifiers]
    narrowest = min(min(box.shape) for box in boxes)
    edge = BOUNDARY if narrowest > 10 * BOUNDARY else 0
    size = max(1, min(bin_size(layout.image_shape), (narrowest - 2 * edge) // 3))
    grid = bin_grid(boxes, layout.image_shape, edge, size)
    columns, rows = pixel_positions(camera, layout)
    x = np.interp(grid.x, np.arange(columns.size), columns[0])
    y = np.interp(grid.y, np.arange(rows.size), rows[:, 0])
    expected = light.radial(x, y) * (gradient.itl_ratio if layout.vendor == "ITL" else 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = bin_pixels(flat.image, _usable(flat), grid) / expected
    good = np.isfinite(ratio) & (expected > 0)
    if not good.any():
        return Response()
    in_full_light = _usable(flat, _UNUSABLE | MaskPlane.PARTLY_VIGNETTED)
    free = np.isfinite(bin_pixels(flat.image, in_full_light, grid))[good]
    free |= not free.any()
    ratio, x, y, place = ratio[good], x[good], y[good], grid.amplifier[good]
    middle = float(np.median(ratio[free]))
    members = {one.name: place == i for i, one in enumerate(layout.amplifiers)}
    amplifiers = {
        name: float(np.median(ratio[own])) / middle - 1.0 for name, own in members.items() if own.any()
    }
    # Freed of the amplifiers' levels, what is left has a slope within each.
    for own in members.values():
        if own.any():
            ratio[own] /= np.median(ratio[own])
            x[own] -= x[own].mean()
            y[own] -= y[own].mean()
    extent = np.array([np.ptp(columns), np.ptp(rows)])
    return Response(middle - 1.0, _slope((ratio - 1.0)[free], x[free], y[free], extent), amplifiers)


def _slope(residual: FloatArray, x: FloatArray, y: FloatArray, extent: FloatArray) -> float:
    """Return the larger of the changes across the detector, from x and y within amplifiers."""
    spread = 1.4826 * float(np.median(np.abs(residual - np.median(residual))))
    kept = np.abs(residual) <= _OUTLIER * spread + 1e-12
    sides = np.stack([x[kept], y[kept]], axis=1)
    if kept.sum() < 10 or (np.ptp(sides, axis=0) == 0).any():
        return math.nan
    slopes = np.linalg.lstsq(sides, residual[kept], rcond=None)[0]
    return float(np.abs(slopes * extent).max())


def ratio_of_flats(candidate: CalibrationImage, former: CalibrationImage, layout: DetectorLayout) -> Response:
    """Compare a flat with the one before it, detector and amplifiers; parameters as they say.

    Returns
    -------
    response
        As of `measure_response`; without slope. Nothing where the two differ in shape.
    """
    if candidate.image.shape != former.image.shape:
        return Response()
    usable = _usable(candidate) & _usable(former) & (former.image > 0)
    whole = _median_ratio(candidate, former, usable, (slice(None), slice(None)))
    if not math.isfinite(whole):
        return Response()
    amplifiers = {}
    for one in layout.amplifiers:
        own = _median_ratio(candidate, former, usable, one.image_box.slices)
        if math.isfinite(own):
            amplifiers[one.name] = own / whole - 1.0
    return Response(whole - 1.0, math.nan, amplifiers)


def _usable(flat: CalibrationImage, unusable: MaskPlane = _UNUSABLE) -> npt.NDArray[np.bool_]:
    """Return the pixels that tell something."""
    return np.asarray(((flat.mask & np.uint16(unusable)) == 0) & np.isfinite(flat.image))


def _median_ratio(
    candidate: CalibrationImage,
    former: CalibrationImage,
    usable: npt.NDArray[np.bool_],
    part: tuple[slice, slice],
) -> float:
    """Return the median of one flat over the other over a part of the detector; NaN where all is masked."""
    step = _EVERY if candidate.image[part].size > 100_000 else 1
    chosen = usable[part][::step, ::step]
    above = candidate.image[part][::step, ::step][chosen]
    below = former.image[part][::step, ::step][chosen]
    return float(np.median(above / below)) if chosen.any() else math.nan
