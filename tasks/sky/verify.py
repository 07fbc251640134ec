"""Verification of a sky frame: what it leaves of the structure of a sky, and whether it is smooth.

Statistics of an exposure, for the detector, from the means of cells without sources:

``SKY_SCALE``
    Level of the sky (electron).
``SKY_BEFORE``, ``SKY_RESIDUAL``
    Standard deviation of the cells about a plane before and after the sky frame is subtracted, in units of
    the sky and without what the noise of the pixels adds; negative where noise made its square so.
``SKY_ALLOWANCE``
    How well either is known: three standard errors (units of the sky).
``N_CELLS``
    Cells that show sky.

Of the sky frame itself, in units of the sky: ``LEVEL``, its mean; ``ROUGHNESS``, the largest difference of a
cell from the median of itself and its neighbours, without three of its standard errors; ``BAD_FRACTION`` of
its pixels.
"""

import math

import numpy as np
import numpy.typing as npt
from scipy.ndimage import generic_filter

from infra.images import CalibrationImage, CorrectedExposure, MaskPlane
from tasks.combine.background import CellMeans, cell_means
from tasks.combine.smooth_sky import usable_pixels
from tasks.sky.algorithm import MESH_CARD
from tasks.verification.model import StatisticValues
from tasks.verification.quantum import ProductMeasurement
from tasks.verification.sky_frames import noise_model, residual_statistics

__all__ = ["noise_model", "product_statistics", "residual_statistics", "sky_statistics"]

_FEWEST = 0.25
"""Fraction of the pixels of a cell that must be sky."""
_ERRORS = 3.0


def sky_statistics(exposure: CorrectedExposure, sky: CalibrationImage) -> StatisticValues:
    """Measure the structure of a sky with and without a sky frame.

    Parameters
    ----------
    exposure
        Before anything is subtracted, sources flagged DETECTED, in electron.
    sky
        The sky frame under test, with the size of its cells in the header.

    Returns
    -------
    StatisticValues
        As named in the module's description, of the detector; NaN where too little is sky.
    """
    mesh = mesh_of(sky)
    usable = usable_pixels(exposure.image, exposure.mask) & usable_pixels(sky.image, sky.mask)
    cells = cell_means(exposure.image, usable, mesh, _FEWEST)
    frame = cell_means(sky.image, usable, mesh, _FEWEST)
    known = np.isfinite(cells.mean) & np.isfinite(frame.mean)
    names = ("SKY_SCALE", "SKY_BEFORE", "SKY_RESIDUAL", "SKY_ALLOWANCE")
    n_cells = float(np.count_nonzero(known))
    if n_cells < 6:
        return dict.fromkeys(names, math.nan) | {"N_CELLS": n_cells}
    level, before, _ = _about_plane(cells, cells.mean, known)
    _, after, allowance = _about_plane(cells, cells.mean - level * frame.mean, known)
    return dict(zip(names, (level, before, after, allowance), strict=True)) | {"N_CELLS": n_cells}


def product_statistics(calibration: CalibrationImage) -> ProductMeasurement:
    """Measure a sky frame itself.

    Parameters
    ----------
    calibration
        The sky frame.
    """
    usable = usable_pixels(calibration.image, calibration.mask)
    mesh = mesh_of(calibration)
    mean = cell_means(calibration.image, usable, mesh, _FEWEST).mean
    error = np.sqrt(cell_means(calibration.variance, usable, mesh, _FEWEST).mean)
    smooth = generic_filter(mean, _median, size=3, mode="nearest") if mean.size > 1 else mean
    steps = np.abs(mean - smooth) - _ERRORS * error
    known = np.isfinite(steps)
    detector = {
        "LEVEL": float(np.mean(calibration.image[usable], dtype=np.float64)) if usable.any() else math.nan,
        "ROUGHNESS": max(float(steps[known].max()), 0.0) if known.any() else math.nan,
        "BAD_FRACTION": float(np.mean((calibration.mask & np.uint16(MaskPlane.BAD)) != 0)),
    }
    return ProductMeasurement(detector=detector)


def mesh_of(sky: CalibrationImage) -> int:
    """Return the size of the cells of a sky frame (pixel); 128 where its header does not say."""
    mesh = sky.metadata.get(MESH_CARD)
    return int(mesh) if isinstance(mesh, int | float) else 128


def _median(values: npt.NDArray[np.float64]) -> float:
    """Median of the known values; NaN where there are none."""
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else math.nan


def _about_plane(
    cells: CellMeans, values: npt.NDArray[np.float64], known: npt.NDArray[np.bool_]
) -> tuple[float, float, float]:
    """Level (electron), and scatter of the cells about a plane with its allowance, in units of the level."""
    rows, columns = values.shape
    y, x = np.meshgrid(np.linspace(-1, 1, rows), np.linspace(-1, 1, columns), indexing="ij")
    # A real gradient is of the sky of that night. An axis of one cell has none.
    terms = [np.ones(values.shape), *(axis for axis in (y, x) if np.ptp(axis) > 0)]
    design = np.column_stack([term[known] for term in terms])
    solution, *_ = np.linalg.lstsq(design, values[known], rcond=None)
    residual = values[known] - design @ solution
    noise = cells.error[known] ** 2
    freedom = max(residual.size - design.shape[1], 1)
    excess = float(residual @ residual) / freedom - float(noise.mean())
    level = float(solution[0])
    # The variance of n Gaussian numbers is known to sqrt(2 / n) of itself.
    doubt = _ERRORS * float(noise.mean()) * math.sqrt(2.0 / freedom)
    if not level > 0:
        return math.nan, math.nan, math.nan
    return level, math.copysign(math.sqrt(abs(excess)), excess) / level, math.sqrt(doubt) / level
