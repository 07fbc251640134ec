"""Integer dithering: spread each count over the interval that the converter rounded to it."""

from typing import Literal

import numpy as np
import numpy.typing as npt
from numba import njit

__all__ = ["Dither", "DitherMode", "dithered"]

type DitherMode = Literal["SYMMETRIC", "POSITIVE", "NEGATIVE"]
"""Interval of the added number: [−0.5, 0.5), [0, 1) or [−1, 0) adu."""

_LOWEST = {"SYMMETRIC": -0.5, "POSITIVE": 0.0, "NEGATIVE": -1.0}

_WORDS = 624
"""32-bit words of the generator's state."""

_UNIT = 2.0**-53
"""Step between the random numbers."""


def dithered(
    raw: npt.NDArray[np.integer], seed: int, mode: DitherMode = "SYMMETRIC"
) -> npt.NDArray[np.float32]:
    """Add a uniform random number of one adu width to each count.

    Parameters
    ----------
    raw
        Integer counts (adu), shape (ny, nx).
    seed
        Seed of the random numbers; its lowest 32 bits are used. Rubin takes the packed detector-exposure ID.
    mode
        Interval of the random numbers.

    Returns
    -------
    image
        float32, shape (ny, nx), adu.

    Notes
    -----
    Counts are integers because the converter rounds; without dithering, medians and quartiles of little noise
    are those of a comb. The numbers are, to the bit, those of ``numpy.random.RandomState(seed)``, row by row
    (Rubin ip_isr), here drawn from the Mersenne Twister's blocks of 624 words in a compiled loop.
    """
    dither, image = Dither(seed, mode), np.empty(raw.shape, np.float32)
    for start in range(0, raw.shape[0], 16):  # few rows at a time stay in the processor's cache
        dither.add(np.ascontiguousarray(raw[start : start + 16]), image[start : start + 16])
    return image


class Dither:
    """The stream of random numbers of one exposure, for callers that take its rows in pieces.

    Parameters
    ----------
    seed, mode
        As for `dithered`.
    """

    def __init__(self, seed: int, mode: DitherMode = "SYMMETRIC") -> None:
        # Only the beginning of the generator is taken from numpy: its state holds nothing but the seed.
        seeded = np.random.RandomState(seed & 0xFFFFFFFF).get_state(legacy=True)
        self._state = np.array(seeded[1], np.uint32)
        self._pairs = np.empty(0, np.uint64)
        self._n_left = 0
        self._lowest = _LOWEST[mode]

    def add(self, rows: npt.NDArray[np.integer], out: npt.NDArray[np.float32]) -> None:
        """Add the next random numbers to the next rows.

        Parameters
        ----------
        rows
            Integer counts (adu), contiguous.
        out
            Where the result goes: float32, contiguous, same shape.
        """
        if self._pairs.size < rows.size + _WORDS // 2:
            left = self._pairs[: self._n_left]
            self._pairs = np.empty(rows.size + _WORDS // 2, np.uint64)
            self._pairs[: self._n_left] = left
        filled = _fill(self._state, self._pairs, self._n_left, rows.size)
        _convert(self._pairs, rows.ravel(), self._lowest, out.ravel())
        self._n_left = filled - rows.size
        self._pairs[: self._n_left] = self._pairs[rows.size : filled].copy()


@njit(cache=True, nogil=True)
def _twisted(upper: np.uint32, lower: np.uint32, far: np.uint32) -> np.uint32:
    """One step of the recurrence of MT19937 (Matsumoto & Nishimura 1998)."""
    joined = (upper & np.uint32(0x80000000)) | (lower & np.uint32(0x7FFFFFFF))
    odd = np.uint32(0x9908B0DF) if joined & np.uint32(1) else np.uint32(0)
    return far ^ (joined >> np.uint32(1)) ^ odd


@njit(cache=True, nogil=True)
def _advance(state: npt.NDArray[np.uint32], following: npt.NDArray[np.uint32]) -> None:
    """Next 624 words of the state, into another array, so that each piece of the loop vectorises."""
    for i in range(227):
        following[i] = _twisted(state[i], state[i + 1], state[i + 397])
    for i in range(227, 454):
        following[i] = _twisted(state[i], state[i + 1], following[i - 227])
    for i in range(454, 623):
        following[i] = _twisted(state[i], state[i + 1], following[i - 227])
    following[623] = _twisted(state[623], following[0], following[396])


@njit(cache=True, nogil=True)
def _temper(state: npt.NDArray[np.uint32], words: npt.NDArray[np.uint32]) -> None:
    """Output words of a state."""
    for i in range(_WORDS):
        word = state[i]
        word ^= word >> np.uint32(11)
        word ^= (word << np.uint32(7)) & np.uint32(0x9D2C5680)
        word ^= (word << np.uint32(15)) & np.uint32(0xEFC60000)
        words[i] = word ^ (word >> np.uint32(18))


@njit(cache=True, nogil=True)
def _fill(state: npt.NDArray[np.uint32], pairs: npt.NDArray[np.uint64], filled: int, wanted: int) -> int:
    """Append blocks of output words, two to a pair, until enough are there; the state moves on in place."""
    following, words = np.empty_like(state), pairs.view(np.uint32)
    while filled < wanted:
        _advance(state, following)
        state[:] = following
        _temper(state, words[2 * filled : 2 * filled + _WORDS])
        filled += _WORDS // 2
    return filled


@njit(cache=True, nogil=True)
def _convert(
    pairs: npt.NDArray[np.uint64], raw: npt.NDArray[np.integer], lowest: float, image: npt.NDArray[np.float32]
) -> None:
    """Add a number of 53 random bits, made of two words as numpy makes it, to every count."""
    for i in range(raw.size):
        # The first word of a pair stands in its lower half (little-endian).
        high = np.int32((pairs[i] & np.uint64(0xFFFFFFFF)) >> np.uint64(5))
        low = np.int32(pairs[i] >> np.uint64(38))
        fraction = (np.float64(high) * 67108864.0 + np.float64(low)) * _UNIT
        image[i] = np.float64(raw[i]) + (lowest + fraction)
