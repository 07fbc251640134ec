"""The ramp of a detector out of the table of its photon transfer curve."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from astropy.table import Row, Table

from infra.errors import CalprodError
from infra.instruments.layout import Box
from tasks.linearity.fitting.groups import automatic_groups, groups_of_values
from tasks.linearity.fitting.ramp import AmplifierRamp, DetectorRamp, light_of, single_exposures

__all__ = ["Abscissa", "pairs_of_curve", "ramp_of_curve"]

type FloatArray = npt.NDArray[np.float64]

OBSTYPE = "PTC"
AUXILIARY = "PTCAUX_"
"""Beginning of the columns that hold header values of the pairs."""

_COLUMNS = (
    "AMPLIFIER_NAME",
    "RAW_EXP_TIMES",
    "RAW_MEANS",
    "RAW_DELTAS",
    "EXP_ID_MASK",
    "INPUT_EXP_ID_PAIRS",
    "INPUT_EXP_PAIR_MJD_START",
    "GAIN",
    "NOISE",
    "PTC_TURNOFF",
)


@dataclass(frozen=True, slots=True)
class Abscissa:
    """What stands for the light."""

    kind: Literal["exposureTime", "photodiode"] = "exposureTime"
    """Exposure time, or the charge of the monitoring photodiode."""
    minimum_charge: float = 0.0
    """Charges below this are no measurement (C)."""
    groups: str = "none"
    """Which points share one proportion of light to signal: "none" for all of them, "automatic" by the
    brightness of the signal itself, or the header key of a value such as the lamp's current."""
    temperature: str = ""
    """Header key of a temperature carried with the pairs; empty for none."""


def ramp_of_curve(
    table: Table,
    abscissa: Abscissa | None = None,
    *,
    detector: int,
    singly: bool = False,
    boxes: Mapping[str, Box] | None = None,
) -> DetectorRamp:
    """Ramp of a detector.

    Parameters
    ----------
    table
        Photon transfer curve in the columns of Rubin's ip_isr, one row per amplifier.
    abscissa
        What stands for the light; the exposure time when None.
    detector
        Detector number.
    singly
        Give each exposure a point of its own, the first and the second of each pair one after the other,
        instead of each pair one.
    boxes
        Each amplifier in the trimmed image, for the record.

    Returns
    -------
    ramp
        An amplifier that the photon transfer curve gave up says so.

    Raises
    ------
    CalprodError
        The table is none of a photon transfer curve, lacks a column, holds no pair, or has not the light that
        is asked for.

    Notes
    -----
    Rubin cp_pipe takes means and differences of the pairs, never the fitted variances, so that a curve whose
    fit is only a placeholder serves. Exposures of a pair differ in light by the difference of their
    photodiode charges; their exposure times are equal.
    """
    abscissa = abscissa or Abscissa()
    _check(table)
    bad = _bad_amplifiers(table)
    amplifiers = tuple(_amplifier(row, bad, singly, boxes or {}) for row in table)
    first = table[0]
    times = _numbers(first["RAW_EXP_TIMES"])
    light = light_of(
        _doubled(times, singly), _charges(first, abscissa, singly), minimum_charge=abscissa.minimum_charge
    )
    mjd = _doubled(_numbers(first["INPUT_EXP_PAIR_MJD_START"]), singly)
    return DetectorRamp(
        detector=detector,
        light=light,
        amplifiers=amplifiers,
        groups=_groups(first, amplifiers, _doubled(times, singly), light, abscissa, singly),
        temperature=_auxiliary(first, abscissa.temperature, singly) if abscissa.temperature else None,
        mjd=mjd if np.isfinite(mjd).any() else None,
    )


def pairs_of_curve(table: Table) -> npt.NDArray[np.int64]:
    """Exposure IDs of the pairs of a photon transfer curve, shape (n, 2), in the order of its points.

    Raises
    ------
    CalprodError
        As for `ramp_of_curve`.
    """
    _check(table)
    return np.asarray(table[0]["INPUT_EXP_ID_PAIRS"], np.int64).reshape(-1, 2)


