"""The levels of flat exposures: of each amplifier, and of the detector."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from astropy.table import Table

from infra.errors import CalprodError
from infra.images import CorrectedExposure, MaskPlane
from infra.instruments.layout import DetectorLayout
from tasks.combine.clipping import ClippedStatistics, clipped_statistics_of_amplifier

__all__ = ["WHOLE", "FlatLevel", "levels_from_tables", "levels_table", "measure_levels"]

WHOLE = ""
"""Name that stands in place of an amplifier's for a whole detector."""

_IGNORED = MaskPlane.DETECTED | MaskPlane.BAD | MaskPlane.NO_DATA


@dataclass(frozen=True, slots=True)
class FlatLevel:
    """Level of one amplifier, or of a whole detector, in one flat exposure."""

    exposure: int
    """Exposure ID."""
    detector: int
    """Detector number."""
    amplifier: str
    """Name of the amplifier; `WHOLE` for the detector."""
    level: float
    """Clipped mean (electron); NaN without any pixel."""
    sigma: float
    """Clipped standard deviation of the pixels (electron)."""
    n_pixels: int
    """Pixels that are neither masked nor NaN."""


def measure_levels(
    exposure: int, corrected: CorrectedExposure, layout: DetectorLayout
) -> tuple[FlatLevel, ...]:
    """Levels of one flat exposure.

    Parameters
    ----------
    exposure
        Exposure ID.
    corrected
        The exposure after instrument-signature removal, shape ``layout.image_shape``.
    layout
        The detector and its amplifiers.

    Returns
    -------
    levels
        Of the detector, then of each amplifier.

    Notes
    -----
    Rubin cp_pipe, flat measurement: mean and standard deviation clipped at 3 σ in 3 passes, without DETECTED,
    BAD and NO_DATA.
    """
    whole = clipped_statistics_of_amplifier(corrected.image, corrected.mask, _IGNORED)
    levels = [_level(exposure, layout.id, WHOLE, whole)]
    for one in layout.amplifiers:
        box = one.image_box.slices
        part = clipped_statistics_of_amplifier(corrected.image[box], corrected.mask[box], _IGNORED)
        levels.append(_level(exposure, layout.id, one.name, part))
    return tuple(levels)


def _level(exposure: int, detector: int, amplifier: str, found: ClippedStatistics) -> FlatLevel:
    return FlatLevel(exposure, detector, amplifier, found.mean, found.standard_deviation, found.n_valid)


def levels_table(levels: Sequence[FlatLevel]) -> Table:
    """Table with a row for each level: exposure, detector, amplifier, level, sigma (electron), n_pixels."""
    return Table(
        {
            "exposure": np.array([one.exposure for one in levels], np.int64),
            "detector": np.array([one.detector for one in levels], np.int32),
            "amplifier": np.array([one.amplifier for one in levels], "U16"),
            "level": np.array([one.level for one in levels], np.float64),
            "sigma": np.array([one.sigma for one in levels], np.float64),
            "n_pixels": np.array([one.n_pixels for one in levels], np.int64),
        }
    )


def levels_from_tables(tables: Iterable[Table]) -> tuple[FlatLevel, ...]:
    """Levels of all detectors, as `levels_table` wrote those of each.

    Raises
    ------
    CalprodError
        A column is missing.
    """
    levels: list[FlatLevel] = []
    for table in tables:
        names = ("exposure", "detector", "amplifier", "level", "sigma", "n_pixels")
        if missing := [name for name in names if name not in table.colnames]:
            raise CalprodError(
                f"a table of flat levels has no column {', '.join(missing)}", "measure the flats again"
            )
        columns = [table[name].tolist() for name in names]
        levels += [FlatLevel(*row) for row in zip(*columns, strict=True)]
    return tuple(levels)
