"""Linearity: give each amplifier's counts the value they would have, were its response a straight line."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from infra.errors import CalprodError
from tasks.isr.akima import akima_cubics, node_buckets
from tasks.isr.linearity_kernels import add_polynomial, look_up, subtract_spline

__all__ = [
    "LinearityCorrection",
    "LinearityType",
    "apply_double_spline",
    "apply_lookup_table",
    "apply_polynomial",
    "apply_spline",
    "apply_squared",
    "linearize",
    "linearized",
]

type LinearityType = Literal["None", "Squared", "Polynomial", "LookupTable", "Spline", "DoubleSpline"]
"""How an amplifier is linearised; "None" leaves it as it is."""

_SPLINE_MARGIN = 0.1
_DOUBLE_SPLINE_MARGIN = 0.01
"""How far below the last node the argument of a spline is held (Rubin ip_isr)."""


@dataclass(frozen=True, slots=True, eq=False)
class LinearityCorrection:
    """What the correction of one amplifier needs.

    Raises
    ------
    CalprodError
        The type is unknown, or its coefficients do not have the layout of the type.
    """

    type: LinearityType
    """Kind of correction."""
    coefficients: npt.NDArray[np.float64]
    """Squared: [q]. Polynomial: [q₂, q₃, …] (adu^(1−j)). LookupTable: [row, offset]. Spline: [nodes, values]
    (adu). DoubleSpline: [n_rel, n_abs, nodes and values of the relative, then of the absolute spline]."""
    table_row: npt.NDArray[np.float32] | None = None
    """The amplifier's row of the lookup table (adu), by measured counts; None for other types."""

    def __post_init__(self) -> None:
        n, table = self.coefficients.size, self.table_row
        sound = {
            "None": True,
            "Squared": n >= 1,
            "Polynomial": n >= 1,
            "LookupTable": n >= 2 and table is not None and table.size > 0,
            "Spline": n >= 4 and n % 2 == 0,
            "DoubleSpline": n >= 2 and _has_two_splines(self.coefficients),
        }.get(self.type)
        if sound is None:
            known = ", ".join(get_args(LinearityType.__value__))
            raise CalprodError(f"unknown linearity type {self.type!r}", f"use one of {known}")
        if not sound:
            raise CalprodError(
                f"{n} coefficients do not describe a linearity correction of type {self.type}",
                "solve the linearizer again",
            )


def linearize(image: npt.NDArray[np.floating], correction: LinearityCorrection, gain: float = 1.0) -> int:
    """Linearise the pixels of one amplifier, in place.

    Parameters
    ----------
    image
        Data pixels with the overscan subtracted, shape (ny, nx) or (n,), float32 or float64.
    correction
        From the amplifier's linearizer, in adu.
    gain
        electron/adu when the image is in electron, 1 when it is in adu.

    Returns
    -------
    n_out_of_range
        Pixels beyond the ends of a lookup table; 0 for other types.

    Notes
    -----
    Corrections are stored in adu and scaled here for images in electron, whatever their type (Rubin ip_isr
    scales splines only, so that other types there need an image in adu). Coefficients that are not finite
    say that the amplifier's response is unknown: it becomes NaN.
    """
    if not np.isfinite(gain) or gain <= 0:
        raise CalprodError(f"cannot linearise with a gain of {gain} electron/adu", "mark the amplifier bad")
    coefficients = np.asarray(correction.coefficients, np.float64)
    if correction.type == "None":
        return 0
    if not np.isfinite(coefficients).all():
        image[...] = np.nan
        return 0
    if correction.type in ("Squared", "Polynomial"):
        used = coefficients[:1] if correction.type == "Squared" else coefficients
        apply_polynomial(image, used / gain ** np.arange(1, used.size + 1))
    elif correction.type == "LookupTable":
        row = correction.table_row
        assert row is not None  # its type says so
        return apply_lookup_table(image, row, coefficients[1], gain)
    elif correction.type == "Spline":
        nodes, values = np.split(coefficients * gain, 2)
        apply_spline(image, nodes, values)
    else:
        relative, absolute = _two_splines(coefficients, gain)
        apply_double_spline(image, relative, absolute)
    return 0


def linearized(
    values: npt.NDArray[np.floating], correction: LinearityCorrection, gain: float = 1.0
) -> npt.NDArray[np.float64]:
    """Copy of the values, linearised; parameters as in `linearize`, whose work is done in float64."""
    copy = np.array(values, np.float64)
    linearize(copy, correction, gain)
    return copy


