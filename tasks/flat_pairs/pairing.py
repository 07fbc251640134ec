"""Pairs of flats at equal signal: which exposures belong together, and why any is left over."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import isfinite

__all__ = ["ExposurePair", "FlatExposure", "PairBy", "Pairing", "UnpairedExposure", "pair_exposures"]

EXPOSURE_TIME_TOLERANCE = 5e-3
"""Largest difference of exposure times called equal (s) (Rubin cp_pipe, ``matchExposuresByExpTime``)."""


class PairBy(StrEnum):
    """What two exposures of a pair have in common."""

    TIME = "TIME"
    """Their exposure time."""
    FLUX = "FLUX"
    """The flux that the header asks of the lamp."""
    EXPOSURE = "EXPID"
    """Nothing but that one follows the other."""


@dataclass(frozen=True, slots=True)
class FlatExposure:
    """What pairing needs to know of one exposure."""

    exposure: int
    """Exposure ID."""
    exposure_time: float
    """Exposure time (s)."""
    begin_mjd: float
    """Start of the exposure (TAI, MJD)."""
    flux: float | None = None
    """Flux asked of the lamp (header key CCOBFLUX), None where the header does not say."""
    observation_type: str = "flat"
    """Observation type; only flats are paired."""


@dataclass(frozen=True, slots=True)
class ExposurePair:
    """Two flats at equal signal, in the order in which they were taken."""

    first: FlatExposure
    """The earlier."""
    second: FlatExposure
    """The later."""

    @property
    def exposures(self) -> tuple[int, int]:
        """Both exposure IDs."""
        return self.first.exposure, self.second.exposure

    @property
    def exposure_time(self) -> float:
        """Mean exposure time (s)."""
        return 0.5 * (self.first.exposure_time + self.second.exposure_time)

    @property
    def begin_mjd(self) -> float:
        """Mean of the two starts (TAI, MJD)."""
        return 0.5 * (self.first.begin_mjd + self.second.begin_mjd)


@dataclass(frozen=True, slots=True)
class UnpairedExposure:
    """An exposure that no pair holds."""

    exposure: int
    """Exposure ID."""
    reason: str
    """Why not."""


@dataclass(frozen=True, slots=True)
class Pairing:
    """Every exposure exactly once: in a pair, or left over with a reason."""

    pairs: tuple[ExposurePair, ...]
    """By rising signal, then time; by exposure ID when paired by that."""
    unpaired: tuple[UnpairedExposure, ...]
    """By exposure ID."""


def pair_exposures(
    exposures: Iterable[FlatExposure],
    by: PairBy = PairBy.TIME,
    tolerance: float = EXPOSURE_TIME_TOLERANCE,
) -> Pairing:
    """Pair the flats among some exposures.

    Parameters
    ----------
    exposures
        In any order; what is not a flat is left over.
    by
        What the two of a pair have in common.
    tolerance
        Largest difference between neighbours that counts as equal: s, or the unit of the flux. Not used when
        paired by exposure ID.

    Returns
    -------
    pairing
        Pairs, and what is left over.

    Notes
    -----
    Exposures of equal time or flux are paired as they follow each other: first with second, third with
    fourth. An odd one at the end is left over. (cp_pipe takes the first two only and drops a second pair at
    the same level; nothing speaks against keeping it.)
    """
    left_over: list[UnpairedExposure] = []
    known: dict[int, FlatExposure] = {}
    for one in sorted(exposures, key=lambda one: (one.begin_mjd, one.exposure)):
        reason = _unfit(one, by) or ("stands in the list twice" if one.exposure in known else None)
        if reason is None:
            known[one.exposure] = one
        else:
            left_over.append(UnpairedExposure(one.exposure, reason))
    flats = list(known.values())
    if by is PairBy.EXPOSURE:
        groups = [sorted(flats, key=lambda one: one.exposure)]
    else:
        groups = _equal(flats, _quantity(by), tolerance)
    pairs: list[ExposurePair] = []
    for group in groups:
        pairs += [ExposurePair(*two) for two in zip(group[::2], group[1::2], strict=False)]
        if len(group) % 2:
            left_over.append(UnpairedExposure(group[-1].exposure, _odd(group, by)))
    return Pairing(tuple(pairs), tuple(sorted(left_over, key=lambda one: one.exposure)))


def _quantity(by: PairBy) -> Callable[[FlatExposure], float]:
    """Quantity that is compared; flats without it are gone by then."""
    return lambda one: one.exposure_time if by is PairBy.TIME else float(one.flux or 0.0)


def _unfit(one: FlatExposure, by: PairBy) -> str | None:
    """Why an exposure can be in no pair."""
    if one.observation_type != "flat":
        return f"is of type {one.observation_type}, not flat"
    if by is PairBy.TIME and not (isfinite(one.exposure_time) and one.exposure_time > 0):
        return f"has an exposure time of {one.exposure_time} s"
    if by is PairBy.FLUX and (one.flux is None or not isfinite(one.flux)):
        return "its header does not say the flux"
    return None


def _equal(
    flats: Sequence[FlatExposure], quantity: Callable[[FlatExposure], float], tolerance: float
) -> list[list[FlatExposure]]:
    """Flats grouped by a quantity, each group in time order."""
    groups: list[list[FlatExposure]] = []
    previous = -float("inf")
    for one in sorted(flats, key=quantity):
        if quantity(one) - previous > tolerance:
            groups.append([])
        groups[-1].append(one)
        previous = quantity(one)
    return [sorted(group, key=lambda one: (one.begin_mjd, one.exposure)) for group in groups]


def _odd(group: Sequence[FlatExposure], by: PairBy) -> str:
    """Why the last of a group has no partner."""
    if by is PairBy.EXPOSURE:
        return "no exposure follows it"
    level = f"{group[-1].exposure_time:g} s" if by is PairBy.TIME else f"flux {group[-1].flux:g}"
    if len(group) == 1:
        return f"is the only flat of {level}"
    return f"the other {len(group) - 1} flats of {level} are paired among themselves"
