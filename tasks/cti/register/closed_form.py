"""The overscan of an evenly lit row in closed form: what the simulation gives, without its steps.

Charge that has to pass n transfers arrives d readings late with the binomial probability of d failures, so
what arrives in each reading is a short sum. Only a trap has to be followed step by step, and only the two
pixels at it; what flows to them is known beforehand.
"""

import numpy as np
import numpy.typing as npt
from numba import njit

from tasks.cti.register.model import Register, RegisterParameters

__all__ = ["model_overscan"]

type FloatArray = npt.NDArray[np.float64]


def model_overscan(signals: npt.ArrayLike, register: Register, parameters: RegisterParameters) -> FloatArray:
    """Overscan readings of rows that are lit evenly.

    Parameters
    ----------
    signals
        Charge of every data pixel (electron), shape (n,).
    register
        The row.
    parameters
        How it defers charge; the trap is linear, at pixel 1.

    Returns
    -------
    readings
        Electron, shape (n, register.overscan): the last columns of
        `tasks.cti.register.simulator.simulate_register`, to rounding.
    """
    levels = np.ascontiguousarray(np.atleast_1d(np.asarray(signals, np.float64)))
    n, p = register.n_transfers, register.prescan
    decay = float(np.exp(-1.0 / parameters.decay_time))
    if parameters.trap_size <= 0 or n < 3:
        unit = _unit_overscan(p, n, register.overscan, parameters.cti, parameters.drift_scale, decay)
        return np.asarray(np.outer(levels, unit))
    return np.asarray(
        _overscan_behind_trap(
            levels,
            p,
            n,
            register.overscan,
            parameters.cti,
            parameters.drift_scale,
            decay,
            parameters.trap_size,
            parameters.trap_scale,
            float(np.exp(-1.0 / parameters.emission_time)),
        )
    )


@njit(cache=True, nogil=True)
def _leaving(step: int, pixel: int, prescan: int, n: int, cti: float) -> float:
    """Charge that leaves a pixel in a step, of rows whose data pixels hold 1 electron, without trap.

    Charge of pixel k ≥ pixel is there after step successes and failures in all, k − pixel of them successes.
    """
    first = max(0, step - (n - 1 - pixel))
    last = step - (max(prescan, pixel) - pixel)
    if last < first:
        return 0.0
    term = (1.0 - cti) ** step
    ratio = cti / (1.0 - cti)
    total = 0.0
    for d in range(last + 1):
        if d >= first:
            total += term
            if term <= 1e-18 * total:
                break
        term *= (step - d) / (d + 1.0) * ratio
        if term == 0.0:
            break
    return (1.0 - cti) * total


@njit(cache=True, nogil=True)
def _unit_overscan(
    prescan: int, n: int, overscan: int, cti: float, drift: float, decay: float
) -> npt.NDArray[np.float64]:
    """Read out the overscan without trap, of data pixels that hold 1 electron."""
    readings = np.empty(overscan)
    offset = 0.0
    # The charge that arrives rises until the last data pixel: its last pixels settle the offset.
    for step in range(max(0, n - _SETTLING), n + overscan):
        arrived = _leaving(step, 0, prescan, n, cti)
        offset = max(drift * arrived, offset * decay)
        if step >= n:
            readings[step - n] = arrived + offset
    return readings


_SETTLING = 2
"""Readings before the overscan that the offset is followed over."""


@njit(cache=True, nogil=True)
def _overscan_behind_trap(
    levels: npt.NDArray[np.float64],
    prescan: int,
    n: int,
    overscan: int,
    cti: float,
    drift: float,
    decay: float,
    size: float,
    scale: float,
    retention: float,
) -> npt.NDArray[np.float64]:
    """Read out the overscan with a linear trap at pixel 1."""
    n_steps = n + overscan
    inflow = np.empty(n_steps)
    for step in range(n_steps):
        inflow[step] = _leaving(step, 2, prescan, n, cti)
    readings = np.empty((levels.size, overscan))
    kept = 1.0 - cti
    for i in range(levels.size):
        level = levels[i]
        first = level if prescan < 1 else 0.0
        second = level if prescan < 2 else 0.0
        held, offset = 0.0, 0.0
        for step in range(n_steps):
            captured = min(max(min(size, scale * second), held), size) - held
            second -= captured
            held += captured
            arrived = first * kept
            offset = max(drift * arrived, offset * decay)
            if step >= n:
                readings[i, step - n] = arrived + offset
            first = second * kept + first * cti
            released = held * (1.0 - retention)
            held -= released
            second = level * inflow[step] + second * cti + released
    return readings