def apply_squared(image: npt.NDArray[np.floating], coefficient: float) -> None:
    """Replace each pixel x by x + q x², in place.

    Parameters
    ----------
    image
        Pixels, float32 or float64.
    coefficient
        q, per unit of the image.
    """
    apply_polynomial(image, np.array([coefficient]))


def apply_polynomial(image: npt.NDArray[np.floating], coefficients: npt.NDArray[np.float64]) -> None:
    """Replace each pixel x by x + q₂ x² + q₃ x³ + …, in place.

    Parameters
    ----------
    image
        Pixels, float32 or float64.
    coefficients
        q₂, q₃, … per unit of the image to the power of 1, 2, ….
    """
    add_polynomial(np.atleast_2d(image), np.asarray(coefficients, np.float64))


def apply_lookup_table(
    image: npt.NDArray[np.floating], row: npt.NDArray[np.float32], offset: float = 0.0, gain: float = 1.0
) -> int:
    """Add to each pixel x the entry ``row[int(x + offset)]``, in place.

    Parameters
    ----------
    image
        Pixels, float32 or float64.
    row
        Additions (adu), shape (n,), entry i for i counts above ``-offset``.
    offset
        Added to the pixel before the entry is looked up (adu).
    gain
        Unit of the image in adu⁻¹: the table is in adu.

    Returns
    -------
    n_out_of_range
        Pixels whose entry lies beyond the row; they get the entry at its end.
    """
    return int(look_up(np.atleast_2d(image), np.asarray(row), float(offset), float(gain)))


def apply_spline(
    image: npt.NDArray[np.floating],
    nodes: npt.NDArray[np.float64],
    values: npt.NDArray[np.float64],
    margin: float = _SPLINE_MARGIN,
) -> None:
    """Subtract from each pixel x the Akima spline S(clip(x, 0, last node − margin)), in place.

    Parameters
    ----------
    image
        Pixels, float32 or float64.
    nodes, values
        Nodes and values of the spline in the unit of the image, shape (n,); nodes rise from 0.
    margin
        Unit of the image.

    Raises
    ------
    CalprodError
        The nodes do not rise.
    """
    nodes, values = np.ascontiguousarray(nodes, np.float64), np.ascontiguousarray(values, np.float64)
    if nodes.size < 2 or not (np.diff(nodes) > 0).all():
        raise CalprodError("the nodes of a linearity spline do not rise", "solve the linearizer again")
    cubics = akima_cubics(nodes, values)
    subtract_spline(np.atleast_2d(image), nodes, cubics, node_buckets(nodes), nodes[-1] - margin)


def apply_double_spline(
    image: npt.NDArray[np.floating],
    relative: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None,
    absolute: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]],
) -> None:
    """Subtract the spline relative to the reference amplifier, then that amplifier's own, in place.

    Parameters
    ----------
    image
        Pixels, float32 or float64.
    relative
        Nodes and values in the unit of the image; None for the reference amplifier.
    absolute
        Nodes and values; its argument is what the relative spline has left.
    """
    if relative is not None:
        apply_spline(image, *relative, _DOUBLE_SPLINE_MARGIN)
    apply_spline(image, *absolute, _DOUBLE_SPLINE_MARGIN)


def _has_two_splines(coefficients: npt.NDArray[np.float64]) -> bool:
    """Tell whether the numbers of nodes fit the number of coefficients; NaN says a bad amplifier."""
    if not np.isfinite(coefficients).all():
        return True
    n_relative, n_absolute = int(coefficients[0]), int(coefficients[1])
    return n_relative >= 0 and n_absolute >= 2 and coefficients.size >= 2 + 2 * (n_relative + n_absolute)


def _two_splines(
    coefficients: npt.NDArray[np.float64], gain: float
) -> tuple[
    tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None,
    tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]],
]:
    """Nodes and values of the relative and of the absolute spline, in the unit of the image."""
    n_relative, n_absolute = int(coefficients[0]), int(coefficients[1])
    ends = np.cumsum([2, n_relative, n_relative, n_absolute, n_absolute])
    parts = [coefficients[begin:end] * gain for begin, end in pairwise(ends.tolist())]
    return (None if n_relative == 0 else (parts[0], parts[1])), (parts[2], parts[3])
