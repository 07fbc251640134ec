"""The ratio of two flats in bins, and what of it can be trusted."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from infra.errors import CalprodError
from infra.images import CalibrationImage, MaskPlane
from infra.instruments.layout import DetectorLayout
from tasks.flat_pairs.binned_flat import BinGrid, BinnedFlat, bin_grid, bin_pixels, chosen_bins, middling
from tasks.flat_pairs.radial_profile import with_radius
from tasks.gain_correction.solution.model import MAP_SHAPE

__all__ = ["corrected_ratio", "coarse_picture", "ratio_grid", "ratio_of_flats"]

type FloatArray = npt.NDArray[np.float64]

UNUSABLE = MaskPlane.BAD | MaskPlane.SAT | MaskPlane.SUSPECT | MaskPlane.NO_DATA
"""Planes whose pixels take no part."""

LEAST_SCATTER = 0.01
"""Scatter below which an amplifier's bins are not clipped: flats without noise have none."""


def ratio_grid(
    layout: DetectorLayout, instrument: str, *, edge: int, bin_size: int, with_profile: bool
) -> BinGrid:
    """Lay bins over a detector.

    Parameters
    ----------
    layout, instrument
        The detector and its camera.
    edge
        Border of each amplifier left out (pixels).
    bin_size
        Side of a bin (pixels).
    with_profile
        Whether the bins need to know their distance from the middle of the focal plane.
    """
    grid = bin_grid([one.image_box for one in layout.amplifiers], layout.image_shape, edge, bin_size)
    return with_radius(grid, instrument, layout) if with_profile else grid


def ratio_of_flats(
    new: CalibrationImage, reference: CalibrationImage, grid: BinGrid, n_sigma: float = 5.0
) -> BinnedFlat:
    """Ratio of two flats in bins, with median 1.

    Parameters
    ----------
    new, reference
        The flats, shape of the grid's image, in any unit.
    grid
        The bins.
    n_sigma
        A bin farther than this from the median of its amplifier, in units of the scatter (MAD), is left out.

    Returns
    -------
    ratio
        Bins that are finite and in neither flat far from the middling ones.

    Raises
    ------
    CalprodError
        The flats have different shapes, or no bin is left.

    Notes
    -----
    Rubin cp_pipe, CpMeasureGainCorrectionTask, clips about the median of the detector, so that an amplifier
    that has moved by more than the clip is gone without a word; here about that of the amplifier.
    """
    if not new.image.shape == reference.image.shape == grid.image_shape:
        raise CalprodError(
            f"flats of shape {new.image.shape} and {reference.image.shape} for bins of {grid.image_shape}",
            "use two flats of one detector in one readout mode",
        )
    usable = (new.mask | reference.mask) & np.uint16(UNUSABLE) == 0
    usable &= np.isfinite(new.image) & np.isfinite(reference.image)
    above, below = (bin_pixels(one.image, usable, grid).astype(np.float64) for one in (new, reference))
    finite = np.isfinite(above) & np.isfinite(below) & (above > 0) & (below > 0)
    if not finite.any():
        raise CalprodError("the two flats have no usable bins in common", "use flats with light")
    kept = finite & middling(above, finite) & middling(below, finite)
    ratio = np.where(finite, above, np.nan) / np.where(finite, below, np.nan)
    for place in np.unique(grid.amplifier[kept]):
        own = kept & (grid.amplifier == place)
        middle = np.median(ratio[own])
        scatter = max(1.4826 * float(np.median(np.abs(ratio[own] - middle))), LEAST_SCATTER)
        kept[own] = np.abs(ratio[own] - middle) <= n_sigma * scatter
    if not kept.any():
        raise CalprodError("the two flats have no usable bins in common", "use flats with light")
    return chosen_bins(grid, ratio / float(np.median(ratio[kept])), kept)


def corrected_ratio(ratio: BinnedFlat, adjustments: FloatArray) -> BinnedFlat:
    """Divide the bins by the factors of their amplifiers, shape (amplifiers,)."""
    return replace(ratio, value=ratio.value / adjustments[ratio.amplifier])


def coarse_picture(ratio: BinnedFlat, place: int) -> npt.NDArray[np.float32]:
    """Mean ratio over the parts of one amplifier, shape `MAP_SHAPE`, NaN where there are no bins."""
    own = ratio.amplifier == place
    picture = np.full(MAP_SHAPE, np.nan, np.float32)
    if not own.any():
        return picture
    cells = []
    for position, n in zip((ratio.y[own], ratio.x[own]), MAP_SHAPE, strict=True):
        span = float(np.ptp(position)) or 1.0
        cells.append(np.minimum(((position - position.min()) / span * n).astype(np.intp), n - 1))
    cell = np.ravel_multi_index((cells[0], cells[1]), MAP_SHAPE)
    total = np.bincount(cell, weights=ratio.value[own], minlength=picture.size)
    count = np.bincount(cell, minlength=picture.size)
    with np.errstate(invalid="ignore"):
        picture[...] = (total / count).reshape(MAP_SHAPE)
    return picture
