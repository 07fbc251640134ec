"""Verification of a linearizer: flats it is applied to follow the light, and a second one does nothing.

Two things are asked apart, because a lamp is less steady than an amplifier. Among each other the amplifiers
must agree in every flat, whatever the lamp and the shutter did. What they have in common, the light as they
all see it, must be proportional to the exposure time, as far as the lamp's scatter between exposures of equal
time lets anyone tell. The statistics are those of the linearizer itself, over its own flats and others.

Of an amplifier: ``MAX_RESIDUAL``, the largest mean residual at one exposure time as a fraction of the level,
``RESIDUAL_ALLOWANCE``, four standard errors of it, and ``RESIDUAL_LEVEL`` (adu), where it is;
``HELD_OUT_RESIDUAL`` and ``HELD_OUT_ALLOWANCE``, the same of flats the linearizer was not made from, where
there are any; ``RESIDUAL_SIGMA``, robust scatter of single flats; ``NULL_RESIDUAL``, what a second linearizer
would change; ``TURNOFF`` (electron) and ``TURNOFF_ADU``; ``N_POINTS``, points of the fit; ``TYPE_NONE``, 1
where there is no correction.

Of the detector: ``LIGHT_RESIDUAL``, ``LIGHT_ALLOWANCE`` and ``LIGHT_NULL`` of the light against the exposure
time, ``LAMP_SCATTER``, ``N_TYPE_NONE``, ``N_FLATS`` used.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from infra.errors import CalprodError
from tasks.isr.linearity import linearized
from tasks.linearity.checking.levels import Levels, groups_of_equal_time
from tasks.linearity.checking.light import (
    Light,
    common_light,
    finite_median,
    lamp_scatter,
    light_against_time,
)
from tasks.linearity.checking.null import null_fraction
from tasks.linearity.fitting.robust import mad_sigma
from tasks.linearity.solution.model import AmplifierLinearity, Linearizer
from tasks.verification.model import StatisticValues

__all__ = ["LinearityMeasurement", "measure_linearity"]

type FloatArray = npt.NDArray[np.float64]

_N_ERRORS = 4.0
"""Standard errors a residual may have by chance: 16 amplifiers at 50 levels exceed it once in 20 nights."""

_FLATS_IN_BIN = 6
"""Flats over which the light is averaged, so that the lamp's scatter shrinks."""


@dataclass(frozen=True, slots=True, eq=False)
class LinearityMeasurement:
    """What flats say about a linearizer."""

    amplifiers: dict[str, StatisticValues]
    """Statistics by amplifier name."""
    detector: StatisticValues
    """Statistics of the whole detector."""
    problems: dict[str, str]
    """Why an amplifier has no correction, by its name."""
    light: Light
    """Light of each flat, and the amplifiers' residuals."""
    light_residuals: FloatArray
    """Fraction by which the light misses the exposure time, shape (n,)."""


def measure_linearity(
    linearizer: Linearizer, levels: Levels, *, minimum_level: float = 1000.0
) -> LinearityMeasurement:
    """Measure what is left of the non-linearity.

    Parameters
    ----------
    linearizer
        The linearizer under test.
    levels
        Levels of flats of one filter that it has been applied to.
    minimum_level
        Lowest level that is judged (adu): below, the zero level matters more than linearity.

    Returns
    -------
    measurement
        An amplifier without a correction has no residuals, and a problem that names the reason.

    Raises
    ------
    CalprodError
        There are no flats.
    """
    if levels.exposures.size == 0:
        raise CalprodError("there is no flat to verify the linearizer with", "select flats at several levels")
    known = {one.name: one for one in linearizer.amplifiers}
    upper = np.array([_highest(linearizer, known.get(name)) for name in levels.names])
    with np.errstate(invalid="ignore"):
        usable = levels.is_sound & (levels.values >= minimum_level) & (levels.values <= upper)
    groups = groups_of_equal_time(levels.times)
    scatter = _scatter(levels, usable, groups)
    light = common_light(levels.values, levels.errors, usable, levels.times, scatter)
    residuals, offset = light_against_time(light.light, levels.times, scatter)
    amplifiers, problems = {}, {}
    for i, name in enumerate(levels.names):
        one = known.get(name)
        amplifiers[name] = _amplifier(one, light, i, levels, groups)
        if one is None or one.is_bad:
            problems[name] = "the linearizer has no such amplifier" if one is None else _reason(one)
    detector: StatisticValues = {
        "LAMP_SCATTER": scatter,
        "N_FLATS": float(np.isfinite(light.light).sum()),
        "N_TYPE_NONE": float(len(problems)),
    }
    worst, allowance, _ = _worst_light(residuals, levels.times, scatter)
    detector |= {"LIGHT_RESIDUAL": worst, "LIGHT_ALLOWANCE": allowance}
    above_offset = np.where(np.isfinite(residuals), light.light - offset, np.nan)
    detector["LIGHT_NULL"] = null_fraction(levels.times, above_offset)
    return LinearityMeasurement(amplifiers, detector, problems, light, residuals)


