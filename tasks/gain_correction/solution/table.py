"""The correction of the gains as a table, a row per amplifier, in the column layout of Rubin's ip_isr."""

import numpy as np
from astropy.table import Row, Table

from infra.errors import CalprodError
from tasks.combine.table_metadata import TableKind
from tasks.gain_correction.solution.model import MAP_SHAPE, AmplifierAdjustment, GainCorrection

__all__ = ["GAIN_CORRECTION_TABLE", "from_table", "to_table"]

GAIN_CORRECTION_TABLE = TableKind(
    obstype="gainCorrection",
    schema="GainCorrection",
    version=1.0,
    calibcls="lsst.ip.isr.gainCorrection.GainCorrection",
)

_REFERENCE, _MIDDLE = "CALPROD GAINCORRECTION REFERENCE AMP", "CALPROD GAINCORRECTION MIDDLE AMP"


def to_table(correction: GainCorrection) -> Table:
    """Table of a correction of the gains.

    Returns
    -------
    table
        One row per amplifier: AMP_NAME and GAIN_ADJUSTMENT (ip_isr, GainCorrection); GAIN_ADJUSTMENT_ERROR,
        N_BINS, REASON (why it is not corrected, else empty) and RATIO_MAP (the ratio of the flats over the
        amplifier, flattened) are calprod's own.

    Notes
    -----
    Corrected data = data / GAIN_ADJUSTMENT, as cp_pipe measures it. ip_isr's ``correctGains`` multiplies the
    gain by it.
    """
    rows = correction.amplifiers
    table = Table(
        {
            "AMP_NAME": [one.name for one in rows],
            "GAIN_ADJUSTMENT": np.array([one.adjustment for one in rows], np.float64),
            "GAIN_ADJUSTMENT_ERROR": np.array([one.error for one in rows], np.float64),
            "N_BINS": np.array([one.n_bins for one in rows], np.int64),
            "REASON": [one.reason or "" for one in rows],
            "RATIO_MAP": np.array([one.picture.ravel() for one in rows], np.float32),
        }
    )
    table.meta.update({key: "" if value is None else value for key, value in correction.metadata.items()})
    table.meta.update(GAIN_CORRECTION_TABLE.cards())
    table.meta.update({_REFERENCE: correction.reference, _MIDDLE: correction.middle})
    return table


def from_table(table: Table) -> GainCorrection:
    """Correction of the gains out of a table written by `to_table`, or by ip_isr.

    Raises
    ------
    CalprodError
        The table is none of a correction of the gains, or lacks a column.
    """
    found = table.meta.get("OBSTYPE")
    if str(found).lower() != GAIN_CORRECTION_TABLE.obstype.lower() or len(table) == 0:
        raise CalprodError(
            f"a table of OBSTYPE {found!r} with {len(table)} rows is no gain_correction",
            f"pass one of OBSTYPE {GAIN_CORRECTION_TABLE.obstype}",
        )
    missing = [name for name in ("AMP_NAME", "GAIN_ADJUSTMENT") if name not in table.colnames]
    if missing:
        raise CalprodError(
            f"the gain_correction has no column {', '.join(missing)}", "make the gain_correction again"
        )
    return GainCorrection(
        tuple(_adjustment(row) for row in table),
        str(table.meta.get(_REFERENCE, "")),
        str(table.meta.get(_MIDDLE, "")),
        dict(table.meta),
    )


def _adjustment(row: Row) -> AmplifierAdjustment:
    """Amplifier out of its row; what only calprod writes may be absent."""
    own = set(row.colnames)
    picture = np.full(MAP_SHAPE, np.nan, np.float32)
    if "RATIO_MAP" in own:
        cells = np.ma.filled(np.ma.asarray(row["RATIO_MAP"], np.float32), np.nan)
        picture = np.asarray(cells, np.float32).reshape(MAP_SHAPE)
    reason = "" if "REASON" not in own or np.ma.is_masked(row["REASON"]) else str(row["REASON"])
    return AmplifierAdjustment(
        name=str(row["AMP_NAME"]),
        adjustment=_number(row["GAIN_ADJUSTMENT"]),
        error=_number(row["GAIN_ADJUSTMENT_ERROR"]) if "GAIN_ADJUSTMENT_ERROR" in own else float("nan"),
        n_bins=int(row["N_BINS"]) if "N_BINS" in own else 0,
        picture=picture,
        reason=reason or None,
    )


def _number(cell: object) -> float:
    """Value of a cell; a masked one, as ECSV may give for NaN, is NaN."""
    return float("nan") if np.ma.is_masked(cell) else float(cell)  # type: ignore[arg-type]
