"""Rice decompression of row tiles, bit-identical with CFITSIO and several times as fast.

Importing this module imports numba: do so only where pixels are decoded.
"""

from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic
from numpy.typing import NDArray

__all__ = ["SPARE_BYTES", "decode_rows", "warm"]

SPARE_BYTES = 16
"""Readable bytes that must follow the compressed data in the buffer: the decoder loads eight at a time."""

# Per BYTEPIX: bits of the code that opens a block, code of a block stored as it is, bits of one pixel.
_CODE_BITS = (0, 3, 4, 0, 5)
_CODE_PLAIN = (0, 7, 15, 0, 26)


def _type_load(typing_context: Any, buffer: Any, position: Any) -> Any:
    """Make the load of eight bytes at a place of a uint8 array: one uint64, most significant byte first."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        place = builder.gep(array.data, [arguments[1]])
        return builder.bswap(builder.load(builder.bitcast(place, ir.IntType(64).as_pointer()), align=1))

    return types.uint64(buffer, types.int64), generate


def _type_leading_zeros(typing_context: Any, word: Any) -> Any:
    """Make the count of leading zero bits of a uint64; 64 of zero."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctlz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.uint64), generate


_load_big_endian: Any = intrinsic(_type_load)
_leading_zeros: Any = intrinsic(_type_leading_zeros)


@numba.njit(cache=True, nogil=True)
def _decode_row(
    buffer: NDArray[np.uint8],
    start: int,
    length: int,
    row_length: int,
    bytes_per_pixel: int,
    block_size: int,
    mosaic: NDArray[np.int32],
    y: Any,
    x: Any,
    x_step: int,
) -> bool:
    """Decode one row; False if it is corrupt. Parameters as of `decode_rows`."""
    one = np.uint64(1)
    code_bits = _CODE_BITS[bytes_per_pixel]
    code_plain = _CODE_PLAIN[bytes_per_pixel]
    pixel_bits = 8 * bytes_per_pixel
    # Sums run over 64 bits; a shift up and down again cuts them to the pixel's width and extends the sign.
    unused = np.uint64(64 - pixel_bits)
    n_bits = 8 * length
    if n_bits < pixel_bits:
        return False
    last = _load_big_endian(buffer, start) >> unused
    bit: Any = pixel_bits
    done = 0
    while done < row_length:
        if bit + code_bits > n_bits:
            return False
        word = _load_big_endian(buffer, start + (bit >> 3)) << np.uint64(bit & 7)
        left: Any = 64 - (bit & 7) - code_bits
        code = np.int64(word >> np.uint64(64 - code_bits))
        word <<= np.uint64(code_bits)
        bit += code_bits
        end = min(done + block_size, row_length)
        if code == 0:
            pixel = np.int32(np.int64(last << unused) >> np.int64(unused))
            for _ in range(done, end):
                mosaic[y, np.uint64(x)] = pixel
                x += x_step
        elif code == code_plain:
            if bit + (end - done) * pixel_bits > n_bits:
                return False
            for _ in range(done, end):
                word = _load_big_endian(buffer, start + (bit >> 3)) << np.uint64(bit & 7)
                step = word >> unused
                bit += pixel_bits
                last += (step >> one) ^ (~(step & one) + one)
                mosaic[y, np.uint64(x)] = np.int32(np.int64(last << unused) >> np.int64(unused))
                x += x_step
        elif code > code_plain:
            return False
        else:
            low_bits = np.uint64(code - 1)
            to_low = np.uint64(64 - code)
            for _ in range(done, end):
                zeros: Any = _leading_zeros(word)
                high: Any = zeros
                if zeros + code >= left:
                    # Not all of it is loaded; past the row's end nothing is, whatever stands there.
                    if bit > n_bits:
                        return False
                    word = _load_big_endian(buffer, start + (bit >> 3)) << np.uint64(bit & 7)
                    zeros = _leading_zeros(word)
                    run: Any = np.int64(0)
                    while zeros > 31:  # a long run of zeros, counted piece by piece
                        bit += 32
                        if bit >= n_bits:
                            return False
                        word = _load_big_endian(buffer, start + (bit >> 3)) << np.uint64(bit & 7)
                        zeros = _leading_zeros(word)
                        run += 32
                    left = 64 - (bit & 7)
                    high = zeros + run
                # The one that ends the run stands above the low bits: it is taken off the high part.
                step = (np.uint64(high - 1) << low_bits) + (word << np.uint64(zeros) >> to_low)
                last += (step >> one) ^ (~(step & one) + one)
                mosaic[y, np.uint64(x)] = np.int32(np.int64(last << unused) >> np.int64(unused))
                x += x_step
                used = zeros + code
                word <<= np.uint64(used)
                left -= used
                bit += used
        if bit > n_bits:
            return False
        done = end
    return True


_SIGNATURE = (
    "int64(uint8[::1], int64[::1], int64[::1], int64, int64, int64, "
    "int32[:, ::1], int64, int64, int64, int64)"
)


@numba.njit(_SIGNATURE, cache=True, nogil=True)
def decode_rows(
    buffer: NDArray[np.uint8],
    starts: NDArray[np.int64],
    lengths: NDArray[np.int64],
    row_length: int,
    bytes_per_pixel: int,
    block_size: int,
    mosaic: NDArray[np.int32],
    y_first: int,
    y_step: int,
    x_first: int,
    x_step: int,
) -> int:
    """Decode Rice-compressed rows straight to their place in a mosaic, mirrored if the steps are negative.

    Parameters
    ----------
    buffer
        Compressed bytes, uint8; the last `SPARE_BYTES` belong to no row.
    starts, lengths
        First byte and number of bytes of each row, int64 [n_rows].
    row_length
        Pixels of a row.
    bytes_per_pixel
        BYTEPIX: 1 (unsigned), 2 or 4 (signed).
    block_size
        BLOCKSIZE: pixels that share one code.
    mosaic
        Output, int32 [ny, nx]; only the rows' own pixels are written.
    y_first, y_step, x_first, x_step
        Where the first pixel of the first row goes, and the steps (1 or -1) to the next row and pixel.

    Returns
    -------
    int
        -1 if all is well, else the number of the first row that is corrupt. The caller makes sure that rows
        lie within the buffer and the mosaic; a corrupt row is never read past `SPARE_BYTES` behind its end.

    Notes
    -----
    Algorithm: FITS Standard 4.0, §10.4.1. The first pixel stands as it is; then each block of differences
    opens with a code: 0 all differences are zero, the largest code the differences stand as they are, else
    code - 1 low bits of each follow the high part, which is counted in zero bits up to a one. A difference d
    >= 0 is 2 d, one below zero -2 d - 1. Sums wrap at the pixel's width.
    """
    for row in range(starts.size):
        y = np.uint64(y_first + row * y_step)
        if not _decode_row(
            buffer,
            starts[row],
            lengths[row],
            row_length,
            bytes_per_pixel,
            block_size,
            mosaic,
            y,
            x_first,
            x_step,
        ):
            return row
        if bytes_per_pixel == 1:  # the only ones without a sign
            for number in range(row_length):
                mosaic[y, np.uint64(x_first + number * x_step)] &= 0xFF
    return -1


def warm() -> None:
    """Load (or compile and cache) the decoder, so that the first frame does not pay for it."""
    one_row = np.zeros(1, np.int64)
    buffer = np.zeros(4 + SPARE_BYTES, np.uint8)
    decode_rows(buffer, one_row, one_row, 1, 4, 32, np.empty((1, 1), np.int32), 0, 1, 0, 1)
