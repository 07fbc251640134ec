"""The serial register, simulated pixel by pixel and step by step: slow and plain."""

import numpy as np
import numpy.typing as npt

from tasks.cti.register.model import Register, RegisterParameters
from tasks.isr.cti import Trap

__all__ = ["linear_trap", "read_rows", "simulate_register"]

type FloatArray = npt.NDArray[np.float64]


def linear_trap(parameters: RegisterParameters) -> Trap | None:
    """Return the trap of the parameters, None where it has no size."""
    if parameters.trap_size <= 0:
        return None
    return Trap(
        "linear", parameters.trap_size, parameters.emission_time, np.array([parameters.trap_scale]), pixel=1
    )


def simulate_register(
    signals: npt.ArrayLike, register: Register, parameters: RegisterParameters
) -> FloatArray:
    """Read out rows that are lit evenly.

    Parameters
    ----------
    signals
        Charge of every data pixel (electron), shape (n,).
    register
        The row.
    parameters
        How it defers charge.

    Returns
    -------
    readings
        Electron, shape (n, prescan + data_width + overscan).
    """
    levels = np.atleast_1d(np.asarray(signals, np.float64))
    rows = np.zeros((levels.size, register.n_transfers))
    rows[:, register.prescan :] = levels[:, None]
    return read_rows(rows, register.overscan, parameters, linear_trap(parameters))


def read_rows(
    rows: FloatArray, overscan: int, parameters: RegisterParameters, trap: Trap | None = None
) -> FloatArray:
    """Read out any rows.

    Parameters
    ----------
    rows
        Charge (electron) of prescan and data pixels, shape (n, width).
    overscan
        Readings after the last pixel.
    parameters
        Transfers and output amplifier; their trap is not used.
    trap
        Of any law, at any pixel; None for none.

    Notes
    -----
    Snyder et al. 2021 (JATIS 7, 048002); Rubin ip_isr's segment simulator. In each step the trap takes
    clip(c(q), held, size) − held; a fraction 1 − CTI of every pixel moves on; the output reads what leaves
    pixel 0 and its offset ← max(A q, offset e^{−1/τ}); the trap releases 1 − e^{−1/τ_t} of what it holds.
    """
    charge = np.array(rows, np.float64)
    readings = np.empty((charge.shape[0], charge.shape[1] + overscan))
    offset, held = np.zeros(charge.shape[0]), np.zeros(charge.shape[0])
    decay = np.exp(-1.0 / parameters.decay_time)
    for step in range(readings.shape[1]):
        if trap is not None:
            captured = np.clip(trap.capture(charge[:, trap.pixel]), held, trap.size) - held
            charge[:, trap.pixel] -= captured
            held += captured
        transferred, deferred = charge * (1.0 - parameters.cti), charge * parameters.cti
        offset = np.maximum(parameters.drift_scale * transferred[:, 0], offset * decay)
        readings[:, step] = transferred[:, 0] + offset
        charge = np.pad(transferred, ((0, 0), (0, 1)))[:, 1:] + deferred
        if trap is not None:
            released = held * (1.0 - np.exp(-1.0 / trap.emission_time))
            charge[:, trap.pixel] += released
            held -= released
    return readings
