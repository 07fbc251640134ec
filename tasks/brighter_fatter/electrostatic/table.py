"""The electrostatic model of a detector as a table of one row, with the names of Rubin's ip_isr."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from astropy.table import Row, Table

from infra.errors import CalprodError
from infra.images import Metadata
from tasks.brighter_fatter.electrostatic.field import BoundaryShifts
from tasks.brighter_fatter.electrostatic.model import ElectrostaticSolution, mirrored_sum

__all__ = ["LAYOUT_VERSION", "OBSTYPE", "StoredDistortion", "from_table", "to_table"]

LAYOUT_VERSION = 1.1
"""Version of ip_isr's layout that is written."""

OBSTYPE = "BF_DISTORTION_MATRIX"

type FloatArray = npt.NDArray[np.float64]

_NEEDED = (
    *("INPUT_RANGE", "FIT_RANGE", "A_MATRIX", "A_MATRIX_SIGMA", "A_MATRIX_MODEL", "FIT_PARAM_NAMES"),
    *("FIT_PARAMS", "FREE_FIT_PARAM_NAMES", "FIT_PARAM_ERRORS", "FIT_CHI2", "FIT_REDUCED_CHI2"),
    *("A_N", "A_S", "A_E", "A_W", "GAIN", "BAD_AMPS", "AMPNAMES", "A_MATRIX_COUNTS"),
)


@dataclass(frozen=True, slots=True, eq=False)
class StoredDistortion:
    """What a table of the electrostatic model holds; see `to_table`."""

    measured: FloatArray
    """Mean area changes (1/electron), shape (r, r), [serial lag][parallel lag]."""
    scatter: FloatArray
    """Standard deviation over the amplifiers (1/electron)."""
    n_used: npt.NDArray[np.int64]
    """Amplifiers that each element is the mean of."""
    modelled: FloatArray
    """Area changes of the model (1/electron), shape (n, n)."""
    north: FloatArray
    """Outward shift of the upper boundary (pixel/electron), shape (n, n)."""
    south: FloatArray
    east: FloatArray
    west: FloatArray
    parameters: dict[str, float]
    """Parameters by name, lengths in µm."""
    errors: dict[str, float]
    """Standard errors of those that were fitted."""
    chi_squared: float
    chi_squared_per_dof: float
    at_bound: tuple[str, ...]
    """Parameters that ended at a bound."""
    gains: dict[str, float]
    """electron/adu, by amplifier."""
    bad_amplifiers: tuple[str, ...]
    metadata: Metadata = field(default_factory=dict)


def to_table(solution: ElectrostaticSolution) -> Table:
    """Table of the electrostatic model of a detector.

    Parameters
    ----------
    solution
        To be written.

    Returns
    -------
    table
        One row. Matrices (1/electron) are flattened row by row of [serial lag][parallel lag]: A_MATRIX and
        A_MATRIX_SIGMA over all lags that were measured, the others over those that were fitted. A_N, A_S, A_E
        and A_W are the outward shifts of the upper, lower, right and left boundaries (pixel/electron).
        A_MATRIX_COUNTS and the card ``CALPROD ELECTRO AT BOUND`` are calprod's own.
    """
    parameters = solution.parameters
    names, errors = list(parameters.values()), solution.errors
    ath = parameters.alpha * solution.shifts.area
    used = np.zeros(solution.average.values.shape, bool)
    used[: solution.fit_range, : solution.fit_range] = True
    row: dict[str, object] = {
        "INPUT_RANGE": solution.average.values.shape[0],
        "FIT_RANGE": solution.fit_range,
        "A_MATRIX": solution.average.values.ravel(),
        "A_MATRIX_SIGMA": solution.average.scatter.ravel(),
        "A_MATRIX_COUNTS": solution.average.n_used.ravel(),
        "USED_PIXELS": used.ravel(),
        "A_MATRIX_MODEL": solution.area.ravel(),
        "A_MATRIX_SUM": mirrored_sum(solution.average.values),
        "A_MATRIX_MODEL_SUM": mirrored_sum(solution.area),
        "MODEL_NORMALIZATION": np.array([parameters.alpha, parameters.beta]),
        "FIT_PARAM_NAMES": np.array(names),
        "FREE_FIT_PARAM_NAMES": np.array(list(errors)),
        "FIT_PARAMS": np.array(list(parameters.values().values())),
        "FIT_PARAM_ERRORS": np.array([errors.get(name, 0.0) for name in names]),
        "FIT_CHI2": solution.chi_squared,
        "FIT_REDUCED_CHI2": solution.chi_squared / solution.degrees_of_freedom,
        "FIT_PARAM_COV_MATRIX": solution.covariance.ravel(),
        "ATH": solution.area.ravel(),
        "ATH_MINUS_BETA": ath.ravel(),
        **_shifts(solution.shifts, parameters.alpha),
        "AVAILABLE_FILTERS": np.array(list(solution.shifts_by_filter), dtype="U"),
        "GAIN": np.array(list(solution.gains.values())),
        "AMPNAMES": np.array(list(solution.gains)),
        "BAD_AMPS": np.array(list(solution.bad_amplifiers), dtype="U"),
    }
    if not solution.shifts_by_filter:
        row["AVAILABLE_FILTERS"] = np.array([], dtype="U1")
    if not solution.bad_amplifiers:
        row["BAD_AMPS"] = np.array([], dtype="U3")
    table = Table([row | _by_filter(solution)])
    table.meta.update({key: "" if value is None else value for key, value in solution.metadata.items()})
    table.meta.update(
        {
            "OBSTYPE": OBSTYPE,
            f"{OBSTYPE}_SCHEMA": "ELectrostatic brighter-fatter pixel distortion model",
            f"{OBSTYPE}_VERSION": LAYOUT_VERSION,
            "CALIBCLS": "lsst.ip.isr.electrostaticBrighterFatter.ElectrostaticBrighterFatterDistortionMatrix",
            "INPUT_RANGE": solution.average.values.shape[0],
            "FIT_RANGE": solution.fit_range,
            "CALPROD ELECTRO AT BOUND": " ".join(solution.at_bound),
        }
    )
    return table


