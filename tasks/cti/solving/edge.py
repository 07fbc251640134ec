"""Extended pixel edge response: the part of the signal that comes late, and from where on it grows."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from astropy.stats import sigma_clip

__all__ = ["N_EDGE", "Turnoff", "cti_turnoff", "edge_response"]

type FloatArray = npt.NDArray[np.float64]

N_EDGE = 2
"""Overscan columns or rows that are summed (Rubin cp_pipe)."""


@dataclass(frozen=True, slots=True)
class Turnoff:
    """Signal at which the transfer of charge begins to fail."""

    signal: float
    """Electron; 0 where no level has an inefficiency within limits."""
    sampling_error: float
    """Half the distance to the neighbouring levels (electron)."""
    at_edge: bool
    """Whether it is the first or last level, so that the true one may lie beyond."""


def edge_response(signals: FloatArray, overscan: FloatArray, n_transfers: int) -> FloatArray:
    """Charge transfer inefficiency by the extended pixel edge response.

    Parameters
    ----------
    signals
        Mean of the data pixels (electron), shape (n,).
    overscan
        Mean of each column or row behind them (electron), shape (n, ≥ 2).
    n_transfers
        Transfers of the last data pixel.

    Returns
    -------
    inefficiency
        (o₁ + o₂) / (N S) of each level; NaN without two columns or rows (Snyder et al. 2021; Rubin cp_pipe).
    """
    if overscan.shape[1] < N_EDGE:
        return np.full(signals.shape, np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(overscan[:, :N_EDGE].sum(axis=1) / (n_transfers * signals))


def cti_turnoff(signals: FloatArray, inefficiency: FloatArray, largest: float = 1e-5) -> Turnoff:
    """Signal up to which the inefficiency is steady.

    Parameters
    ----------
    signals
        Rising (electron), shape (n,).
    inefficiency
        Of each level.
    largest
        Levels of a larger one, of either sign, are left out.

    Notes
    -----
    Rubin cp_pipe: the steps from level to level are clipped at one standard deviation about their median, up
    to five times; the last level that stands is the turnoff.
    """
    with np.errstate(invalid="ignore"):
        usable = np.isfinite(inefficiency) & (np.abs(inefficiency) <= largest)
    levels, values = signals[usable], inefficiency[usable]
    if levels.size == 0:
        return Turnoff(0.0, 0.0, at_edge=True)
    if levels.size == 1:
        return Turnoff(float(levels[0]), 0.0, at_edge=True)
    steps = sigma_clip(
        np.gradient(values), sigma=1, maxiters=5, cenfunc=np.nanmedian, stdfunc=np.nanstd, masked=True
    )
    kept = np.flatnonzero(~np.ma.getmaskarray(steps))
    last = int(kept[-1]) if kept.size else 0
    if last == levels.size - 1:
        error = levels[-1] - levels[-2]
    elif last == 0:
        error = levels[1] - levels[0]
    else:
        error = 0.5 * (levels[last + 1] - levels[last - 1])
    return Turnoff(float(levels[last]), float(error), at_edge=last in (0, levels.size - 1))
