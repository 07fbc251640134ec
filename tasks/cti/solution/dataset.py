"""The CTI of a detector as one table: the layout of Rubin's CTI calibration, version 1.3."""

from collections.abc import Mapping, Sequence
from typing import Any, cast, get_args

import numpy as np
import numpy.typing as npt
from astropy.table import Table

from infra.errors import CalprodError
from tasks.combine.table_metadata import TableKind
from tasks.cti.solution.model import AmplifierCti, CtiSolution
from tasks.isr.cti import Trap, TrapType
from tasks.isr.long_columns import join_column, split_column

__all__ = ["CTI_KIND", "cti_from_dict", "cti_from_table", "cti_to_dict", "cti_to_table"]

type Numbers = npt.NDArray[np.float64]
type Plain = dict[str, object]
"""Nothing but dicts, lists, strings, numbers and None, as YAML has them."""

CTI_KIND = TableKind("CTI", "Deferred Charge", 1.3, "lsst.ip.isr.deferredCharge.DeferredChargeCalib")
"""How ip_isr knows the table."""

_NUMBERS = {
    "DRIFT_SCALE": "drift_scale",
    "DECAY_TIME": "decay_time",
    "GLOBAL_CTI": "global_cti",
    "INPUT_GAIN": "input_gain",
    "SERIAL_CTI_TURNOFF": "serial_cti_turnoff",
    "SERIAL_CTI_TURNOFF_SAMPLING_ERR": "serial_cti_turnoff_sampling_error",
    "PARALLEL_CTI_TURNOFF": "parallel_cti_turnoff",
    "PARALLEL_CTI_TURNOFF_SAMPLING_ERR": "parallel_cti_turnoff_sampling_error",
}
_FURTHER_NUMBERS = {
    "DRIFT_SCALE_ERR": "drift_scale_error",
    "DECAY_TIME_ERR": "decay_time_error",
    "GLOBAL_CTI_ERR": "global_cti_error",
    "TRAIL_SIGNAL": "trail_signal",
}
"""Columns of single numbers and the fields they hold: Rubin's, and others."""

_ARRAYS = {
    "SIGNALS": "signals",
    "SERIAL_EPER": "serial_eper",
    "PARALLEL_EPER": "parallel_eper",
    "TRAIL": "trail",
    "TRAIL_CORRECTED": "trail_corrected",
}
"""Columns of arrays and the fields they hold; NaN fills what other amplifiers have more."""

_NO_TRAP = "None"
"""TYPE of a trap that there is not."""


def cti_to_table(solution: CtiSolution) -> Table:
    """Table of the CTI of a detector, one row per amplifier.

    Parameters
    ----------
    solution
        To be written.

    Returns
    -------
    table
        Columns of Rubin's CTI v1.3, and errors, trails, bounds, REASON and REMARKS; ``meta`` is the header.
        Rubin keeps the traps in a second table; here SIZE, EMISSION_TIME, PIXEL, TYPE and COEFFS (NaN behind
        the last) stand in the row of their amplifier. TYPE None says that it has no trap.
    """
    ones = solution.amplifiers
    columns: dict[str, object] = {"AMPLIFIER": [one.name for one in ones]}
    numbers = _NUMBERS | _FURTHER_NUMBERS
    columns |= {name: np.array([getattr(one, field) for one in ones]) for name, field in numbers.items()}
    for name, field in _ARRAYS.items():
        columns |= split_column(name, _padded([getattr(one, field) for one in ones]))
    traps = [one.trap for one in ones]
    columns |= {
        "SIZE": np.array([np.nan if trap is None else trap.size for trap in traps]),
        "EMISSION_TIME": np.array([np.nan if trap is None else trap.emission_time for trap in traps]),
        "PIXEL": np.array([0 if trap is None else trap.pixel for trap in traps]),
        "TYPE": [_NO_TRAP if trap is None else trap.type for trap in traps],
    }
    coefficients = [np.full(0, np.nan) if trap is None else np.asarray(trap.coefficients) for trap in traps]
    columns |= split_column("COEFFS", _padded(coefficients))
    columns |= {
        "AT_BOUND": ["; ".join(one.at_bound) for one in ones],
        "REASON": [one.reason or "" for one in ones],
        "REMARKS": ["; ".join(one.remarks) for one in ones],
    }
    meta = dict(solution.metadata) | CTI_KIND.cards() | {"DETECTOR": solution.detector, "USEGAINS": True}
    return Table(columns, meta=meta)


