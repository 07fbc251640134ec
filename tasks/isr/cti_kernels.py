"""Deferred charge, pixel by pixel: the compiled loops."""

import numpy as np
import numpy.typing as npt
from numba import njit

__all__ = ["KINDS", "capture", "correct_rows"]

KINDS = {"linear": 0, "logistic": 1, "spline": 2}
"""Number of each law of capture in the loops."""


@njit(cache=True, nogil=True, inline="always")
def _captured(
    charge: float, kind: int, size: float, coefficients: npt.NDArray[np.float64], hint: int
) -> tuple[float, int]:
    """Charge an empty trap takes, and the interval of a spline it was found in."""
    if kind == 0:
        return min(size, coefficients[0] * charge), hint
    if kind == 1:
        return size / (1.0 + np.exp(-coefficients[1] * (charge - coefficients[0]))), hint
    n = coefficients.size // 2
    if charge <= coefficients[0]:
        return coefficients[n], hint
    if charge >= coefficients[n - 1]:
        return coefficients[2 * n - 1], hint
    i = hint
    while charge < coefficients[i]:
        i -= 1
    while charge >= coefficients[i + 1]:
        i += 1
    fraction = (charge - coefficients[i]) / (coefficients[i + 1] - coefficients[i])
    return coefficients[n + i] + fraction * (coefficients[n + i + 1] - coefficients[n + i]), i


@njit(cache=True, nogil=True)
def capture(
    charge: npt.NDArray[np.float64], kind: int, size: float, coefficients: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Charge that an empty trap takes.

    Parameters
    ----------
    charge
        Electron, shape (n,).
    kind
        Law of capture, of `KINDS`.
    size
        Electron.
    coefficients
        Of the law; see `tasks.isr.cti.Trap`.
    """
    taken, hint = np.empty(charge.size), 0
    for i in range(charge.size):
        taken[i], hint = _captured(charge[i], kind, size, coefficients, hint)
    return taken


@njit(cache=True, nogil=True)
def correct_rows(
    pixels: npt.NDArray[np.floating],
    prescan: int,
    gain: float,
    drift: float,
    decay: float,
    kind: int,
    size: float,
    retention: float,
    coefficients: npt.NDArray[np.float64],
    cti: float,
    restore: bool,
    n_offset: int,
    n_trap: int,
) -> None:
    """Undo deferred charge in each row, in place.

    Parameters
    ----------
    pixels
        Shape (rows, columns), readout at low x.
    prescan
        Leading columns that count as 0 and stay as they are.
    gain
        Electron per unit of the pixels.
    drift, decay
        Fraction of charge that stays as offset, and what is left of it after a pixel; no drift, no offset.
    kind, size, retention, coefficients
        Law of capture (−1: no trap), size (electron), fraction of charge a trap still holds after a pixel,
        and coefficients of the law.
    cti
        Fraction left behind in a transfer.
    restore
        Whether to undo the transfers too.
    n_offset, n_trap
        Pixels looked back at.

    Notes
    -----
    The largest of the decayed values is carried from pixel to pixel, so that each is looked at once; only
    when the one it came from lies too far back are the pixels of the window searched again. A pixel that is
    not a number stays so and defers nothing.
    """
    n_columns = pixels.shape[1]
    charges, taken = np.zeros(n_columns), np.zeros(n_columns)
    empty, _ = _captured(0.0, max(kind, 0), size, coefficients, 0)
    taken[:prescan] = empty
    for y in range(pixels.shape[0]):
        offset, offset_age = 0.0, 0
        held, held_age, hint = empty if prescan > 0 else 0.0, 0, 0
        previous = 0.0
        for x in range(prescan, n_columns):
            charge = np.float64(pixels[y, x]) * gain
            if drift > 0.0:
                charges[x] = charge if charge > 0.0 else 0.0
                offset *= decay
                offset_age += 1
                if offset_age >= n_offset:
                    offset, offset_age = _largest(charges, x, n_offset, decay, prescan)
                if charges[x] >= offset:
                    offset, offset_age = charges[x], 0
                charge -= drift * offset
            if kind >= 0:
                positive = charge if charge > 0.0 else 0.0
                taken[x], hint = _captured(positive, kind, size, coefficients, hint)
                captured = taken[x] - held * retention
                if captured < 0.0:
                    captured = 0.0
                charge -= (1.0 - cti) * (held * (1.0 - retention) - captured)
                # What may be held when the next pixel passes.
                held *= retention
                held_age += 1
                if held_age >= n_trap:
                    held, held_age = _largest(taken, x, n_trap, retention, 0)
                if taken[x] >= held:
                    held, held_age = taken[x], 0
            if restore:
                arrived = charge
                charge += cti * ((x + 1) * arrived - x * previous)
                previous = arrived if arrived == arrived else 0.0
            pixels[y, x] = charge / gain


@njit(cache=True, nogil=True)
def _largest(
    values: npt.NDArray[np.float64], x: int, depth: int, decay: float, first: int
) -> tuple[float, int]:
    """Largest decayed value among pixels x − 1 … x − depth + 1, and how far back it lies."""
    largest, age, weight = 0.0, 0, 1.0
    for j in range(1, min(depth, x - first + 1)):
        weight *= decay
        if values[x - j] * weight >= largest:
            largest, age = values[x - j] * weight, j
    return largest, age
