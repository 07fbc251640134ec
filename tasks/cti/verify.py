"""Verification of CTI: flats it is applied to have nothing left behind their last column, of either sign.

Of an amplifier: ``SERIAL_CTI`` and ``PARALLEL_CTI`` (%) of the sensor, median over the levels of 10 000
to 100 000 electron; ``DRIFT_SCALE``, ``DECAY_TIME`` (pixel) and ``GLOBAL_CTI`` of the solution, and
``N_AT_BOUND`` of its parameters that stand at a bound of their fit. Of the flats, corrected, the charge of
the first two overscan columns, averaged over flats of like signal: ``TRAIL_LEFT`` and
``TRAIL_OVERCORRECTED`` (electron), the most significant mean above and below zero, with
``TRAIL_LEFT_ALLOWANCE`` and ``TRAIL_OVERCORRECTED_ALLOWANCE``: five standard errors, those of the solution
included, and 2 % of the trail that was there; ``TRAIL_RATIO``, what is left of the trail in all: 0 where it
is gone, 1 where nothing was corrected, 2 where it was corrected with the wrong sign; ``TRAIL_LEVEL``
(electron), the signal where most is amiss. ``NOT_SOLVED`` is 1 where nothing is corrected.

Of the detector: ``N_FLATS`` used, ``N_HELD_OUT`` of them that the solution was not made from (all flats are
used where there are none), ``N_NOT_SOLVED``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tasks.cti.solution.model import AmplifierCti, CtiSolution
from tasks.cti.solving.edge import N_EDGE
from tasks.isr.cti_statistics import CtiStatistics
from tasks.verification.model import StatisticValues

__all__ = ["CtiMeasurement", "flat_statistics", "measure_cti"]

type FloatArray = npt.NDArray[np.float64]

_N_ERRORS = 5.0
"""Standard errors that a mean may have by chance: 16 amplifiers in 8 groups exceed it once in 10⁵ nights."""

_MODEL_FRACTION = 0.02
"""Part of the trail that the correction need not know: the curve of a trap between its points, the gain."""

_GROUPS, _FEWEST_IN_GROUP = 8, 2
"""Most groups of flats of like signal, and flats each needs."""

_BRIGHT = (1e4, 1e5)
"""Signals of which an inefficiency is ruled neither by noise nor by the full well (electron)."""

_SEEN = 5.0
"""Standard errors of a trail below which its ratio says nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class CtiMeasurement:
    """What corrected flats say about a solution."""

    amplifiers: dict[str, StatisticValues]
    """Statistics by amplifier name."""
    detector: StatisticValues
    """Statistics of the whole detector."""
    problems: dict[str, str]
    """Why an amplifier is not corrected, by its name."""


def measure_cti(
    solution: CtiSolution,
    flats: Mapping[str, Sequence[CtiStatistics | None]],
    is_held_out: npt.NDArray[np.bool_],
    n_transfers: Mapping[str, int],
) -> CtiMeasurement:
    """Measure what a solution leaves of deferred charge.

    Parameters
    ----------
    solution
        Under test.
    flats
        By amplifier of the detector: statistics of each flat, corrected with the solution; None where the
        amplifier was given up.
    is_held_out
        Which flats the solution was not made from, shape (n,). They alone are used where there are any.
    n_transfers
        Transfers of the last data column, by amplifier.
    """
    used = is_held_out if is_held_out.any() else np.ones_like(is_held_out)
    known = {one.name: one for one in solution.amplifiers}
    amplifiers: dict[str, StatisticValues] = {}
    problems: dict[str, str] = {}
    for name, ones in flats.items():
        one = known.get(name)
        if one is None or one.reason is not None:
            amplifiers[name] = {"NOT_SOLVED": 1.0}
            problems[name] = "the CTI has no such amplifier" if one is None else f"no CTI: {one.reason}"
            continue
        chosen = [flat for flat, is_used in zip(ones, used, strict=True) if is_used and flat is not None]
        amplifiers[name] = {"NOT_SOLVED": 0.0, **_solution(one), **_trail(one, chosen, n_transfers[name])}
    detector: StatisticValues = {
        "N_FLATS": float(np.count_nonzero(used)),
        "N_HELD_OUT": float(np.count_nonzero(is_held_out)),
        "N_NOT_SOLVED": float(len(problems)),
    }
    return CtiMeasurement(amplifiers, detector, problems)


def flat_statistics(flat: CtiStatistics, n_rows: int) -> StatisticValues:
    """Numbers of one corrected flat and amplifier, for the record.

    Parameters
    ----------
    flat
        What was measured.
    n_rows
        Transfers of the last data row.

    Returns
    -------
    values
        ``SIGNAL``, ``TRAIL`` and ``TRAIL_ERROR`` (electron) and ``PARALLEL_EDGE`` (%), the parallel
        inefficiency by the extended pixel edge response.
    """
    trail, error = _trail_of(flat)
    parallel = flat.parallel_overscan[:N_EDGE]
    edge = 100.0 * float(parallel.sum()) / (n_rows * flat.image_mean) if parallel.size == N_EDGE else np.nan
    return {"SIGNAL": flat.image_mean, "TRAIL": trail, "TRAIL_ERROR": error, "PARALLEL_EDGE": edge}


