"""Brighter-fatter kernels as one table, a row per amplifier, in the column layout of Rubin's ip_isr."""

import numpy as np
import numpy.typing as npt
from astropy.table import Row, Table

from infra.errors import CalprodError
from tasks.brighter_fatter.kernel.model import AmplifierKernel, DetectorKernels
from tasks.brighter_fatter.kernel.settings import Level
from tasks.isr.long_columns import join_column, part_names, split_column

__all__ = ["LAYOUT_VERSION", "OBSTYPE", "from_table", "to_table"]

LAYOUT_VERSION = 1.1
"""Version of ip_isr's BFK layout that is written."""

OBSTYPE = "BFK"

type FloatArray = npt.NDArray[np.float64]

_NEEDED = (
    "AMPLIFIER",
    "EXP_ID_MASK",
    "RAW_MEANS",
    "RAW_VARIANCES",
    "GAIN",
    "NOISE",
    "MEAN_XCORRS",
    "KERNEL",
    "VALID",
)


def to_table(kernels: DetectorKernels) -> Table:
    """Table of the kernels of a detector.

    Parameters
    ----------
    kernels
        To be written.

    Returns
    -------
    table
        One row per amplifier: AMPLIFIER, EXP_ID_MASK, RAW_MEANS (adu), RAW_VARIANCES (adu²), RAW_XCORRS
        (adu², one quadrant a level), GAIN (electron/adu), NOISE (electron), MEAN_XCORRS and KERNEL
        (1/electron), VALID. Square matrices are flattened row by row of [serial lag][parallel lag]. ip_isr
        keeps the detector's kernel in a second table; here it is the column DETECTOR_KERNEL, the same in
        every row, and whether it is valid the card ``CALPROD BFK DETECTOR VALID``. KERNEL_ERROR, REASON and
        REMARKS are calprod's own.

    Notes
    -----
    RAW_XCORRS of more than 4096 numbers a row is split into RAW_XCORRS_000, RAW_XCORRS_001, …, since ECSV
    with longer cells cannot be read back.
    """
    side = 2 * kernels.matrix_side + 1
    table = Table([_row(one, kernels.kernel) for one in kernels.amplifiers])
    table.meta.update({key: "" if value is None else value for key, value in kernels.metadata.items()})
    table.meta.update(
        {
            "OBSTYPE": OBSTYPE,
            "BFK_SCHEMA": "Brighter-fatter kernel",
            "BFK_VERSION": LAYOUT_VERSION,
            "CALIBCLS": "lsst.ip.isr.brighterFatterKernel.BrighterFatterKernel",
            "LEVEL": kernels.level.value,
            "KERNEL_DX": side,
            "KERNEL_DY": side,
            "CALPROD BFK DETECTOR VALID": kernels.is_valid,
        }
    )
    return table


def from_table(table: Table) -> DetectorKernels:
    """Kernels out of a table written by `to_table`.

    Raises
    ------
    CalprodError
        The table holds no kernels, is of another version, lacks a column, or its matrices do not fit.
    """
    meta = {str(key).upper(): value for key, value in table.meta.items()}
    if meta.get("OBSTYPE") != OBSTYPE or len(table) == 0:
        raise CalprodError(
            f"a table of OBSTYPE {meta.get('OBSTYPE')!r} holds no brighter-fatter kernel", "pass one of BFK"
        )
    version = float(meta.get("BFK_VERSION", LAYOUT_VERSION))
    if int(version) != int(LAYOUT_VERSION):
        raise CalprodError(
            f"the brighter-fatter kernel has layout version {version}",
            f"versions {int(LAYOUT_VERSION)}.x are known",
        )
    missing = [name for name in _NEEDED if name not in table.colnames]
    missing += [] if part_names("RAW_XCORRS", table.colnames) else ["RAW_XCORRS"]
    if missing:
        raise CalprodError(f"the brighter-fatter kernel has no column {', '.join(missing)}", "make it again")
    side = int(meta.get("KERNEL_DX", round(np.size(table["KERNEL"][0]) ** 0.5)))
    if np.size(table["KERNEL"][0]) != side**2 or side % 2 == 0 or meta.get("KERNEL_DY", side) != side:
        raise CalprodError(
            f"a kernel of {np.size(table['KERNEL'][0])} values is not {side} x {side}", "make it again"
        )
    covariances = join_column(table, "RAW_XCORRS")
    assert covariances is not None
    amplifiers = tuple(_amplifier(row, each, side) for row, each in zip(table, covariances, strict=True))
    if "DETECTOR_KERNEL" in table.colnames:
        kernel = _square(table[0], "DETECTOR_KERNEL", side)
    else:
        kernel = np.zeros((side, side))
    return DetectorKernels(
        level=Level(str(meta.get("LEVEL", Level.AMPLIFIER.value))),
        matrix_side=(side - 1) // 2,
        amplifiers=amplifiers,
        kernel=kernel,
        is_valid=bool(meta.get("CALPROD BFK DETECTOR VALID", np.any(kernel))),
        metadata=dict(table.meta),
    )


def _row(one: AmplifierKernel, detector_kernel: FloatArray) -> dict[str, object]:
    """Cells of one amplifier."""
    return {
        "AMPLIFIER": one.name,
        "EXP_ID_MASK": one.used,
        "RAW_MEANS": one.means,
        "RAW_VARIANCES": one.variances,
        **split_column("RAW_XCORRS", one.covariances.ravel()),
        "GAIN": one.gain,
        "NOISE": one.noise,
        "MEAN_XCORRS": one.source.ravel(),
        "KERNEL": one.kernel.ravel(),
        "KERNEL_ERROR": one.errors.ravel(),
        "VALID": one.is_valid,
        "DETECTOR_KERNEL": detector_kernel.ravel(),
        "REASON": one.reason or "",
        "REMARKS": "; ".join(one.remarks),
    }


def _amplifier(row: Row, covariances: FloatArray, side: int) -> AmplifierKernel:
    """Amplifier out of its row."""
    lags, n, names = (side - 1) // 2, np.size(row["RAW_MEANS"]), row.colnames
    reason, remarks = _text(row, "REASON"), _text(row, "REMARKS")
    is_valid = bool(row["VALID"])
    errors = _square(row, "KERNEL_ERROR", side) if "KERNEL_ERROR" in names else np.full((side, side), np.nan)
    return AmplifierKernel(
        name=str(row["AMPLIFIER"]),
        used=np.atleast_1d(np.asarray(row["EXP_ID_MASK"], np.bool_)),
        means=np.atleast_1d(_numbers(row["RAW_MEANS"])),
        variances=np.atleast_1d(_numbers(row["RAW_VARIANCES"])),
        covariances=covariances.reshape(n, lags, lags),
        gain=float(_numbers(row["GAIN"])),
        noise=float(_numbers(row["NOISE"])),
        source=_square(row, "MEAN_XCORRS", side),
        kernel=_square(row, "KERNEL", side),
        errors=errors,
        is_valid=is_valid,
        reason=None if is_valid else reason or "no reason given",
        remarks=tuple(remarks.split("; ")) if remarks else (),
    )


def _square(row: Row, column: str, side: int) -> FloatArray:
    """Matrix of a cell."""
    return _numbers(row[column]).reshape(side, side)


def _numbers(value: object) -> FloatArray:
    """Numbers, NaN where masked."""
    return np.array(np.ma.filled(np.ma.asarray(value, np.float64), np.nan), np.float64)


def _text(row: Row, column: str) -> str:
    """Text of a cell; empty where the column is absent, or masked."""
    return "" if column not in row.colnames or np.ma.is_masked(row[column]) else str(row[column])
