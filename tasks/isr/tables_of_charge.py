"""Calibrations of what happens to charge, from tables in the column layouts of Rubin's ip_isr."""

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from astropy.table import Row, Table

from infra.errors import CalprodError
from tasks.isr.brighter_fatter import BrighterFatterKernel, detector_kernel
from tasks.isr.cti import DeferredCharge, Trap, TrapType
from tasks.isr.distortion import DistortionMatrix

__all__ = [
    "adjustments_from_gain_correction",
    "deferred_charge_from_cti",
    "distortion_from_table",
    "kernel_from_bfk",
]

type FloatArray = npt.NDArray[np.float64]


def deferred_charge_from_cti(table: Table) -> dict[str, DeferredCharge]:
    """How each amplifier defers charge.

    Parameters
    ----------
    table
        One row per amplifier with AMPLIFIER, DRIFT_SCALE, DECAY_TIME (pixel), GLOBAL_CTI and INPUT_GAIN
        (electron/adu), and of its trap SIZE (electron), EMISSION_TIME (pixel), PIXEL, TYPE and COEFFS (NaN
        behind the last). A trap without TYPE, or of SIZE 0 or NaN, is none. A gain that is no positive number
        is 1.

    Raises
    ------
    CalprodError
        The table is none of CTI, or lacks a column.
    """
    _check(table, "cti", "CTI", ("AMPLIFIER", "DRIFT_SCALE", "DECAY_TIME", "GLOBAL_CTI", "INPUT_GAIN"))
    found = {}
    for row in table:
        gain = _number(row["INPUT_GAIN"])
        found[str(row["AMPLIFIER"])] = DeferredCharge(
            drift_scale=_number(row["DRIFT_SCALE"]),
            decay_time=_number(row["DECAY_TIME"]),
            trap=_trap(row),
            gain=gain if np.isfinite(gain) and gain > 0 else 1.0,
            global_cti=_number(row["GLOBAL_CTI"]),
        )
    return found


def kernel_from_bfk(table: Table) -> BrighterFatterKernel:
    """Brighter-fatter kernel of a detector.

    Parameters
    ----------
    table
        One row per amplifier with AMPLIFIER, KERNEL (1/electron, flattened, serial lag first), VALID and GAIN
        (electron/adu). DETECTOR_KERNEL has the kernel of the detector in every row; without, it is the mean
        of the valid ones.

    Raises
    ------
    CalprodError
        The table is no brighter-fatter kernel, lacks a column, or has no valid kernel.
    """
    _check(table, "bfk", "bfk", ("AMPLIFIER", "KERNEL", "VALID", "GAIN"))
    if "DETECTOR_KERNEL" in table.colnames and np.any(table["DETECTOR_KERNEL"][0]):
        kernel = _square(_numbers(table["DETECTOR_KERNEL"][0]))
    else:
        valid = [
            _square(_numbers(cell)) for cell, one in zip(table["KERNEL"], table["VALID"], strict=True) if one
        ]
        if not valid:
            raise CalprodError(
                "the bfk has no valid kernel of any amplifier",
                "make the bfk again, or turn the correction off",
            )
        kernel = detector_kernel(np.stack(valid))
    return BrighterFatterKernel(kernel, _gains(table, "AMPLIFIER", "GAIN"))


def distortion_from_table(table: Table) -> DistortionMatrix:
    """Shifts of the pixels' boundaries.

    Parameters
    ----------
    table
        One row with A_N and A_E (pixel/electron, flattened, serial distance first), AMPNAMES and GAIN
        (electron/adu).

    Raises
    ------
    CalprodError
        The table is no such matrix, or lacks a column.
    """
    name = "electroBfDistortionMatrix"
    _check(table, name, "BF_DISTORTION_MATRIX", ("A_N", "A_E", "AMPNAMES", "GAIN"))
    row = table[0]
    names, gains = np.atleast_1d(row["AMPNAMES"]).tolist(), np.atleast_1d(_numbers(row["GAIN"])).tolist()
    known = {str(one): gain for one, gain in zip(names, gains, strict=True) if np.isfinite(gain) and gain > 0}
    return DistortionMatrix(_square(_numbers(row["A_N"])), _square(_numbers(row["A_E"])), known)


def adjustments_from_gain_correction(table: Table) -> dict[str, float]:
    """Factor by which the gain of each amplifier, and so the data, is divided.

    Parameters
    ----------
    table
        One row per amplifier with AMP_NAME and GAIN_ADJUSTMENT.

    Raises
    ------
    CalprodError
        The table is no correction of gains, lacks a column, or holds what is no positive number.
    """
    _check(table, "gain_correction", "gainCorrection", ("AMP_NAME", "GAIN_ADJUSTMENT"))
    found = {str(row["AMP_NAME"]): _number(row["GAIN_ADJUSTMENT"]) for row in table}
    if wrong := [name for name, factor in found.items() if not (np.isfinite(factor) and factor > 0)]:
        raise CalprodError(
            f"the gain_correction has no positive number for amplifier {', '.join(wrong)}",
            "make the gain_correction again",
        )
    return found


def _check(table: Table, name: str, obstype: str, columns: tuple[str, ...]) -> None:
    """Refuse a table of another kind."""
    found = str(table.meta.get("OBSTYPE"))
    if found.lower() != obstype.lower():
        raise CalprodError(f"a table of OBSTYPE {found!r} is no {name}", f"pass one of OBSTYPE {obstype}")
    if missing := [column for column in columns if column not in table.colnames]:
        raise CalprodError(f"the {name} has no column {', '.join(missing)}", f"make the {name} again")
    if len(table) == 0:
        raise CalprodError(f"the {name} has no rows", f"make the {name} again")


def _trap(row: Row) -> Trap | None:
    """Trap of a row of a table of CTI, if it has one."""
    if not {"TYPE", "SIZE", "EMISSION_TIME", "PIXEL", "COEFFS"} <= set(row.colnames):
        return None
    kind = "" if np.ma.is_masked(row["TYPE"]) else str(row["TYPE"])
    size = _number(row["SIZE"])
    if kind in ("", "None") or not size > 0:
        return None
    coefficients = np.atleast_1d(_numbers(row["COEFFS"])).ravel()
    return Trap(
        cast(TrapType, kind),
        size,
        _number(row["EMISSION_TIME"]),
        coefficients[np.isfinite(coefficients)],
        int(_number(row["PIXEL"])),
    )


def _gains(table: Table, names: str, column: str) -> Mapping[str, float]:
    """Gains that are positive numbers, by amplifier."""
    gains = {str(row[names]): _number(row[column]) for row in table}
    return {name: gain for name, gain in gains.items() if np.isfinite(gain) and gain > 0}


def _square(values: FloatArray) -> FloatArray:
    """Square matrix of flattened numbers, which ip_isr may also give as a matrix."""
    side = round(values.size**0.5)
    if side * side != values.size:
        raise CalprodError(f"{values.size} numbers are no square matrix", "make the calibration again")
    return values.reshape(side, side)


def _numbers(value: Any) -> FloatArray:
    """Numbers, NaN where masked."""
    if value is np.ma.masked:
        return np.array(np.nan)
    return np.array(np.ma.filled(np.ma.asarray(value, np.float64), np.nan), np.float64)


def _number(value: Any) -> float:
    """One number, NaN where masked."""
    return float(_numbers(value))
