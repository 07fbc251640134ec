"""Axes of the plots: limits, ticks and their labels, and how many points are worth drawing."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.axis import Axis as MatplotlibAxis
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullFormatter, NullLocator

__all__ = ["Axis", "Floats", "finite_pairs", "set_axis", "shared_limits", "thinned"]

type Floats = npt.NDArray[np.float64]

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_PLAIN = (1e-3, 1e5)
"""Largest values within which numbers are written out; others have a power of ten in the axis' label."""


@dataclass(frozen=True, slots=True)
class Axis:
    """What an axis shows."""

    label: str
    """Quantity, such as ``signal``."""
    unit: str = ""
    """Unit, such as ``electron``; empty for a ratio or a count."""
    log: bool = False
    """Whether decades are equally long; values that are not positive are then left out."""
    limits: tuple[float, float] | None = None
    """Ends; those of the data, with some room, when None."""
    whole: bool = False
    """Whether only whole numbers are labelled, as of pixels and counts."""


def shared_limits(axis: Axis, values: Iterable[Floats]) -> tuple[float, float]:
    """Return the ends of an axis: those given, else of the finite values, with some room.

    Parameters
    ----------
    axis
        The axis.
    values
        All that is drawn along it, each of any shape.
    """
    if axis.limits is not None:
        return axis.limits
    flat = [np.asarray(one, np.float64).ravel() for one in values]
    data = np.concatenate(flat) if flat else np.empty(0)
    data = data[np.isfinite(data) & ((data > 0) if axis.log else True)]
    if not data.size:
        return (1.0, 10.0) if axis.log else (0.0, 1.0)
    low, high = float(data.min()), float(data.max())
    if axis.log:
        room = max((high / low) ** 0.04, 1.05)
        return low / room, high * room
    room = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    return low - room, high + room


def set_axis(axes: Axes, axis: Axis, limits: tuple[float, float], *, vertical: bool, most: int) -> None:
    """Give one axis of a panel its limits, about ``most`` ticks, and a label with its unit.

    Parameters
    ----------
    axes
        The panel.
    axis
        What the axis shows.
    limits
        Ends, as `shared_limits` returns them.
    vertical
        Whether it is the vertical one.
    most
        Most ticks there is room for.
    """
    target: MatplotlibAxis = axes.yaxis if vertical else axes.xaxis
    if axis.log:
        (axes.set_yscale if vertical else axes.set_xscale)("log")
    (axes.set_ylim if vertical else axes.set_xlim)(*limits)
    exponent = 0
    if axis.log:
        ticks, formatter = _log_ticks(*limits, most)
        target.set_major_locator(FixedLocator(ticks))
    else:
        exponent = 0 if axis.whole else _exponent(max(abs(limits[0]), abs(limits[1])))
        locator = MaxNLocator(most, integer=axis.whole, steps=[1, 2, 2.5, 5, 10])
        formatter = _number_formatter(exponent, locator.tick_values(*limits))
        target.set_major_locator(locator)
    target.set_minor_locator(NullLocator())
    target.set_minor_formatter(NullFormatter())
    target.set_major_formatter(FuncFormatter(lambda value, _: formatter(value)))
    target.set_label_text(label_of(axis, exponent))


def label_of(axis: Axis, exponent: int = 0) -> str:
    """Return the label of an axis whose numbers are given in units of ten to ``exponent``."""
    power = f"10{str(exponent).translate(_SUPERSCRIPTS)}" if exponent else ""
    unit = (
        f"{power}{axis.unit[1:]}" if power and axis.unit.startswith("1/") else f"{power} {axis.unit}".strip()
    )
    return f"{axis.label} ({unit})" if unit else axis.label


def finite_pairs(x: npt.ArrayLike, y: npt.ArrayLike, *others: npt.ArrayLike) -> tuple[Floats, ...]:
    """Return only those places of all arrays at which x and y are finite."""
    arrays = [np.asarray(one, np.float64).ravel() for one in (x, y, *others)]
    known = np.isfinite(arrays[0]) & np.isfinite(arrays[1])
    return tuple(one[known] for one in arrays)


def thinned(x: Floats, y: Floats, most: int, *, cells: int = 200) -> npt.NDArray[np.intp]:
    """Return which points to draw, in their order: those told apart by eye, and never more than ``most``.

    Of points that fall into one cell of a grid over the plot only one is drawn. If there are still too many,
    points are left out evenly, but not those with the least and the greatest x and y.

    Parameters
    ----------
    x, y
        Finite places on the plot's own scale (logarithms for a logarithmic axis), shape (n,).
    most
        Most points.
    cells
        Cells on a side of the grid.
    """
    if x.size <= most:
        return np.arange(x.size)
    places = [
        np.floor((one - one.min()) / (np.ptp(one) or 1.0) * (cells - 1)).astype(np.int64) for one in (x, y)
    ]
    _, first = np.unique(places[0] * cells + places[1], return_index=True)
    chosen = np.sort(first)
    if chosen.size > most:
        ends = np.array([x.argmin(), x.argmax(), y.argmin(), y.argmax()])
        even = chosen[np.linspace(0, chosen.size - 1, max(most - ends.size, 1)).astype(np.int64)]
        chosen = np.unique(np.concatenate([even, ends]))
    return np.asarray(chosen, np.intp)


def _exponent(largest: float) -> int:
    """Return the power of ten, a multiple of three, that is taken out of numbers hard to read."""
    if largest == 0.0 or not math.isfinite(largest) or _PLAIN[0] <= largest < _PLAIN[1]:
        return 0
    return 3 * math.floor(math.log10(largest) / 3)


def _number_formatter(exponent: int, ticks: Iterable[float]) -> Callable[[float], str]:
    """Return what writes the ticks of one axis, all with as many decimals as the one that needs most."""
    texts = [f"{round(tick * 10.0**-exponent, 9):.9f}".rstrip("0") for tick in ticks]
    decimals = max((len(text.partition(".")[2]) for text in texts), default=0)

    def label(value: float) -> str:
        number = round(value * 10.0**-exponent, decimals) + 0.0  # no minus before zero
        return f"{number:.{decimals}f}".replace("-", "−")

    return label


def _log_ticks(low: float, high: float, most: int) -> tuple[list[float], Callable[[float], str]]:
    """Return ticks at decades, or within few decades at 1, 2 and 5 times them, and their labels."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    decades = range(first, last + 1)
    for factors in ((1, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,)):
        ticks = [factor * 10.0**power for power in decades for factor in factors]
        ticks = [tick for tick in ticks if low <= tick <= high]
        if len(ticks) <= most:
            break
    else:
        step = math.ceil(len(ticks) / most)
        ticks = ticks[::step]
    plain = all(1e-3 <= tick < 1.5e5 for tick in ticks)

    def label(value: float) -> str:
        if plain:
            return f"{value:g}"
        power = math.floor(math.log10(value) + 1e-9)
        factor = round(value / 10.0**power)
        decade = f"10{str(power).translate(_SUPERSCRIPTS)}"
        return decade if factor == 1 else f"{factor}×{decade}"

    return ticks, label