def from_table(table: Table) -> StoredDistortion:
    """Electrostatic model out of a table written by `to_table`.

    Raises
    ------
    CalprodError
        The table holds none, or lacks a column.
    """
    if table.meta.get("OBSTYPE") != OBSTYPE or len(table) != 1:
        raise CalprodError(
            f"a table of OBSTYPE {table.meta.get('OBSTYPE')!r} holds no electrostatic model",
            f"pass one of {OBSTYPE}",
        )
    if missing := [name for name in _NEEDED if name not in table.colnames]:
        raise CalprodError(f"the electrostatic model has no column {', '.join(missing)}", "make it again")
    row = table[0]
    names, free = _texts(row["FIT_PARAM_NAMES"]), _texts(row["FREE_FIT_PARAM_NAMES"])
    values = dict(zip(names, _numbers(row, "FIT_PARAMS").tolist(), strict=True))
    errors = dict(zip(names, _numbers(row, "FIT_PARAM_ERRORS").tolist(), strict=True))
    gains = dict(zip(_texts(row["AMPNAMES"]), _numbers(row, "GAIN").tolist(), strict=True))
    n_used = _square(row, "A_MATRIX_COUNTS").astype(np.int64)
    return StoredDistortion(
        measured=_square(row, "A_MATRIX"),
        scatter=_square(row, "A_MATRIX_SIGMA"),
        n_used=n_used,
        modelled=_square(row, "A_MATRIX_MODEL"),
        north=_square(row, "A_N"),
        south=_square(row, "A_S"),
        east=_square(row, "A_E"),
        west=_square(row, "A_W"),
        parameters=values,
        errors={name: errors[name] for name in free},
        chi_squared=float(row["FIT_CHI2"]),
        chi_squared_per_dof=float(row["FIT_REDUCED_CHI2"]),
        at_bound=tuple(str(table.meta.get("CALPROD ELECTRO AT BOUND", "")).split()),
        gains=gains,
        bad_amplifiers=tuple(_texts(row["BAD_AMPS"])),
        metadata=dict(table.meta),
    )


def _shifts(shifts: BoundaryShifts, alpha: float, suffix: str = "") -> dict[str, FloatArray]:
    """Outward shifts (pixel/electron) by column."""
    directions = {"N": shifts.upper, "S": shifts.lower, "E": shifts.right, "W": shifts.left}
    return {f"A_{name}{suffix}": -alpha * values.ravel() for name, values in directions.items()}


def _by_filter(solution: ElectrostaticSolution) -> dict[str, FloatArray]:
    """Columns of all filters, one after the other."""
    parameters, found = solution.parameters, solution.shifts_by_filter.values()
    if not found:
        return {}
    columns = [_shifts(one, parameters.alpha, "_BY_FILTER") for one in found]
    joined = {name: np.concatenate([one[name] for one in columns]) for name in columns[0]}
    ath = np.concatenate([(parameters.alpha * one.area).ravel() for one in found])
    return {
        "A_MATRIX_MODEL_BY_FILTER": ath + parameters.beta,
        "ATH_BY_FILTER": ath + parameters.beta,
        "ATH_MINUS_BETA_BY_FILTER": ath,
        **joined,
    }


def _square(row: Row, column: str) -> FloatArray:
    """Matrix of a cell."""
    values = _numbers(row, column)
    side = round(values.size**0.5)
    return values.reshape(side, side)


def _numbers(row: Row, column: str) -> FloatArray:
    """Numbers of a cell, NaN where masked."""
    return np.atleast_1d(np.ma.filled(np.ma.asarray(row[column], np.float64), np.nan))


def _texts(cell: object) -> list[str]:
    """Texts of a cell."""
    return [str(one) for one in np.asarray(cell).ravel().tolist()]
