"""Calibrations that are tables, in the column layouts of Rubin's ip_isr, as the corrections use them."""

import math
from collections.abc import Mapping
from typing import Any, Literal, cast, get_args

import numpy as np
import numpy.typing as npt
from astropy.table import Table

from infra.errors import CalprodError
from infra.images import Metadata
from infra.instruments.layout import Box
from tasks.combine.clipping import clipped_variance_factor
from tasks.isr.calibrations import AmplifierResponses
from tasks.isr.crosstalk_matrix import CrosstalkMatrix, matrix_from_table
from tasks.isr.defects import boxes_of_table
from tasks.isr.linearity import LinearityCorrection, LinearityType
from tasks.isr.lookup_columns import join_lookup
from tasks.isr.overscan import SERIAL

__all__ = [
    "boxes_from_defects",
    "cards_of_table",
    "corrections_from_linearizer",
    "matrix_from_crosstalk",
    "responses_from_linearizer",
    "responses_from_ptc",
]


def responses_from_ptc(table: Table) -> AmplifierResponses:
    """Gains, read noises and turnoffs of a photon transfer curve.

    Parameters
    ----------
    table
        One row per amplifier with AMPLIFIER_NAME, GAIN (electron/adu), NOISE (electron), PTC_TURNOFF (adu)
        and BAD_AMPS; with NOISE_ERR and NOISE_LIST (adu) also where the curve does not tell the read noise.

    Raises
    ------
    CalprodError
        The table is none of a photon transfer curve, or lacks a column.
    """
    _check(table, "ptc", "PTC", ("AMPLIFIER_NAME", "GAIN", "NOISE", "PTC_TURNOFF"))
    bad: tuple[str, ...] = ()
    if "BAD_AMPS" in table.colnames and len(table):
        bad = tuple(np.asarray(table["BAD_AMPS"][0]).astype(str).ravel().tolist())
    return AmplifierResponses.usable(
        _by_amplifier(table, "GAIN"),
        _read_noises(table),
        _by_amplifier(table, "PTC_TURNOFF"),
        bad,
        "ptc",
    )


def responses_from_linearizer(table: Table) -> AmplifierResponses:
    """Gains and turnoffs with which a linearizer was made; it knows no read noise, which is 0.

    Parameters
    ----------
    table
        As in `corrections_from_linearizer`, with INPUT_GAIN (electron/adu) and INPUT_TURNOFF (adu).

    Raises
    ------
    CalprodError
        The table is no linearizer, or lacks a column.
    """
    _check(table, "linearizer", "LINEARIZER", ("AMPLIFIER_NAME", "INPUT_GAIN", "INPUT_TURNOFF"))
    gains = _by_amplifier(table, "INPUT_GAIN")
    turnoffs = _by_amplifier(table, "INPUT_TURNOFF")
    return AmplifierResponses.usable(gains, dict.fromkeys(gains, 0.0), turnoffs, (), "linearizer")


def corrections_from_linearizer(table: Table) -> dict[str, LinearityCorrection]:
    """Linearity correction of each amplifier.

    Parameters
    ----------
    table
        One row per amplifier with AMPLIFIER_NAME, TYPE and COEFFS (adu), and a lookup table where a type asks
        for it (`tasks.isr.lookup_columns`).

    Raises
    ------
    CalprodError
        The table is no linearizer, lacks a column, or holds an unknown type or a row without a table.
    """
    _check(table, "linearizer", "LINEARIZER", ("AMPLIFIER_NAME", "TYPE", "COEFFS"))
    corrections = {}
    lookup = join_lookup(table)
    for row in table:
        name, kind = str(row["AMPLIFIER_NAME"]), str(row["TYPE"])
        if kind not in get_args(LinearityType.__value__):
            raise CalprodError(
                f"amplifier {name} of a linearizer has the unknown type {kind!r}",
                f"use one of {', '.join(get_args(LinearityType.__value__))}",
            )
        coefficients = np.atleast_1d(_numbers(row["COEFFS"]))
        entries = _lookup_row(lookup, coefficients, name) if kind == "LookupTable" else None
        corrections[name] = LinearityCorrection(cast(LinearityType, kind), coefficients, entries)
    return corrections


