"""Turnoff: the highest level up to which the response can be corrected at all."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Turnoff", "TurnoffSettings", "find_turnoff", "slope_through_origin"]

type FloatArray = npt.NDArray[np.float64]
type BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class TurnoffSettings:
    """How the turnoff is found."""

    minimum_signal: float = 1000.0
    """Lowest level (adu) that takes part in the first line; Rubin takes 10000 for LATISS."""
    maximum: float = np.inf
    """Level (adu) the turnoff cannot exceed."""
    largest_residual: float = 0.01
    """Fraction of the level by which a point may miss the line."""
    fewest_good: int = 4
    """There must be more good points than this."""
    first_points: int = 10
    """Points that a group without any in the line is given."""


@dataclass(frozen=True, slots=True, eq=False)
class Turnoff:
    """The end of the correctable response of one amplifier."""

    index: int
    """Point at the turnoff; −1 if there is none."""
    value: float
    """Level (adu); NaN if there is none."""
    max_signal: float
    """Highest level the amplifier delivers (adu)."""
    good: BoolArray
    """Points on the line, shape (n,)."""
    is_reached: bool
    """Whether there are points beyond: if not, the true turnoff may be higher."""
    below: BoolArray
    """The good points and all below their median level, shape (n,)."""


def find_turnoff(
    light: FloatArray,
    ordinate: FloatArray,
    keep: BoolArray,
    groups: npt.NDArray[np.int64],
    settings: TurnoffSettings | None = None,
) -> Turnoff:
    """Turnoff of one amplifier.

    Parameters
    ----------
    light
        Abscissa, shape (n,).
    ordinate
        Levels (adu), shape (n,).
    keep
        Points that the photon transfer curve kept, shape (n,).
    groups
        Group of each point, shape (n,), −1 for none.
    settings
        The defaults when None.

    Notes
    -----
    Rubin cp_pipe. Lines through the origin, one slope per group with variance proportional to the level, are
    fitted to a mask of points; good is every point within 1 % of them once the median residual of the mask is
    taken off. While there are too few good ones, the worst point of the mask goes.
    """
    settings = settings or TurnoffSettings()
    usable = np.isfinite(light) & np.isfinite(ordinate) & (light > 0) & (ordinate > 0) & (groups >= 0)
    mask = usable & keep & (ordinate >= settings.minimum_signal) & (ordinate <= settings.maximum)
    for group in np.unique(groups[usable]):
        if not (mask & (groups == group)).any():
            own = usable & (groups == group) & (ordinate <= settings.maximum)
            mask[np.flatnonzero(own)[: settings.first_points]] = True
    if not mask.any():
        none = np.zeros(light.size, np.bool_)
        return Turnoff(-1, np.nan, np.nan, none, False, none)
    good = _good_points(light, ordinate, mask, groups, usable, settings)
    # Without enough good points the mask itself is the best guess.
    candidates = mask if good is None else good
    index = int(np.flatnonzero(candidates)[np.argmax(ordinate[candidates])])
    value = float(ordinate[index])
    highest = ordinate[usable].max()
    # A plateau may be flat to the last digit: then points beside the line say that it is one.
    beside = usable & ~candidates & (ordinate > 0.99 * highest)
    is_reached = bool(value < highest or beside.any())
    plateau = float(np.median(ordinate[usable & (ordinate > 0.99 * highest)])) if is_reached else value
    good = mask if good is None else good
    # The line may miss faint points by more than its tolerance, with nothing wrong about them.
    below = good | (usable & (ordinate < np.median(ordinate[good])))
    return Turnoff(index, value, plateau, good, is_reached, below)


def slope_through_origin(light: FloatArray, ordinate: FloatArray) -> float:
    """Slope k of y = k x with variance proportional to y: Σ x / Σ (x² / y).

    Parameters
    ----------
    light, ordinate
        Positive, shape (n,), n ≥ 1.
    """
    return float(light.sum() / (light**2 / ordinate).sum())


def _good_points(
    light: FloatArray,
    ordinate: FloatArray,
    mask: BoolArray,
    groups: npt.NDArray[np.int64],
    usable: BoolArray,
    settings: TurnoffSettings,
) -> BoolArray | None:
    """Return the points on the line, or None if no mask of four points or more has enough of them."""
    mask = mask.copy()
    while np.count_nonzero(mask) >= settings.fewest_good:
        residuals = np.full(light.size, np.nan)
        for group in np.unique(groups[mask]):
            own = usable & (groups == group)
            fitted = mask & own
            slope = slope_through_origin(light[fitted], ordinate[fitted])
            residuals[own] = 1.0 - slope * light[own] / ordinate[own]
        residuals -= np.median(residuals[mask])
        good = np.abs(residuals) < settings.largest_residual
        good &= usable & (ordinate < settings.maximum)
        if np.count_nonzero(good) > settings.fewest_good:
            return good
        mask[np.flatnonzero(mask)[np.argmax(np.abs(residuals[mask]))]] = False
    return None
