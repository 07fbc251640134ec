"""RICE_1 compression of integer images by row tiles, bit for bit as cfitsio does it."""

import numba
import numpy as np
from numpy.typing import NDArray

__all__ = ["BLOCK_SIZE", "compress_rows"]

BLOCK_SIZE = 32
"""Pixels that share one number of low bits."""

_CODE_BITS = 5
"""Bits of the code that opens a block."""

_MOST_LOW_BITS = 25
"""From here on differences are written whole."""


def compress_rows(image: NDArray[np.int32]) -> tuple[NDArray[np.int64], bytes]:
    """Return the compressed rows of an image.

    Parameters
    ----------
    image
        Shape [ny, nx], int32.

    Returns
    -------
    sizes : numpy.ndarray
        Bytes of each compressed row, shape [ny].
    heap : bytes
        The compressed rows one after another.

    Notes
    -----
    "Tiled Image Compression", FITS Standard 4.0, section 10.4.1, with BLOCKSIZE 32 and BYTEPIX 4.
    """
    rows = np.ascontiguousarray(image, dtype=np.int32)
    # The first pixel takes 4 bytes, each block 5 bits and at most 32 for a pixel.
    longest = 8 + 4 * rows.shape[1] + rows.shape[1] // BLOCK_SIZE + 1
    heap = np.zeros(rows.shape[0] * longest, dtype=np.uint8)
    sizes = np.zeros(rows.shape[0], dtype=np.int64)
    total = _compress(rows, heap, sizes)
    return sizes, heap[:total].tobytes()


@numba.njit(cache=True, nogil=True)
def _compress(rows: NDArray[np.int32], heap: NDArray[np.uint8], sizes: NDArray[np.int64]) -> int:
    """Compress all rows into the heap; give the number of bytes used."""
    differences = np.empty(BLOCK_SIZE, dtype=np.uint64)
    position = 0
    for row in range(rows.shape[0]):
        start = position
        last = int(rows[row, 0])
        # Bits wait in `buffer` until they fill a byte.
        first = np.uint64(last & 0xFFFFFFFF)
        buffer, n_bits, position = _put(heap, position, np.uint64(0), 0, first, 32)
        for block in range(0, rows.shape[1], BLOCK_SIZE):
            n = min(BLOCK_SIZE, rows.shape[1] - block)
            last, total = _fold_differences(rows[row, block : block + n], last, differences)
            buffer, n_bits, position = _put_block(heap, position, buffer, n_bits, differences[:n], total)
        if n_bits > 0:
            heap[position] = np.uint8((buffer << np.uint64(8 - n_bits)) & np.uint64(0xFF))
            position += 1
        sizes[row] = position - start
    return position


@numba.njit(cache=True, nogil=True)
def _fold_differences(
    pixels: NDArray[np.int32], last: int, differences: NDArray[np.uint64]
) -> tuple[int, float]:
    """Write differences of neighbours, sign in the lowest bit; give the last pixel and their sum."""
    total = 0.0
    for i in range(pixels.shape[0]):
        value = int(pixels[i])
        # Differences wrap at 32 bits, as in cfitsio.
        difference = ((value - last + 0x80000000) & 0xFFFFFFFF) - 0x80000000
        folded = ~(difference << 1) if difference < 0 else difference << 1
        differences[i] = np.uint64(folded)
        total += float(folded)
        last = value
    return last, total


@numba.njit(cache=True, nogil=True)
def _put_block(
    heap: NDArray[np.uint8],
    position: int,
    buffer: np.uint64,
    n_bits: int,
    differences: NDArray[np.uint64],
    total: float,
) -> tuple[np.uint64, int, int]:
    """Append a block: how many low bits are written as they are, then each difference."""
    n = differences.shape[0]
    mean = (total - n // 2 - 1) / n
    half = int(mean) >> 1 if mean > 0.0 else 0
    low = 0
    while half > 0:
        half >>= 1
        low += 1
    if low == 0 and total == 0.0:
        return _put(heap, position, buffer, n_bits, np.uint64(0), _CODE_BITS)
    if low >= _MOST_LOW_BITS:
        buffer, n_bits, position = _put(
            heap, position, buffer, n_bits, np.uint64(_MOST_LOW_BITS + 1), _CODE_BITS
        )
        for i in range(n):
            buffer, n_bits, position = _put(heap, position, buffer, n_bits, differences[i], 32)
        return buffer, n_bits, position
    buffer, n_bits, position = _put(heap, position, buffer, n_bits, np.uint64(low + 1), _CODE_BITS)
    mask = (np.uint64(1) << np.uint64(low)) - np.uint64(1)
    for i in range(n):
        zeros = int(differences[i] >> np.uint64(low))
        while zeros >= 24:
            buffer, n_bits, position = _put(heap, position, buffer, n_bits, np.uint64(0), 24)
            zeros -= 24
        buffer, n_bits, position = _put(heap, position, buffer, n_bits, np.uint64(1), zeros + 1)
        buffer, n_bits, position = _put(heap, position, buffer, n_bits, differences[i] & mask, low)
    return buffer, n_bits, position


@numba.njit(cache=True, nogil=True)
def _put(
    heap: NDArray[np.uint8], position: int, buffer: np.uint64, n_bits: int, value: np.uint64, width: int
) -> tuple[np.uint64, int, int]:
    """Append the low `width` (at most 32) bits of a value."""
    buffer = (buffer << np.uint64(width)) | value
    n_bits += width
    while n_bits >= 8:
        n_bits -= 8
        heap[position] = np.uint8((buffer >> np.uint64(n_bits)) & np.uint64(0xFF))
        position += 1
    buffer &= (np.uint64(1) << np.uint64(n_bits)) - np.uint64(1)
    return buffer, n_bits, position
