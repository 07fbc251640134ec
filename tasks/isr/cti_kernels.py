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
    A pixel that is not a number stays so and defers nothing. The work is done in the precision of the pixels:
    what is given back is 1e-3 of them at most.
    """
    n, real = pixels.shape[1] - prescan, pixels.dtype.type
    charge, positive = np.zeros(n, pixels.dtype), np.zeros(_MARGIN + n, pixels.dtype)
    largest = np.zeros(n, pixels.dtype)
    factor, strength, kept, moved = real(gain), real(drift), real(retention), real(1.0 - cti)
    released, nothing = real(1.0 - retention), real(0.0)
    empty, _ = _captured(0.0, max(kind, 0), size, coefficients, 0)
    for y in range(pixels.shape[0]):
        row = pixels[y, prescan:]
        for x in range(n):
            charge[x] = row[x] * factor
        if drift > 0.0:
            _positive(charge, positive[_MARGIN:])
            _largest_decayed(positive, decay, n_offset, largest)
            for x in range(n):
                charge[x] -= strength * largest[x]
        if kind >= 0:
            taken = positive
            taken[:_MARGIN] = empty
            taken[: max(0, _MARGIN - prescan)] = 0.0
            _captures(charge, kind, size, coefficients, taken[_MARGIN:])
            _largest_decayed(taken, retention, n_trap, largest)
            held = taken[_MARGIN - 1]
            for x in range(n):
                captured = taken[_MARGIN + x] - held * kept
                captured = captured if captured > nothing else nothing
                charge[x] -= moved * (held * released - captured)
                held = largest[x]
            taken[:_MARGIN] = 0.0
        if restore:
            _restore(charge, cti, prescan, largest)
            charge[:] = largest
        if gain == 1.0:
            for x in range(n):
                row[x] = charge[x]
        else:
            for x in range(n):
                row[x] = charge[x] / factor


@njit(cache=True, nogil=True)
def _positive(charge: npt.NDArray[np.float64], out: npt.NDArray[np.float64]) -> None:
    """Charge above zero; 0 for what is not a number."""
    nothing = charge.dtype.type(0.0)
    for x in range(charge.size):
        value = charge[x]
        out[x] = value if value > nothing else nothing


@njit(cache=True, nogil=True)
def _captures(
    charge: npt.NDArray[np.float64],
    kind: int,
    size: float,
    coefficients: npt.NDArray[np.float64],
    out: npt.NDArray[np.float64],
) -> None:
    """Charge that an empty trap takes of each pixel."""
    _positive(charge, out)
    if kind == 0:
        scale, most = charge.dtype.type(coefficients[0]), charge.dtype.type(size)
        for x in range(charge.size):
            wanted = scale * out[x]
            out[x] = wanted if wanted < most else most
        return
    hint = 0
    for x in range(charge.size):
        out[x], hint = _captured(out[x], kind, size, coefficients, hint)


@njit(cache=True, nogil=True)
def _restore(charge: npt.NDArray[np.float64], cti: float, prescan: int, out: npt.NDArray[np.float64]) -> None:
    """Undo the loss of the transfers, to first order; charge[0] makes prescan + 1 of them."""
    real = charge.dtype.type
    nothing, step = real(0.0), real(cti)
    out[0] = charge[0] + real(cti * (prescan + 1)) * charge[0]
    before, here, there = charge[:-1], charge[1:], out[1:]
    for x in range(here.size):
        previous = before[x] if before[x] == before[x] else nothing
        transfers = real(x + 1 + prescan)
        # n h − (n − 1) p, without the difference of two large numbers.
        there[x] = here[x] + step * (transfers * (here[x] - previous) + here[x])


@njit(cache=True, nogil=True, fastmath={"reassoc"})
def _largest_decayed(
    values: npt.NDArray[np.float64], decay: float, depth: int, out: npt.NDArray[np.float64]
) -> None:
    """Largest of each value and the decayed ones of the depth − 1 pixels before it.

    Parameters
    ----------
    values
        Not negative, `_MARGIN` of them before the first pixel, of which none is larger than the last.
    decay
        What is left of a value after a pixel.
    depth
        Pixels looked at, at most `_MARGIN`.
    out
        One for each pixel.

    Notes
    -----
    Where no pixel of a block lies below the decayed one before it, and the pixel before the block is itself
    the largest, so is each of them: the blocks of an evenly lit image. Others look at all of the window.
    """
    n, is_largest, real = out.size, True, out.dtype.type
    kept = real(decay)
    for start in range(0, n, _BLOCK):
        width = min(_BLOCK, n - start)
        here = values[_MARGIN + start : _MARGIN + start + width]
        before = values[_MARGIN + start - 1 : _MARGIN + start - 1 + width]
        result = out[start : start + width]
        falls = real(0.0)
        if is_largest:
            for k in range(width):
                falls += real(1.0) if here[k] < kept * before[k] else real(0.0)
        if is_largest and falls == real(0.0):
            for k in range(width):
                result[k] = here[k]
            continue
        for k in range(width):
            result[k] = here[k]
        weight = 1.0
        for j in range(1, depth):
            weight *= decay
            left = real(weight)
            earlier = values[_MARGIN + start - j : _MARGIN + start - j + width]
            for k in range(width):
                decayed = left * earlier[k]
                result[k] = decayed if decayed > result[k] else result[k]
        is_largest = result[width - 1] == here[width - 1]


_MARGIN = 16
"""Pixels kept before the first one; at least as many as are looked back at."""

_BLOCK = 64
"""Pixels that are looked at together."""
