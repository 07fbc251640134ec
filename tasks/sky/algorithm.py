"""The sky frame of one detector and filter, from the skies of many dithered exposures.

In four steps, as Rubin's cp_pipe has it: the sky of each exposure and detector in cells without sources
(`measure_grid`); the smooth sky of each exposure over the focal plane, and its scale (`merge_skies`); what
remains of each cell, over the scale; its mean over the exposures (`combine_skies`). Rubin reads the exposures
again for the third step. A smooth sky is as well subtracted from the mean of a cell as from its pixels, so
here each raw is read once, and what is kept of it is its grid.
"""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from infra.errors import CalprodError
from infra.images import CalibrationImage, MaskPlane, Metadata, finite_cards
from tasks.combine.background import interpolate_cells
from tasks.combine.clipping import clipped_mean
from tasks.combine.image_layout import layout_of_image
from tasks.combine.metadata import creation_cards, provenance_cards, time_cards
from tasks.combine.quality import quality_cards
from tasks.sky.grids.cells import DetectorCells, SkyGrid, SkyGrids, measure_grid
from tasks.sky.grids.focal_plane import FocalPlaneSky, SkyScales, merge_skies

__all__ = ["MESH_CARD", "DetectorCells", "FocalPlaneSky", "SkyGrid", "SkyGrids", "SkyScales"]
__all__ += ["combine_skies", "measure_grid", "merge_skies"]

MESH_CARD = "LSST CP SKY MESH"
"""Size of a cell of the sky frame (pixel)."""


@dataclass(frozen=True, slots=True)
class _Frame:
    """Sky frame in cells."""

    mean: npt.NDArray[np.float64]
    error: npt.NDArray[np.float64]


def combine_skies(
    detector: SkyGrids,
    scales: SkyScales,
    created: datetime,
    *,
    n_sigma: float = 3.0,
    n_iterations: int = 3,
) -> CalibrationImage:
    """Average what remains of the skies of a detector once the smooth sky is taken away.

    Parameters
    ----------
    detector
        Skies of the detector.
    scales
        Smooth skies of the exposures, over all detectors.
    created
        Moment of creation, with a time zone.
    n_sigma, n_iterations
        The clip over exposures, cell by cell.

    Returns
    -------
    sky
        In units of the sky, about 0: a spline through the cells. BAD where no exposure shows sky. The
        variance is that of the mean over the exposures.

    Raises
    ------
    CalprodError
        No exposure of the detector has a smooth sky, or no cell any sky.
    """
    used = [grid for grid in detector.grids if grid.described.exposure in scales.skies]
    if not used:
        raise CalprodError(
            f"detector {detector.cells.detector} has no exposure with a smooth sky",
            "compare the skies of the same exposures",
        )
    levels = [scales.skies[grid.described.exposure].scale for grid in used]
    remains = np.stack(
        [
            (grid.mean - scales.model(grid.described.exposure, detector.cells)) / level
            for grid, level in zip(used, levels, strict=True)
        ]
    )
    errors = np.stack([grid.error / level for grid, level in zip(used, levels, strict=True)])
    frame = _average(remains, errors, n_sigma, n_iterations)
    if not np.isfinite(frame.mean).any():
        raise CalprodError(
            f"no cell of detector {detector.cells.detector} shows sky in any exposure",
            "take dithered exposures of fields with fewer stars, or larger cells",
        )
    edges = detector.cells.edges
    unknown = np.isnan(frame.mean)
    pixels = np.repeat(np.repeat(unknown, np.diff(edges[0]), axis=0), np.diff(edges[1]), axis=1)
    image = interpolate_cells(frame.mean, *edges)
    variance = np.maximum(interpolate_cells(frame.error, *edges), np.float32(0.0)) ** 2
    mask = np.where(pixels, np.uint16(MaskPlane.BAD), np.uint16(0))
    inputs = [grid.described for grid in used]
    layout = layout_of_image(detector.cells.instrument, detector.cells.detector, detector.cells.shape)
    metadata: Metadata = {
        **detector.cards,
        "OBSTYPE": "SKY",
        "BUNIT": "",
        "EXPTIME": 1.0,
        "DARKTIME": 1.0,
        MESH_CARD: detector.cells.mesh,
        **creation_cards(created),
        **time_cards(inputs),
        **provenance_cards(inputs, levels),
        **quality_cards("sky", image, mask, layout),
    }
    return CalibrationImage(image, mask, variance, finite_cards(metadata))


def _average(
    remains: npt.NDArray[np.float64], errors: npt.NDArray[np.float64], n_sigma: float, n_iterations: int
) -> _Frame:
    """Clipped mean over the exposures, cell by cell, and its standard error.

    The error is that of the scatter, but no less than the noise of the pixels makes it: of few exposures the
    scatter may by chance be nearly none.
    """
    mean, error = np.full(remains.shape[1:], np.nan), np.full(remains.shape[1:], np.nan)
    for index in np.ndindex(mean.shape):
        values = remains[:, *index]
        found = clipped_mean(values, n_sigma, n_iterations)
        if found.n_used:
            own = errors[:, *index][np.isfinite(values)]
            from_pixels = float(np.sqrt(np.sum(own**2))) / own.size
            mean[index] = found.mean
            error[index] = np.nanmax([found.standard_error, from_pixels])
    return _Frame(mean, error)