def _highest(linearizer: Linearizer, one: AmplifierLinearity | None) -> float:
    """Level to which an amplifier is corrected, linearised (adu); 0 if it is not."""
    if one is None or one.is_bad:
        return 0.0
    turnoff = one.turnoff if np.isfinite(one.turnoff) else np.inf
    return float(linearized(np.array([turnoff]), linearizer.correction(one.name))[0])


def _reason(one: AmplifierLinearity) -> str:
    return f"no linearity correction: {one.reason or 'no reason given'}"


def _scatter(levels: Levels, usable: npt.NDArray[np.bool_], groups: npt.NDArray[np.int64]) -> float:
    """Fractional scatter of the lamp; where no exposure time is repeated, that about the line in time."""
    with np.errstate(divide="ignore"):
        rates = np.where(usable, levels.values, np.nan) / levels.times[:, None]
    typical = finite_median(rates / finite_median(rates, 0), 1) * levels.times
    scatter = lamp_scatter(typical, groups)
    if np.isfinite(scatter):
        return scatter
    residuals, _ = light_against_time(typical, levels.times, np.inf)
    finite = residuals[np.isfinite(residuals)]
    return float(finite.std()) if finite.size else float("nan")


def _amplifier(
    one: AmplifierLinearity | None, light: Light, i: int, levels: Levels, groups: npt.NDArray[np.int64]
) -> StatisticValues:
    """Statistics of one amplifier."""
    if one is None or one.is_bad:
        return {"TYPE_NONE": 1.0, "N_POINTS": 0.0}
    residuals, errors, values = light.residuals[:, i], light.errors[:, i], levels.values[:, i]
    worst, allowance, level = _worst(residuals, errors, groups, values)
    finite = residuals[np.isfinite(residuals)]
    statistics: StatisticValues = {
        "MAX_RESIDUAL": worst,
        "RESIDUAL_ALLOWANCE": allowance,
        "RESIDUAL_LEVEL": level,
        "RESIDUAL_SIGMA": mad_sigma(finite) if finite.size else float("nan"),
        "NULL_RESIDUAL": null_fraction(
            light.light, np.where(np.isfinite(residuals), values - light.offsets[i], np.nan)
        ),
        "TURNOFF": one.turnoff * one.input_gain,
        "TURNOFF_ADU": one.turnoff,
        "N_POINTS": float(np.count_nonzero(one.mask)),
        "TYPE_NONE": 0.0,
    }
    if levels.is_held_out.any():
        held_out = np.where(levels.is_held_out, residuals, np.nan)
        worst, allowance, _ = _worst(held_out, errors, groups, values)
        statistics |= {"HELD_OUT_RESIDUAL": worst, "HELD_OUT_ALLOWANCE": allowance}
    return statistics


def _worst(
    residuals: FloatArray, errors: FloatArray, groups: npt.NDArray[np.int64], values: FloatArray
) -> tuple[float, float, float]:
    """Return the most significant mean residual of a group, four errors of it, and its level."""
    found = [(float("nan"),) * 3]
    for group in np.unique(groups):
        own = (groups == group) & np.isfinite(residuals)
        if own.any():
            n = np.count_nonzero(own)
            error = float(np.sqrt(np.sum(errors[own] ** 2))) / n
            found.append((abs(float(residuals[own].mean())), _N_ERRORS * error, float(values[own].mean())))
    return max(found[1:], key=lambda one: one[0] - one[1], default=found[0])


def _worst_light(residuals: FloatArray, times: FloatArray, scatter: float) -> tuple[float, float, float]:
    """Return the same of the light, averaged over neighbouring exposure times; the last number is a time."""
    order = np.argsort(times, kind="stable")
    order = order[np.isfinite(residuals[order])]
    if order.size == 0:
        return (float("nan"),) * 3
    bins = np.full(residuals.size, -1, np.int64)
    for number, part in enumerate(np.array_split(order, max(order.size // _FLATS_IN_BIN, 1))):
        bins[part] = number
    return _worst(residuals, np.full(residuals.size, scatter), bins, times)