def cti_from_table(table: Table) -> CtiSolution:
    """CTI of a detector out of its table.

    Parameters
    ----------
    table
        From `cti_to_table`, as it is or read from a file.

    Raises
    ------
    CalprodError
        The table is no CTI, or lacks a column.
    """
    header = {str(key).upper(): value for key, value in table.meta.items()}
    if header.get("OBSTYPE") != CTI_KIND.obstype:
        raise CalprodError(
            f"a table of OBSTYPE {header.get('OBSTYPE')!r} is no cti",
            f"pass one of OBSTYPE {CTI_KIND.obstype}",
        )
    version = str(header.get("CTI_VERSION", CTI_KIND.version))
    if version.split(".")[0] != "1":
        raise CalprodError(f"cannot read a cti of version {version}", "versions 1.x are known")
    arrays = {name: join_column(table, name) for name in (*_ARRAYS, "COEFFS")}
    try:
        detector = int(str(header["DETECTOR"]))
        rows = [
            _amplifier({name: row[name] for name in table.colnames}, arrays, i) for i, row in enumerate(table)
        ]
    except KeyError as error:
        raise CalprodError(f"the cti has no {error.args[0]}", "solve it again") from error
    own = {*CTI_KIND.cards(), "DETECTOR", "USEGAINS"}
    metadata = {
        key: value
        for key, value in header.items()
        if key not in own and (value is None or isinstance(value, str | int | float | bool))
    }
    return CtiSolution(detector, tuple(rows), metadata)


def cti_to_dict(solution: CtiSolution) -> Plain:
    """CTI of a detector in plain values with the names of the table's columns; None for what is not finite.

    Parameters
    ----------
    solution
        To be written.
    """
    table = cti_to_table(solution)
    return {
        "metadata": {key: _plain(value) for key, value in table.meta.items()},
        "amplifiers": [{name: _plain(row[name]) for name in table.colnames} for row in table],
    }


def cti_from_dict(plain: Mapping[str, object]) -> CtiSolution:
    """CTI of a detector out of `cti_to_dict`.

    Parameters
    ----------
    plain
        Plain values.

    Raises
    ------
    CalprodError
        It is no CTI, or a value is missing.
    """
    header, rows = plain.get("metadata"), plain.get("amplifiers")
    if not isinstance(header, Mapping) or not isinstance(rows, Sequence) or not rows:
        raise CalprodError("this is no cti: metadata or amplifiers are missing", "solve it again")
    columns = {
        name: [row[name] if isinstance(row[name], str) else _numbers(row[name]) for row in rows]
        for name in rows[0]
    }
    return cti_from_table(Table(columns, meta=dict(header)))


def _amplifier(row: Mapping[str, Any], arrays: Mapping[str, Numbers | None], i: int) -> AmplifierCti:
    """CTI of one amplifier."""
    fields: dict[str, Any] = {
        field: float(_numbers(row[name]))
        for name, field in (_NUMBERS | _FURTHER_NUMBERS).items()
        if name in row or name in _NUMBERS
    }
    for name in ("SIGNALS", "SERIAL_EPER", "PARALLEL_EPER"):
        if arrays[name] is None:
            raise KeyError(name)
    for name, field in _ARRAYS.items():
        values = arrays[name]
        if values is not None:
            fields[field] = values[i]
    known = np.isfinite(fields["signals"])
    for field in ("signals", "serial_eper", "parallel_eper"):
        fields[field] = fields[field][known]
    reason = _text(row.get("REASON", ""))
    return AmplifierCti(
        name=str(row["AMPLIFIER"]),
        trap=_trap(row, arrays["COEFFS"], i),
        at_bound=_parts(row.get("AT_BOUND", "")),
        reason=reason or None,
        remarks=_parts(row.get("REMARKS", "")),
        **fields,
    )


def _trap(row: Mapping[str, Any], coefficients: Numbers | None, i: int) -> Trap | None:
    """Trap of one amplifier; None where there is none."""
    kind = _text(row["TYPE"])
    if kind in ("", _NO_TRAP):
        return None
    if kind not in get_args(TrapType.__value__) or coefficients is None:
        raise CalprodError(f"amplifier {row['AMPLIFIER']} has a trap of the unknown type {kind!r}")
    values = coefficients[i]
    return Trap(
        cast(TrapType, kind),
        float(_numbers(row["SIZE"])),
        float(_numbers(row["EMISSION_TIME"])),
        values[np.isfinite(values)],
        int(_numbers(row["PIXEL"])),
    )


def _padded(arrays: list[Numbers]) -> Numbers:
    """Arrays above each other, at least one column wide, NaN behind the shorter ones."""
    longest = max(1, *(one.size for one in arrays))
    return np.stack([np.pad(one, (0, longest - one.size), constant_values=np.nan) for one in arrays])


def _numbers(value: object) -> Numbers:
    """Numbers, NaN where None or a masked value stands."""
    if value is np.ma.masked:
        return np.array(np.nan)
    return np.array(np.ma.filled(np.ma.asarray(value, np.float64), np.nan), np.float64)


def _text(value: object) -> str:
    """Text; an empty string comes masked out of a file."""
    return "" if value is np.ma.masked else str(value)


def _parts(value: object) -> tuple[str, ...]:
    """Parts of a list that stands in one text."""
    text = _text(value)
    return tuple(text.split("; ")) if text else ()


def _plain(value: object) -> object:
    """Value as YAML has it."""
    if isinstance(value, np.ndarray):
        return [_plain(one) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not np.isfinite(value) else value
