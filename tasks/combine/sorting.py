"""A sorting network that orders many short columns at once, in vector registers."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

__all__ = ["LANES", "exchanges", "sort_columns"]

LANES = 128
"""Columns sorted together: one row of them is 512 bytes, eight cache lines."""

_VECTOR = 16
"""Floats per vector operation; two operations where registers are narrower."""


@cache
def exchanges(n: int) -> npt.NDArray[np.int64]:
    """Compare-and-exchange pairs that sort n values.

    Parameters
    ----------
    n
        Number of values, at least 1.

    Returns
    -------
    pairs
        Shape (number of pairs, 2), lower index first; to be applied in order.

    Notes
    -----
    Batcher's merge exchange sort (Knuth, TAOCP 3, algorithm 5.2.2M): about n (log₂ n)² / 4 pairs for any n.
    """
    pairs: list[tuple[int, int]] = []
    top = 1 << max((n - 1).bit_length() - 1, 0)
    p = top
    while p > 0:
        q, r, d = top, 0, p
        while True:
            pairs.extend((i, i + d) for i in range(n - d) if i & p == r)
            if q == p:
                break
            d, q, r = q - p, q >> 1, p
        p >>= 1
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


@intrinsic
def _exchange(
    typingctx: Any,
    block: types.Array,
    low: types.Integer,
    high: types.Integer,
) -> tuple[Any, Callable[..., Any]]:
    """Put the smaller of each lane into row `low`, the larger into row `high`."""

    # LLVM does not vectorise the plain loop over two rows of one array, since it cannot tell them apart.
    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        vector = ir.VectorType(ir.FloatType(), _VECTOR)
        data = builder.bitcast(array.data, vector.as_pointer())
        per_row = ir.Constant(ir.IntType(64), LANES // _VECTOR)
        rows = [builder.mul(argument, per_row) for argument in arguments[1:]]
        for k in range(LANES // _VECTOR):
            step = ir.Constant(ir.IntType(64), k)
            first, second = (builder.gep(data, [builder.add(row, step)]) for row in rows)
            x, y = (builder.load(pointer, align=4) for pointer in (first, second))
            smaller = builder.fcmp_ordered("<", x, y)
            builder.store(builder.select(smaller, x, y), first, align=4)
            builder.store(builder.select(smaller, y, x), second, align=4)
        return context.get_dummy_value()

    return types.void(block, types.int64, types.int64), codegen


@njit(cache=True, nogil=True)
def sort_columns(block: npt.NDArray[np.float32], pairs: npt.NDArray[np.int64]) -> None:
    """Sort each column of a block in place.

    Parameters
    ----------
    block
        Shape (n, `LANES`), float32, contiguous, without NaN (infinities are fine).
    pairs
        ``exchanges(n)``.
    """
    for i in range(pairs.shape[0]):
        _exchange(block, pairs[i, 0], pairs[i, 1])  # type: ignore[call-arg]
