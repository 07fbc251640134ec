"""The linearizer as one table: the layout of Rubin's LINEARIZER calibration, version 1.8."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast, get_args

import numpy as np
import numpy.typing as npt
from astropy.table import Table

from infra.errors import CalprodError
from infra.instruments.layout import Box
from tasks.isr.linearity import LinearityType
from tasks.isr.lookup_columns import join_lookup, lookup_column_names, split_lookup
from tasks.linearity.solution.model import AmplifierLinearity, Linearizer

__all__ = ["linearizer_from_dict", "linearizer_from_table", "linearizer_to_dict", "linearizer_to_table"]

type Numbers = Sequence[float] | npt.NDArray[np.float64]
type PlainValue = str | int | float | bool | None
type Plain = dict[str, object]
"""Nothing but dicts, lists, strings, numbers and None, as JSON has them."""

OBSTYPE = "LINEARIZER"
VERSION = 1.8

_ARRAYS = {
    "COEFFS": "coefficients",
    "INP_ABSCISSA": "abscissa",
    "INP_ORDINATE": "ordinate",
    "INP_MASK": "mask",
    "INP_GROUPING_INDEX": "groups",
    "INP_NORMALIZATION": "normalization",
    "FIT_PARAMS": "fit_parameters",
    "FIT_PARAMS_ERR": "fit_errors",
    "FIT_RES": "residuals",
    "FIT_RES_UNMASKED": "residuals_unmasked",
    "FIT_RES_MODEL": "residual_model",
}
"""Columns of arrays and the fields they hold."""

_DTYPES = {"INP_MASK": np.bool_, "INP_GROUPING_INDEX": np.int64}

_NUMBERS = {
    "INPUT_GAIN": "input_gain",
    "INPUT_TURNOFF": "input_turnoff",
    "RED_CHI_SQ": "reduced_chi_squared",
    "FIT_RES_SIGMAD": "residual_sigma",
    "LINEARITY_TURNOFF": "turnoff",
    "LINEARITY_MAX_SIGNAL": "max_signal",
}
"""Columns of single numbers and the fields they hold."""

_PADDING = {"COEFFS": 0.0, "FIT_PARAMS": np.nan, "FIT_PARAMS_ERR": np.nan}
"""What fills the rows of amplifiers that have fewer of them: a coefficient of 0 corrects nothing."""


def linearizer_to_table(linearizer: Linearizer) -> Table:
    """Table of a linearizer, one row per amplifier.

    Parameters
    ----------
    linearizer
        To be written.

    Returns
    -------
    table
        Columns of Rubin's LINEARIZER v1.8, REASON and REMARKS; ``meta`` holds the header. Rubin keeps the
        lookup table of that type in a second table; here its rows are further columns, see
        `tasks.isr.lookup_columns.split_lookup`.
    """
    ones = linearizer.amplifiers
    columns: dict[str, object] = {
        "AMPLIFIER_NAME": [one.name for one in ones],
        "TYPE": [one.type for one in ones],
        "BBOX_X0": [one.box.x0 for one in ones],
        "BBOX_Y0": [one.box.y0 for one in ones],
        "BBOX_DX": [one.box.width for one in ones],
        "BBOX_DY": [one.box.height for one in ones],
        "LIN_FIT": np.array([one.line for one in ones]),
        "ABS_REF_AMP": [linearizer.reference_amplifier] * len(ones),
        "REASON": [one.reason or "" for one in ones],
        "REMARKS": ["; ".join(one.remarks) for one in ones],
    }
    columns |= {name: np.array([getattr(one, field) for one in ones]) for name, field in _NUMBERS.items()}
    for name, field in _ARRAYS.items():
        columns[name] = _rows([getattr(one, field) for one in ones], _PADDING.get(name))
    if linearizer.table is not None:
        columns |= split_lookup(linearizer.table)
    return Table(columns, meta=_header(linearizer))


def linearizer_from_table(table: Table) -> Linearizer:
    """Linearizer of its table.

    Parameters
    ----------
    table
        From `linearizer_to_table`, as it is or read from an ECSV or FITS file.

    Raises
    ------
    CalprodError
        The table is not a linearizer, or lacks a column.
    """
    header = {str(key).upper(): value for key, value in table.meta.items()}
    lookup = lookup_column_names(table.colnames)
    names = [name for name in table.colnames if name not in lookup]
    rows = [{name: row[name] for name in names} for row in table]
    return _linearizer(header, rows, join_lookup(table))


def linearizer_to_dict(linearizer: Linearizer) -> Plain:
    """Linearizer in plain values with the names of the table's columns; None for what is not finite.

    Parameters
    ----------
    linearizer
        To be written.
    """
    table = linearizer_to_table(replace(linearizer, table=None))
    return {
        "metadata": {key: _plain(value) for key, value in table.meta.items()},
        "amplifiers": [{name: _plain(row[name]) for name in table.colnames} for row in table],
        "lookup": None if linearizer.table is None else _plain(linearizer.table),
    }


def linearizer_from_dict(plain: Mapping[str, object]) -> Linearizer:
    """Linearizer of `linearizer_to_dict`.

    Parameters
    ----------
    plain
        Plain values.

    Raises
    ------
    CalprodError
        It is not a linearizer, or a value is missing.
    """
    header, rows, lookup = plain.get("metadata"), plain.get("amplifiers"), plain.get("lookup")
    if not isinstance(header, Mapping) or not isinstance(rows, Sequence):
        raise CalprodError("this is no linearizer: metadata or amplifiers are missing", "solve it again")
    return _linearizer(header, rows, None if lookup is None else np.array(lookup, np.float32))


def _linearizer(
    header: Mapping[str, object], rows: Sequence[Mapping[str, object]], table: npt.NDArray[np.float32] | None
) -> Linearizer:
    """Build the linearizer from its rows."""
    if header.get("OBSTYPE") != OBSTYPE:
        raise CalprodError(f"OBSTYPE is {header.get('OBSTYPE')!r}, a linearizer has {OBSTYPE!r}")
    version = str(header.get("LINEARIZER_VERSION", VERSION))
    known = int(VERSION)
    if version.split(".")[0] != str(known):
        raise CalprodError(f"cannot read a linearizer of version {version}", f"versions {known}.x are known")
    try:
        amplifiers = tuple(_amplifier(row) for row in rows)
        reference = _text(rows[0]["ABS_REF_AMP"]) if rows else ""
        detector = int(str(header["DETECTOR"]))
    except KeyError as error:
        raise CalprodError(f"the linearizer has no {error.args[0]}", "solve it again") from error
    own = set(_header(Linearizer(0, ())))
    metadata: dict[str, PlainValue] = {
        key: value
        for key, value in header.items()
        if key not in own and (value is None or isinstance(value, str | int | float | bool))
    }
    return Linearizer(detector, amplifiers, table, reference, metadata)


def _amplifier(row: Mapping[str, object]) -> AmplifierLinearity:
    """Linearity of one amplifier."""
    corner = [int(_numbers(row[f"BBOX_{name}"])) for name in ("X0", "Y0", "DX", "DY")]
    line = _numbers(row["LIN_FIT"])
    fields: dict[str, Any] = {field: float(_numbers(row[name])) for name, field in _NUMBERS.items()}
    for name, field in _ARRAYS.items():
        fields[field] = np.atleast_1d(_numbers(row[name])).astype(_DTYPES.get(name, np.float64))
    kind = str(row["TYPE"])
    if kind not in get_args(LinearityType.__value__):
        raise CalprodError(f"amplifier {row['AMPLIFIER_NAME']} has the unknown linearity type {kind!r}")
    reason, remarks = _text(row.get("REASON", "")), _text(row.get("REMARKS", ""))
    return AmplifierLinearity(
        name=str(row["AMPLIFIER_NAME"]),
        type=cast(LinearityType, kind),
        box=Box(*corner),
        line=(float(line[0]), float(line[1])),
        reason=reason or ("no reason given" if kind == "None" else None),
        remarks=tuple(remarks.split("; ")) if remarks else (),
        **fields,
    )


def _header(linearizer: Linearizer) -> dict[str, PlainValue]:
    """Cards of the dataset."""
    return dict(linearizer.metadata) | {
        "OBSTYPE": OBSTYPE,
        "LINEARIZER_SCHEMA": "Gen3 Linearizer",
        "LINEARIZER_VERSION": VERSION,
        "CALIBCLS": "lsst.ip.isr.linearize.Linearizer",
        "DETECTOR": linearizer.detector,
        "FILTER": "NONE",
        "HAS_LINEARITY": any(not one.is_bad for one in linearizer.amplifiers),
        "OVERRIDE": False,
        "HAS_TABLE": any(one.type == "LookupTable" for one in linearizer.amplifiers),
        "LINEARITY_UNITS": "adu",
    }


def _rows(arrays: list[npt.NDArray[np.generic]], padding: float | None) -> npt.NDArray[np.generic]:
    """Stack arrays of one length, or fill the shorter ones up."""
    if padding is None:
        return np.stack(arrays)
    longest = max(one.size for one in arrays)
    return np.stack([np.pad(one, (0, longest - one.size), constant_values=padding) for one in arrays])


def _numbers(value: object) -> npt.NDArray[np.float64]:
    """Numbers, with NaN where None or a masked value stands."""
    return np.array(np.nan if value is np.ma.masked else value, np.float64)


def _text(value: object) -> str:
    """Text; an empty string comes masked out of a FITS table."""
    return "" if value is np.ma.masked else str(value)


def _plain(value: object) -> object:
    """Value as JSON has it."""
    if isinstance(value, np.ndarray):
        return [_plain(one) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not np.isfinite(value) else value