def matrix_from_crosstalk(table: Table) -> CrosstalkMatrix:
    """Crosstalk matrix of a detector; see `tasks.isr.crosstalk_matrix.matrix_from_table`.

    Parameters
    ----------
    table
        One row, matrices flattened.

    Raises
    ------
    CalprodError
        The table holds no matrix.
    """
    return matrix_from_table(table)


def boxes_from_defects(table: Table) -> tuple[Box, ...]:
    """Boxes of a table of defects; see `tasks.isr.defects.boxes_of_table`."""
    return boxes_of_table(table)


def cards_of_table(table: Table) -> Metadata:
    """Cards among the metadata of a table: what is a text, a number, a truth value or None."""
    return {
        str(key): value
        for key, value in table.meta.items()
        if value is None or isinstance(value, str | int | float | bool)
    }


def _check(table: Table, name: str, obstype: Literal["PTC", "LINEARIZER"], columns: tuple[str, ...]) -> None:
    """Refuse a table of another kind."""
    found = table.meta.get("OBSTYPE")
    if found != obstype:
        raise CalprodError(f"a table of OBSTYPE {found!r} is no {name}", f"pass one of OBSTYPE {obstype}")
    if missing := [column for column in columns if column not in table.colnames]:
        raise CalprodError(f"the {name} has no column {', '.join(missing)}", f"make the {name} again")


def _by_amplifier(table: Table, column: str) -> Mapping[str, float]:
    """Numbers of a column; NaN where masked, as ECSV gives NaN back."""
    names = [str(name) for name in table["AMPLIFIER_NAME"]]
    return {name: float(_numbers(value)) for name, value in zip(names, table[column], strict=True)}


def _numbers(value: Any) -> npt.NDArray[np.float64]:
    """Numbers, NaN where masked."""
    if value is np.ma.masked:
        return np.array(np.nan)
    return np.array(np.ma.filled(np.ma.asarray(value, np.float64), np.nan), np.float64)


def _lookup_row(
    lookup: npt.NDArray[np.float32] | None, coefficients: npt.NDArray[np.float64], name: str
) -> npt.NDArray[np.float32]:
    """Row of the lookup table that an amplifier uses."""
    row = int(coefficients[0])
    if lookup is None or not 0 <= row < lookup.shape[0]:
        raise CalprodError(
            f"the linearizer has no row {row} of a lookup table for amplifier {name}",
            "make the linearizer again",
        )
    return np.ascontiguousarray(lookup[row])


_UNCERTAIN = 0.02
"""Relative error of a fitted read noise from which that of the overscan is the better one."""

_UNCLIPPED = math.sqrt(clipped_variance_factor(SERIAL.n_sigma))
"""Standard deviation of a Gaussian in units of that of the overscan, which is measured with a clip."""


def _read_noises(table: Table) -> Mapping[str, float]:
    """Read noise of every amplifier (electron): the curve's, or the overscan's where it is better known.

    The curve has the read noise as its value at no light, which few levels or small frames tell to some per
    cent only; the overscan of every exposure tells its scatter far better. That scatter is clipped, which
    takes 1.3 % off a Gaussian's.
    """
    fitted = _by_amplifier(table, "NOISE")
    if not {"NOISE_ERR", "NOISE_LIST"} <= set(table.colnames):
        return fitted
    gains, errors = _by_amplifier(table, "GAIN"), _by_amplifier(table, "NOISE_ERR")
    noises = {}
    for row in table:
        name = str(row["AMPLIFIER_NAME"])
        readings = _numbers(row["NOISE_LIST"]).ravel()
        readings = readings[np.isfinite(readings) & (readings > 0)]
        is_uncertain = not errors[name] <= _UNCERTAIN * fitted[name]
        usable = readings.size and np.isfinite(gains[name])
        if is_uncertain and usable:
            noises[name] = float(np.median(readings)) * _UNCLIPPED * gains[name]
        else:
            noises[name] = fitted[name]
    return noises