def _check(table: Table) -> None:
    """Refuse what is no photon transfer curve."""
    if table.meta.get("OBSTYPE") != OBSTYPE:
        raise CalprodError(
            f"a table of OBSTYPE {table.meta.get('OBSTYPE')!r} is no photon transfer curve",
            f"pass one of OBSTYPE {OBSTYPE}",
        )
    if missing := [name for name in _COLUMNS if name not in table.colnames]:
        raise CalprodError(f"the photon transfer curve has no {', '.join(missing)}", "make it again")
    if len(table) == 0 or np.size(table[0]["RAW_MEANS"]) == 0:
        raise CalprodError(
            "the photon transfer curve holds no pair of flats", "make it again from flat pairs"
        )


def _amplifier(row: Row, bad: Mapping[str, str], singly: bool, boxes: Mapping[str, Box]) -> AmplifierRamp:
    """Levels of one amplifier."""
    name = str(row["AMPLIFIER_NAME"])
    means, kept = _numbers(row["RAW_MEANS"]), np.asarray(row["EXP_ID_MASK"], np.bool_).ravel()
    turnoff = float(_numbers(row["PTC_TURNOFF"]))
    return AmplifierRamp(
        name=name,
        ordinate=single_exposures(means, _numbers(row["RAW_DELTAS"])) if singly else means,
        keep=np.repeat(kept, 2) if singly else kept,
        gain=float(_numbers(row["GAIN"])),
        turnoff=turnoff,
        noise=float(_numbers(row["NOISE"])),
        box=boxes.get(name, Box(0, 0, 0, 0)),
        bad=bad.get(name),
    )


def _bad_amplifiers(table: Table) -> dict[str, str]:
    """Amplifiers that the photon transfer curve gave up, with the reason."""
    names = [str(name) for name in table["AMPLIFIER_NAME"]]
    listed: set[str] = set()
    if "BAD_AMPS" in table.colnames:
        listed = {str(name) for name in np.ravel(np.asarray(table[0]["BAD_AMPS"])).tolist()}
    reasons = {name: "the photon transfer curve has no fit" for name in names if name in listed}
    if "BAD_REASON" in table.colnames:
        for name, cell in zip(names, table["BAD_REASON"], strict=True):
            if cell is not np.ma.masked and str(cell):
                reasons[name] = f"photon transfer curve: {cell}"
    return reasons


def _charges(row: Row, abscissa: Abscissa, singly: bool) -> FloatArray | None:
    """Charges of the photodiode, if they are wanted."""
    if abscissa.kind == "exposureTime":
        return None
    charges = _column(row, "PHOTO_CHARGE")
    if not np.isfinite(charges).any():
        raise CalprodError(
            "the photon transfer curve has no charge of the photodiode",
            "take the exposure time as the abscissa, or extract the charges with the pairs",
        )
    if not singly:
        return charges
    deltas = _column(row, "PHOTO_CHARGE_DELTAS")
    return single_exposures(charges, np.where(np.isfinite(deltas), deltas, 0.0))


def _groups(
    row: Row,
    amplifiers: tuple[AmplifierRamp, ...],
    times: FloatArray,
    light: FloatArray,
    abscissa: Abscissa,
    singly: bool,
) -> npt.NDArray[np.int64] | None:
    """Return the groups of the points, or None for one."""
    if abscissa.groups == "none":
        return None
    if abscissa.groups != "automatic":
        return groups_of_values(_auxiliary(row, abscissa.groups, singly), light)
    sound = [one for one in amplifiers if one.bad is None and np.isfinite(one.gain)]
    levels = (
        np.array([one.ordinate * one.gain for one in sound]) if sound else np.full((1, light.size), np.nan)
    )
    count = np.isfinite(levels).sum(axis=0)
    mean = np.where(count > 0, np.nansum(levels, axis=0) / np.maximum(count, 1), np.nan)
    return automatic_groups(mean, times, light)


def _auxiliary(row: Row, key: str, singly: bool) -> FloatArray:
    """Header values of a key, one for each point."""
    return _doubled(_column(row, AUXILIARY + key), singly)


def _column(row: Row, name: str) -> FloatArray:
    """Numbers of a cell."""
    if name not in row.colnames:
        raise CalprodError(
            f"the photon transfer curve has no {name}", "carry the value along when the pairs are measured"
        )
    return np.ravel(_numbers(row[name]))


def _doubled(values: FloatArray, singly: bool) -> FloatArray:
    """Values of pairs for each of their exposures."""
    return np.repeat(values, 2) if singly else values


def _numbers(cell: Any) -> FloatArray:
    """Numbers of a cell; NaN where masked, as ECSV gives NaN back."""
    return np.array(np.ma.filled(np.ma.asarray(cell, np.float64), np.nan), np.float64)
