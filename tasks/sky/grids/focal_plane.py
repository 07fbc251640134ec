"""The smooth sky of an exposure over the whole focal plane, from the grids of its detectors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from astropy.table import Table

from infra.errors import CalprodError
from tasks.sky.grids.cells import DetectorCells, SkyGrids

__all__ = ["SUPER_PIXEL", "FocalPlaneSky", "SkyScales", "merge_skies", "scales_from_table", "scales_table"]

type FloatArray = npt.NDArray[np.float64]

SUPER_PIXEL = 40.96
"""Side of a super-pixel (mm): a detector of LATISS as a whole (Rubin obs_lsst)."""

_ROUNDING = 1.01
"""By how much a super-pixel may be exceeded before there are two."""


@dataclass(frozen=True, slots=True, eq=False)
class FocalPlaneSky:
    """The smooth sky of one exposure."""

    exposure: int
    """Exposure ID."""
    scale: float
    """Median of the smooth sky over the cells of all detectors (electron)."""
    values: FloatArray
    """At the corners of the super-pixels (electron), shape (along y, along x)."""


@dataclass(frozen=True, slots=True, eq=False)
class SkyScales:
    """The smooth skies of all exposures, on one set of corners."""

    x: FloatArray
    """Corners of the super-pixels (mm); only one value where one super-pixel spans the axis."""
    y: FloatArray
    """As ``x``."""
    skies: Mapping[int, FocalPlaneSky]
    """By exposure ID."""

    def model(self, exposure: int, cells: DetectorCells) -> FloatArray:
        """Return the smooth sky of an exposure in the cells of a detector (electron)."""
        along_y, along_x = _hats(cells.y, self.y), _hats(cells.x, self.x)
        return np.asarray(along_y @ self.skies[exposure].values @ along_x.T)


def merge_skies(detectors: Sequence[SkyGrids], super_pixel: float = SUPER_PIXEL) -> SkyScales:
    """Fit the smooth sky of every exposure over all of its detectors.

    Parameters
    ----------
    detectors
        Skies of all detectors of one filter.
    super_pixel
        Largest side of a super-pixel (mm).

    Returns
    -------
    scales
        Of every exposure that has any sky. One of which only a few detectors have sky is fitted with these.

    Raises
    ------
    CalprodError
        There are none; or the smooth sky of an exposure is not positive.

    Notes
    -----
    Rubin pipe_tasks, ``FocalPlaneBackground``, averages the sky in super-pixels. Here the sky is bilinear
    between their corners and fitted to the cells by least squares, so that a gradient over the focal plane
    is taken up whole, at its rim too; a single super-pixel is a constant, as with Rubin. Corners that no
    detector reaches stay at the median.
    """
    if not detectors:
        raise CalprodError("there are no skies to compare", "measure some exposures first")
    x = _corners([one.cells.x for one in detectors], super_pixel)
    y = _corners([one.cells.y for one in detectors], super_pixel)
    bases = [_basis(one.cells, x, y) for one in detectors]
    exposures = sorted({grid.described.exposure for one in detectors for grid in one.grids})
    skies = {}
    for exposure in exposures:
        found = _fit(exposure, detectors, bases)
        if found is not None:
            skies[exposure] = FocalPlaneSky(exposure, found[0], found[1].reshape(y.size, x.size))
    if not skies:
        raise CalprodError("no exposure shows any sky", "take fields with fewer stars, or larger cells")
    return SkyScales(x, y, skies)


def scales_table(scales: SkyScales) -> Table:
    """Table with a row for each exposure.

    Returns
    -------
    table
        exposure; scale (electron); values at the corners (electron); in each row alike x_mm and y_mm, where
        the corners are.
    """
    skies = sorted(scales.skies.values(), key=lambda sky: sky.exposure)
    return Table(
        {
            "exposure": np.array([sky.exposure for sky in skies], np.int64),
            "scale": np.array([sky.scale for sky in skies]),
            "values": np.stack([sky.values.ravel() for sky in skies]),
            "x_mm": np.tile(scales.x, (len(skies), 1)),
            "y_mm": np.tile(scales.y, (len(skies), 1)),
        }
    )


def scales_from_table(table: Table) -> SkyScales:
    """Scales as `scales_table` wrote them.

    Raises
    ------
    CalprodError
        A column is missing, or there are no rows.
    """
    needed = {"exposure", "scale", "values", "x_mm", "y_mm"}
    if missing := sorted(needed - set(table.colnames)) or (() if len(table) else ("rows",)):
        raise CalprodError(f"a table of smooth skies has no {', '.join(missing)}", "compare the skies again")
    x, y = (np.array(table[0][name], np.float64) for name in ("x_mm", "y_mm"))
    skies = {
        int(exposure): FocalPlaneSky(
            int(exposure), float(scale), np.asarray(values, np.float64).reshape(y.size, x.size)
        )
        for exposure, scale, values in zip(table["exposure"], table["scale"], table["values"], strict=True)
    }
    return SkyScales(x, y, skies)


def _fit(
    exposure: int, detectors: Sequence[SkyGrids], bases: Sequence[FloatArray]
) -> tuple[float, FloatArray] | None:
    """Scale and values at the corners of one exposure; None where nothing of it is sky."""
    rows, values = [], []
    for one, basis in zip(detectors, bases, strict=True):
        for grid in one.grids:
            if grid.described.exposure == exposure:
                known = np.isfinite(grid.mean.ravel())
                rows.append(basis[known])
                values.append(grid.mean.ravel()[known])
    sky = np.concatenate(values)
    if not sky.size:
        return None
    design, level = np.concatenate(rows), float(np.median(sky))
    corners = level + np.linalg.lstsq(design, sky - level, rcond=1e-8)[0]
    scale = float(np.median(design @ corners))
    if not scale > 0:
        raise CalprodError(
            f"the sky of exposure {exposure} has a level of {scale:.3g} electron", "leave the exposure out"
        )
    return scale, corners


def _basis(cells: DetectorCells, x: FloatArray, y: FloatArray) -> FloatArray:
    """Weight of each corner in each cell, shape (cells, corners)."""
    return np.asarray(np.kron(_hats(cells.y, y), _hats(cells.x, x)), np.float64)


def _corners(middles: Sequence[FloatArray], super_pixel: float) -> FloatArray:
    """Corners of the super-pixels along an axis, which together span all cells."""
    reach = [half for one in middles for half in _span(one)]
    low, high = min(reach), max(reach)
    count = int(np.ceil((high - low) / (super_pixel * _ROUNDING)))
    return np.linspace(low, high, count + 1) if count > 1 else np.array([(low + high) / 2])


def _span(middles: FloatArray) -> tuple[float, float]:
    """Outer bounds of a detector's cells along an axis."""
    half = (middles[-1] - middles[0]) / max(middles.size - 1, 1) / 2
    return float(middles[0] - half), float(middles[-1] + half)


def _hats(positions: FloatArray, corners: FloatArray) -> FloatArray:
    """Weight of each corner at each position, for linear interpolation; shape (positions, corners)."""
    if corners.size == 1:
        return np.ones((positions.size, 1))
    step = corners[1] - corners[0]
    return np.asarray(np.clip(1.0 - np.abs(positions[:, np.newaxis] - corners) / step, 0.0, 1.0))
