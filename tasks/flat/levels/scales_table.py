"""Scales of flats as a table, for the Butler."""

import numpy as np
from astropy.table import Table

from infra.errors import CalprodError
from tasks.flat.levels.normalisation import FlatScales

__all__ = ["scales_from_table", "scales_table"]

_COLUMNS = ("detector", "amplifier", "exposure", "exp_scale", "det_scale", "residual")


def scales_table(scales: FlatScales) -> Table:
    """Table with a row for each detector, amplifier and exposure.

    Returns
    -------
    table
        detector, amplifier (empty at level DETECTOR), exposure; exp_scale (electron), the same for all of an
        exposure; det_scale (about 1), the same for all of a detector or amplifier; residual, the logarithm of
        the level measured over exp_scale times det_scale, NaN where none was.
    """
    keys = sorted(scales.residual)
    return Table(
        {
            "detector": np.array([key[0] for key in keys], np.int32),
            "amplifier": np.array([key[1] for key in keys], "U16"),
            "exposure": np.array([key[2] for key in keys], np.int64),
            "exp_scale": np.array([scales.brightness[key[2]] for key in keys], np.float64),
            "det_scale": np.array([scales.response[key[0], key[1]] for key in keys], np.float64),
            "residual": np.array([scales.residual[key] for key in keys], np.float64),
        }
    )


def scales_from_table(table: Table) -> FlatScales:
    """Scales as `scales_table` wrote them.

    Raises
    ------
    CalprodError
        A column is missing.
    """
    if missing := [name for name in _COLUMNS if name not in table.colnames]:
        raise CalprodError(f"a table of flat scales has no column {', '.join(missing)}", "normalise again")
    rows = list(zip(*(table[name].tolist() for name in _COLUMNS), strict=True))
    at_amplifiers = any(row[1] for row in rows)
    return FlatScales(
        level="AMP" if at_amplifiers else "DETECTOR",
        brightness={row[2]: row[3] for row in rows},
        response={(row[0], row[1]): row[4] for row in rows},
        residual={(row[0], row[1], row[2]): row[5] for row in rows},
    )