def _solution(one: AmplifierCti) -> StatisticValues:
    """Numbers of the solution itself."""
    return {
        "SERIAL_CTI": _typical(one.signals, one.serial_eper),
        "PARALLEL_CTI": _typical(one.signals, one.parallel_eper),
        "DRIFT_SCALE": one.drift_scale,
        "DECAY_TIME": one.decay_time,
        "GLOBAL_CTI": one.global_cti,
        "N_AT_BOUND": float(len(one.at_bound)),
    }


def _typical(signals: FloatArray, inefficiency: FloatArray) -> float:
    """Median inefficiency of bright levels (%); of all levels where there are none."""
    finite = np.isfinite(inefficiency)
    bright = finite & (signals >= _BRIGHT[0]) & (signals <= _BRIGHT[1])
    chosen = inefficiency[bright if bright.any() else finite]
    return 100.0 * float(np.median(chosen)) if chosen.size else float("nan")


def _trail_of(flat: CtiStatistics) -> tuple[float, float]:
    """Charge of the first two overscan columns and its error (electron); NaN where there are none."""
    columns, errors = flat.serial_overscan[:N_EDGE], flat.serial_overscan_error[:N_EDGE]
    if columns.size < N_EDGE:
        return float("nan"), float("nan")
    return float(columns.sum()), float(np.sqrt(np.sum(errors**2)))


def _trail(one: AmplifierCti, flats: Sequence[CtiStatistics], n_transfers: int) -> StatisticValues:
    """Measure what is left of the trail, of either sign."""
    signals = np.array([flat.image_mean for flat in flats], np.float64)
    measured = np.array([_trail_of(flat) for flat in flats], np.float64).reshape(-1, 2)
    turnoff = min((flat.input_turnoff for flat in flats if np.isfinite(flat.input_turnoff)), default=np.inf)
    with np.errstate(invalid="ignore"):
        usable = np.isfinite(measured).all(axis=1) & (signals > 0) & (measured[:, 1] > 0)
        usable &= (signals <= turnoff) & (signals <= _highest(one))
    names = ("TRAIL_LEFT", "TRAIL_OVERCORRECTED")
    known = np.isfinite(one.serial_eper)
    if not (usable.any() and known.any()):
        return dict.fromkeys((*names, *(f"{name}_ALLOWANCE" for name in names), "TRAIL_RATIO"), float("nan"))
    order = np.argsort(signals[usable], kind="stable")
    signals, trails, errors = signals[usable][order], *measured[usable][order].T
    before = np.interp(signals, one.signals[known], (one.serial_eper * one.signals)[known]) * n_transfers
    groups = np.array_split(np.arange(signals.size), max(1, min(_GROUPS, signals.size // _FEWEST_IN_GROUP)))
    rows = np.array([_mean_of(group, one, signals, trails, errors, before) for group in groups])
    means, allowances, levels = rows.T
    values: StatisticValues = {}
    for name, sign in zip(names, (1.0, -1.0), strict=True):
        worst = int(np.argmax(sign * means / allowances))
        values |= {name: max(0.0, float(sign * means[worst])), f"{name}_ALLOWANCE": float(allowances[worst])}
    total = float(before.sum())
    is_seen = total > _SEEN * float(np.sqrt(np.sum(errors**2)))
    values["TRAIL_RATIO"] = float(trails.sum()) / total if is_seen else 0.0
    values["TRAIL_LEVEL"] = float(levels[int(np.argmax(np.abs(means) / allowances))])
    return values


def _mean_of(
    group: npt.NDArray[np.int64],
    one: AmplifierCti,
    signals: FloatArray,
    trails: FloatArray,
    errors: FloatArray,
    before: FloatArray,
) -> tuple[float, float, float]:
    """Weighted mean of the trails of some flats, what it may be, and their signal."""
    weights = errors[group] ** -2.0
    variance = 1.0 / weights.sum()
    low, high = signals[group[0]], signals[group[-1]]
    # The solution has errors as these flats have, from its own flats of such signals: those between at least.
    own = max(1, int(np.count_nonzero((one.signals >= low) & (one.signals <= high))))
    error = float(np.sqrt(variance * (1.0 + group.size / own)))
    allowance = _N_ERRORS * error + _MODEL_FRACTION * abs(float(before[group].mean()))
    return float(np.sum(weights * trails[group]) * variance), allowance, float(signals[group].mean())


def _highest(one: AmplifierCti) -> float:
    """Highest signal that the solution was made from (electron); one of its turnoff's reach."""
    charges = one.signals[np.isfinite(one.signals)]
    if one.trap is not None and one.trap.type == "spline":
        n = one.trap.coefficients.size // 2
        return float(one.trap.coefficients[n - 1]) * (1.0 + 1e-3)
    return float(charges.max()) if charges.size else 0.0
