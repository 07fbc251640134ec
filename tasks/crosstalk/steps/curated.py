"""A matrix that a person has approved, from a file of ip_isr: ECSV, FITS, or YAML."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from astropy.table import Table

from infra.errors import CalprodError
from tasks.isr.crosstalk_matrix import CrosstalkMatrix, matrix_from_table

__all__ = ["read_curated_matrix"]

_COLUMNS = {
    "coeffs": "CT_COEFFS",
    "coeffErr": "CT_ERRORS",
    "coeffNum": "CT_COUNTS",
    "coeffValid": "CT_VALID",
    "coeffsSqr": "CT_COEFFS_SQR",
    "coeffErrSqr": "CT_ERRORS_SQR",
    "ampGainRatios": "CT_AMP_GAIN_RATIOS",
    "fitGains": "CT_FIT_GAINS",
}
"""Column of the table for each key of the YAML form."""

_FORMATS = {".ecsv": "ascii.ecsv", ".fits": "fits", ".fit": "fits"}
"""astropy's name of a format, by suffix."""


def read_curated_matrix(path: Path, amplifiers: Sequence[str] | None = None) -> CrosstalkMatrix:
    """Read a crosstalk matrix from a file.

    Parameters
    ----------
    path
        In the layout of ip_isr's CrosstalkCalib: ``.ecsv``, ``.fits``, or ``.yaml``.
    amplifiers
        Names of the detector's amplifiers, in its order; None for those that the file names, or stand-ins.

    Raises
    ------
    CalprodError
        The file cannot be read, holds no matrix, or one of another number of amplifiers.
    """
    suffix = path.suffix.lower()
    try:
        if suffix in (".yaml", ".yml"):
            table = _table(yaml.safe_load(path.read_text(encoding="utf-8")))
        elif suffix in _FORMATS:
            table = Table.read(path, format=_FORMATS[suffix])
        else:
            known = ", ".join((*_FORMATS, ".yaml"))
            raise CalprodError(f"{path}: a crosstalk matrix does not end in {suffix!r}", f"one of {known}")
    except (OSError, ValueError, TypeError, KeyError, yaml.YAMLError) as reason:
        raise CalprodError(
            f"{path}: no readable crosstalk matrix: {reason}", "write it with ip_isr's CrosstalkCalib"
        ) from reason
    try:
        return matrix_from_table(table, amplifiers)
    except CalprodError as reason:
        raise CalprodError(f"{path}: {reason.message}", reason.remedy) from reason


def _table(contents: dict[str, Any]) -> Table:
    """Table of the YAML form."""
    meta = dict(contents.get("metadata") or {})
    if "crosstalkRatiosUnits" in contents:
        meta["CROSSTALK_RATIOS_UNITS"] = contents["crosstalkRatiosUnits"]
    columns = {
        column: np.asarray(contents[key], np.float64).reshape(1, -1)
        for key, column in _COLUMNS.items()
        if contents.get(key) is not None
    }
    table = Table(columns)
    table.meta.update(meta)
    return table
