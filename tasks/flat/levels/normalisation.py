"""Levels of many detectors in many exposures, taken apart into the lamp's brightness and their response."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from infra.errors import CalprodError
from tasks.flat.levels.measuring import WHOLE, FlatLevel

__all__ = ["Decomposition", "FlatScales", "NormalisationLevel", "decompose", "normalise"]

type FloatArray = npt.NDArray[np.float64]

type NormalisationLevel = Literal["DETECTOR", "AMP"]
"""Whether the levels of whole detectors are taken apart, or those of amplifiers."""

CONVERGED = 1e-12
"""Change of a logarithm below which the alternation has come to its end."""

MOST_ROUNDS = 10_000
"""Rounds after which it is given up; a few are enough where most levels are known."""


@dataclass(frozen=True, slots=True, eq=False)
class Decomposition:
    """Levels as products of a response and a brightness."""

    response: FloatArray
    """Response of each unit, about 1, shape (units,); the mean of the others where nothing was measured."""
    brightness: FloatArray
    """Level of the whole focal plane in each exposure, shape (exposures,), in the unit of the levels; NaN
    for an exposure without any level."""
    residual: FloatArray
    """Logarithm of level over product, shape (units, exposures); NaN where there is no level."""


@dataclass(frozen=True, slots=True)
class FlatScales:
    """What flat exposures of all detectors are divided by, and how the detectors respond."""

    level: NormalisationLevel
    """What the responses are of."""
    brightness: Mapping[int, float]
    """Number (electron) by which an exposure is divided, whatever the detector, by exposure ID."""
    response: Mapping[tuple[int, str], float]
    """Response about 1 by detector and amplifier; the latter is `WHOLE` at level DETECTOR."""
    residual: Mapping[tuple[int, str, int], float]
    """Logarithm of what was measured over the product, by detector, amplifier and exposure."""


def decompose(levels: FloatArray, weights: FloatArray) -> Decomposition:
    """Take levels apart into a response of each unit and a brightness of each exposure.

    Parameters
    ----------
    levels
        Shape (units, exposures); what is not finite and positive is left out.
    weights
        Weight of each level, such as its number of pixels, same shape.

    Raises
    ------
    CalprodError
        No level is usable; or exposures and units fall apart into groups that have nothing in common, so that
        nothing tells the brightness of one from that of the other.

    Notes
    -----
    Rubin cp_pipe, flat normalisation: weighted means of the logarithms over units and over exposures in turn.
    That is ten rounds there; here it goes on until nothing changes, as ten are not enough where levels are
    missing. At the level of amplifiers the reference writes the weight in place of a level that is not
    finite; here such a level is left out.
    """
    usable = np.isfinite(levels) & (levels > 0) & (weights > 0)
    if not usable.any():
        raise CalprodError("no flat has a level above zero", "look at the exposures: are they flats?")
    _check_connected(usable)
    logarithm = np.log(np.where(usable, levels, 1.0))
    weight = np.where(usable, weights, 0.0).astype(np.float64)
    unit_weight, exposure_weight = weight.sum(axis=1), weight.sum(axis=0)
    response = np.zeros(levels.shape[0])
    brightness = _mean(weight * logarithm, exposure_weight, axis=0)
    for _ in range(MOST_ROUNDS):
        new = _mean(weight * (logarithm - np.nan_to_num(brightness)), unit_weight, axis=1)
        new = np.where(np.isfinite(new), new, np.nanmean(new))
        # The response of mean 1 over all pixels leaves the level of the focal plane to the exposures.
        new -= np.log(np.average(np.exp(new), weights=unit_weight))
        change, response = float(np.abs(new - response).max()), new
        brightness = _mean(weight * (logarithm - response[:, np.newaxis]), exposure_weight, axis=0)
        if change < CONVERGED:
            break
    else:
        raise CalprodError(
            f"the levels of the flats do not come to rest in {MOST_ROUNDS} rounds",
            "too few detectors are in most exposures: leave out exposures that few have",
        )
    residual = np.where(usable, logarithm - response[:, np.newaxis] - brightness, np.nan)
    return Decomposition(np.exp(response), np.exp(brightness), residual)


def normalise(levels: Sequence[FlatLevel], level: NormalisationLevel = "DETECTOR") -> FlatScales:
    """Find by how much the lamp changed between exposures, from all detectors together.

    Parameters
    ----------
    levels
        Of all detectors in all exposures; a detector may be missing from an exposure.
    level
        What is compared: whole detectors, or amplifiers.

    Raises
    ------
    CalprodError
        An exposure has no level above zero in any detector; or as in `decompose`.
    """
    chosen = [one for one in levels if (one.amplifier == WHOLE) == (level == "DETECTOR")]
    exposures = sorted({one.exposure for one in chosen})
    units = sorted({(one.detector, one.amplifier) for one in chosen})
    row = {unit: i for i, unit in enumerate(units)}
    column = {exposure: j for j, exposure in enumerate(exposures)}
    values = np.full((len(units), len(exposures)), np.nan)
    weights = np.zeros(values.shape)
    for one in chosen:
        place = row[one.detector, one.amplifier], column[one.exposure]
        values[place], weights[place] = one.level, one.n_pixels
    found = decompose(values, weights)
    unlit = [exposure for exposure in exposures if not np.isfinite(found.brightness[column[exposure]])]
    if unlit:
        raise CalprodError(
            f"exposures {', '.join(map(str, unlit))} have no level above zero in any detector",
            "a flat needs light: leave them out",
        )
    return FlatScales(
        level=level,
        brightness={exposure: float(found.brightness[j]) for exposure, j in column.items()},
        response={unit: float(found.response[i]) for unit, i in row.items()},
        residual={
            (*unit, exposure): float(found.residual[i, j])
            for unit, i in row.items()
            for exposure, j in column.items()
        },
    )


def _mean(weighted: FloatArray, weight: FloatArray, axis: Literal[0, 1]) -> FloatArray:
    """Weighted mean of values that have been multiplied by their weights; NaN where there is no weight."""
    total = weighted.sum(axis=axis)
    return np.divide(total, weight, out=np.full(total.shape, np.nan), where=weight > 0)


def _check_connected(usable: npt.NDArray[np.bool_]) -> None:
    """Refuse levels whose exposures do not hang together through the units that they share."""
    lit = np.flatnonzero(usable.any(axis=0))
    reached = np.zeros(usable.shape[1], np.bool_)
    reached[lit[0]] = True
    while True:
        units = usable[:, reached].any(axis=1)
        further = usable[units].any(axis=0)
        if (further <= reached).all():
            break
        reached |= further
    apart = lit[~reached[lit]]
    if apart.size:
        raise CalprodError(
            f"{apart.size} of {lit.size} flat exposures share no detector with the others: nothing tells how "
            "bright the lamp was in one and in the other",
            "make flats of exposures that the same detectors saw",
        )
