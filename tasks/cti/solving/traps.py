"""The charge that a trap takes, by the charge that passes: what other effects leave of the overscan."""

import numpy as np
import numpy.typing as npt

from tasks.cti.solving.levels import AmplifierLevels
from tasks.cti.solving.local_offset import LocalOffset, trail_model
from tasks.cti.solving.settings import CtiSettings
from tasks.cti.solving.transfers import GlobalCti
from tasks.isr.cti import Trap

__all__ = ["EMISSION_TIME", "TRAP_SIZE", "empty_trap", "measure_trap"]

TRAP_SIZE = 20_000.0
"""Size that is written for a measured trap (electron); its curve alone says what it takes (Rubin cp_pipe)."""

EMISSION_TIME = 0.4
"""Emission time where none could be measured (pixel; Rubin cp_pipe)."""

_SAME_LEVEL = 0.02
"""Difference of two flats, relative to the fainter, up to which they are of one level."""

_DEAD = 0.1
"""Signal of the last column, of the mean, below which it is dead: what passed the trap last is not known."""

_PADDING = 10
"""Points of the straight line from no charge to the faintest flat (Rubin cp_pipe)."""


def empty_trap() -> Trap:
    """Return a trap that takes nothing."""
    return Trap("linear", 0.0, EMISSION_TIME, np.array([1.0]))


def measure_trap(
    levels: AmplifierLevels,
    n_transfers: int,
    offset: LocalOffset,
    transfers: GlobalCti,
    settings: CtiSettings,
) -> tuple[Trap, str]:
    """Trap of one amplifier.

    Parameters
    ----------
    levels
        Flats of the amplifier.
    n_transfers
        Transfers of the last data pixel.
    offset, transfers
        What is already known.
    settings
        Which columns and flats are used.

    Returns
    -------
    trap, reason
        A spline trap; or one that takes nothing, with the reason.

    Notes
    -----
    Snyder et al. 2021; Rubin cp_pipe. The emission time is that of the fit of the transfers where it is well
    known, elsewhere 0.4. Flats of one level are averaged before the curve goes through them, which Rubin does
    not: between the two of a pair it would be as steep as their noise makes it, and a correction as steep
    changes the noise of every pixel of that level.
    """
    within = settings.trap_columns.within(levels.serial.shape[1])
    with np.errstate(invalid="ignore"):
        usable = (levels.signals < settings.trap_largest_signal) & (levels.signals <= levels.turnoff)
        is_lit = levels.last_columns > _DEAD * levels.signals
    data = levels.serial[:, within.slice]
    usable &= np.isfinite(data).all(axis=1)
    if not usable.any() or within.n < 1:
        return empty_trap(), "no flat below the turnoff has a usable overscan"
    usable &= is_lit
    if not usable.any():
        return empty_trap(), "no trap can be measured: the last data column holds no charge"
    chosen = levels.between(usable)
    cti = transfers.cti or 1e-18
    expected = trail_model(
        chosen.signals, within.numbers, n_transfers, cti, offset.drift_scale, offset.decay_time
    )
    charge = (1.0 - offset.drift_scale) * chosen.last_columns
    charge, captured = _averaged(charge, (data[usable] - expected).sum(axis=1))
    ramp = np.arange(_PADDING) / _PADDING
    points = np.concatenate((ramp * charge[0], charge, ramp * captured[0], captured))
    emission_time = transfers.emission_time if transfers.knows_trap else EMISSION_TIME
    return Trap("spline", TRAP_SIZE, emission_time, points), ""


def _averaged(
    charge: npt.NDArray[np.float64], captured: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Means of the flats of each level, in rising order; what is taken is nowhere negative."""
    order = np.argsort(charge, kind="stable")
    charge, captured = charge[order], captured[order]
    level, begin = np.zeros(charge.size, np.int64), charge[0]
    for place in range(1, charge.size):
        is_new = charge[place] > (1.0 + _SAME_LEVEL) * begin
        begin = charge[place] if is_new else begin
        level[place] = level[place - 1] + is_new
    counts = np.bincount(level)
    means = np.bincount(level, charge) / counts
    return means, np.maximum(0.0, np.bincount(level, captured) / counts)
