"""The sky of exposures of one detector as grids of cells: all that is kept of an exposure."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from astropy.table import Table

from infra.errors import CalprodError
from infra.images import CorrectedExposure, Metadata
from infra.instruments import camera
from infra.instruments.focal_plane import pixel_positions
from infra.instruments.layout import DetectorLayout
from tasks.combine.background import cell_edges, cell_means
from tasks.combine.metadata import CombineInput, common_cards
from tasks.combine.smooth_sky import SkySettings, flag_sources, usable_pixels

__all__ = ["DetectorCells", "SkyGrid", "SkyGrids", "measure_grid", "grids_from_table", "grids_table"]

type FloatArray = npt.NDArray[np.float64]

_FEWEST = 0.25
"""Fraction of the pixels of a cell that must be sky."""


@dataclass(frozen=True, slots=True, eq=False)
class DetectorCells:
    """The cells of a detector."""

    instrument: str
    detector: int
    shape: tuple[int, int]
    """Shape (ny, nx) of the image (pixel)."""
    mesh: int
    """Size of a cell (pixel), about."""
    x: FloatArray
    """Middle of each column of cells in the focal plane (mm)."""
    y: FloatArray
    """Middle of each row of cells in the focal plane (mm)."""

    @classmethod
    def of(cls, instrument: str, layout: DetectorLayout, mesh: int) -> "DetectorCells":
        """Return the cells of a detector of that camera."""
        x, y = pixel_positions(camera(instrument), layout)
        ny, nx = layout.image_shape
        return cls(
            instrument,
            layout.id,
            layout.image_shape,
            mesh,
            _middles(x.ravel(), cell_edges(nx, mesh)),
            _middles(y.ravel(), cell_edges(ny, mesh)),
        )

    @property
    def edges(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Bounds of the cells along y and x (pixel)."""
        return cell_edges(self.shape[0], self.mesh), cell_edges(self.shape[1], self.mesh)


@dataclass(frozen=True, slots=True, eq=False)
class SkyGrid:
    """The sky of one exposure of one detector."""

    described: CombineInput
    """The exposure; its header holds only what all exposures of the detector share."""
    mean: FloatArray
    """Clipped mean of each cell (electron), shape (rows, columns); NaN where too little is sky."""
    error: FloatArray
    """Standard error of the mean (electron), same shape."""


@dataclass(frozen=True, slots=True, eq=False)
class SkyGrids:
    """The skies of all exposures of one detector."""

    cells: DetectorCells
    grids: tuple[SkyGrid, ...]
    """In the order of the exposures."""
    cards: Metadata
    """What the headers of all of them share."""


def measure_grid(
    exposure: CorrectedExposure, cells: DetectorCells, described: CombineInput, settings: SkySettings
) -> SkyGrid:
    """Measure the sky of an exposure, cell by cell.

    Parameters
    ----------
    exposure
        Corrected, divided by the flat; sources are flagged DETECTED in place.
    cells
        The cells of its detector.
    described
        What is known of the exposure.
    settings
        How sources are found; they are left out with what they were grown by.

    Raises
    ------
    CalprodError
        The exposure is not in electron, or of another shape; too little of it is sky.
    """
    if exposure.image.shape != cells.shape or exposure.unit != "electron":
        raise CalprodError(
            f"exposure {described.exposure} of shape {exposure.image.shape} in {exposure.unit} for cells of "
            f"{cells.shape}",
            "correct it to electron, with the layout of its own raw",
        )
    try:
        flag_sources(exposure, settings)
    except CalprodError as error:
        raise CalprodError(f"exposure {described.exposure}: {error.message}", error.remedy) from error
    usable = usable_pixels(exposure.image, exposure.mask)
    found = cell_means(exposure.image, usable, cells.mesh, _FEWEST)
    return SkyGrid(described, found.mean, found.error)


def grids_table(cells: DetectorCells, grids: Sequence[SkyGrid]) -> Table:
    """Table with a row for each exposure.

    Returns
    -------
    table
        exposure; begin, end (TAI, MJD); exposure_time, dark_time (s); mean and error (electron), each of the
        shape of the grid. In each row alike, since the Butler keeps no header of such tables: instrument,
        detector, shape of the image and mesh (pixel), x_mm and y_mm of columns and rows of cells, and cards,
        those that all exposures share (JSON).
    """
    inputs = [grid.described for grid in grids]
    n = len(inputs)
    cards = json.dumps(common_cards([one.header for one in inputs]))
    return Table(
        {
            "exposure": np.array([one.exposure for one in inputs], np.int64),
            "begin": np.array([one.begin_mjd for one in inputs]),
            "end": np.array([one.end_mjd for one in inputs]),
            "exposure_time": np.array([one.exposure_time for one in inputs]),
            "dark_time": np.array([one.dark_time for one in inputs]),
            "mean": np.stack([grid.mean for grid in grids]),
            "error": np.stack([grid.error for grid in grids]),
            "instrument": [cells.instrument] * n,
            "detector": np.full(n, cells.detector, np.int32),
            "shape": np.tile(np.array(cells.shape, np.int32), (n, 1)),
            "mesh": np.full(n, cells.mesh, np.int32),
            "x_mm": np.tile(cells.x, (n, 1)),
            "y_mm": np.tile(cells.y, (n, 1)),
            "cards": [cards] * n,
        }
    )


def grids_from_table(table: Table) -> SkyGrids:
    """Skies as `grids_table` wrote them.

    Raises
    ------
    CalprodError
        A column is missing, or there are no rows.
    """
    names = ("exposure", "begin", "end", "exposure_time", "dark_time")
    needed = {*names, "mean", "error", "instrument", "detector", "shape", "mesh", "x_mm", "y_mm", "cards"}
    if missing := sorted(needed - set(table.colnames)) or (() if len(table) else ("rows",)):
        raise CalprodError(f"a table of skies has no {', '.join(missing)}", "measure the exposures again")
    first = table[0]
    ny, nx = (int(size) for size in first["shape"])
    cells = DetectorCells(
        str(first["instrument"]),
        int(first["detector"]),
        (ny, nx),
        int(first["mesh"]),
        np.array(first["x_mm"], np.float64),
        np.array(first["y_mm"], np.float64),
    )
    rows = zip(*(table[name].tolist() for name in names), strict=True)
    grids = tuple(
        SkyGrid(CombineInput(*row), np.asarray(mean, np.float64), np.asarray(error, np.float64))
        for row, mean, error in zip(rows, table["mean"], table["error"], strict=True)
    )
    return SkyGrids(cells, grids, json.loads(str(first["cards"])))


def _middles(positions: FloatArray, edges: npt.NDArray[np.int64]) -> FloatArray:
    """Middle of each cell along an axis."""
    return np.array([positions[a:b].mean() for a, b in pairwise(edges)])
