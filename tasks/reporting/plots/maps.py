"""Matrices and maps: a colour for each value, or for each of a few kinds."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from PIL import Image

from tasks.reporting.figure import Figure
from tasks.reporting.marks import Marks
from tasks.reporting.plots.axes import Axis, set_axis
from tasks.reporting.plots.legend import LEGEND_ROW, draw_legend, legend_rows
from tasks.reporting.raster import Stretch, colour_bar_png, image_png, percentile_stretch
from tasks.reporting.svg import Pixels, new_figure, to_svg

__all__ = ["Cells", "category_map", "heat_map"]

_LEFT, _TOP, _BOTTOM, _BAR, _RIGHT = 84, 12, 56, 14, 110
_LABEL_PAD = 8.0
MOST_NARROW = 520
"""Width of a figure of which two stand side by side on a page (CSS pixel)."""
_KINDS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b39a00", "#7b5cc4", "#7f868d")
"""Colours of kinds, which stand out from light and dark pages alike."""


@dataclass(frozen=True, slots=True)
class Cells:
    """One side of a matrix."""

    label: str
    """What its rows or columns are, such as ``source amplifier``."""
    names: Sequence[str] = ()
    """Name of each; empty for numbers, such as lags or pixels."""
    unit: str = ""
    """Unit of the numbers."""
    first: float = 0.0
    """Number of the first cell's middle."""
    step: float = 1.0
    """From one cell to the next."""


def heat_map(
    title: str,
    values: npt.ArrayLike,
    x: Cells,
    y: Cells,
    *,
    quantity: str,
    unit: str = "",
    centre: float | None = None,
    limits: tuple[float, float] | None = None,
    marked: Sequence[tuple[int, int]] = (),
    from_above: bool = False,
    caption: str = "",
    width: int = 484,
) -> Figure:
    """Draw a matrix or an image, one colour for each value, with a colour bar.

    Parameters
    ----------
    title
        What is shown.
    values
        Shape (ny, nx), in ``unit``; cells without a finite value are left empty.
    x, y
        Columns and rows.
    quantity, unit
        What the colours mean, for the bar.
    centre
        When given, colours diverge from this value.
    limits
        Values of the first and last colour; those of the data (without the outermost percent of a large
        image) when None.
    marked
        Cells to mark with a ring, as (row, column).
    from_above
        Whether the first row is the uppermost, as of a matrix; of an image it is the lowest.
    caption
        What a reader must know.
    width
        Width (CSS pixel).
    """
    image = np.asarray(values, np.float32)
    stretch = _stretch(image, centre, limits)
    exponent_axis = Axis(quantity, unit, limits=(stretch.low, stretch.high))
    plot_width = width - _LEFT - _RIGHT
    plot_height = _height_of(image.shape, plot_width)
    height = plot_height + _TOP + _BOTTOM
    rings = np.array(marked, np.float64).reshape(-1, 2)
    with new_figure(width, height) as figure:
        axes = figure.add_axes((_LEFT / width, _BOTTOM / height, plot_width / width, plot_height / height))
        _set_cells(axes, x, y, image.shape, from_above, plot_width)
        left = _LEFT + plot_width + 12
        bar = figure.add_axes((left / width, _BOTTOM / height, _BAR / width, plot_height / height))
        bar.patch.set_visible(False)
        bar.set(xlim=(0, 1), xticks=[])
        bar.yaxis.tick_right()
        bar.yaxis.set_label_position("right")
        set_axis(bar, exponent_axis, (stretch.low, stretch.high), vertical=True, most=6)
        bar.yaxis.labelpad = _LABEL_PAD
        size = 0.55 * min(plot_width / image.shape[1], plot_height / image.shape[0])
        # Light within dark, to be seen on any colour.
        marks = [
            Marks(axes, rings[:, 1], rings[:, 0], colour, "ring", size - inset)
            for colour, inset in (("#000000", 0.0), ("#ffffff", 2.4))
        ]
        drawn = image[::-1] if from_above else image
        pixels = [
            Pixels(axes, image_png(drawn, stretch), image.shape[1]),
            Pixels(bar, colour_bar_png(stretch), 1),
        ]
        words = f"{title}: {quantity} for each {y.label} and {x.label}"
        svg = to_svg(figure, words, pixels, marks=marks, title=title)
    return Figure(title, svg, caption, is_wide=width > MOST_NARROW)


def category_map(
    title: str,
    kinds: npt.ArrayLike,
    names: Sequence[str],
    x: Cells,
    y: Cells,
    *,
    caption: str = "",
    width: int = 640,
) -> Figure:
    """Draw a map of few kinds, one colour for each, such as the defects of a detector by reason.

    Parameters
    ----------
    title
        What is shown.
    kinds
        Shape (ny, nx): 0 for nothing, else 1 plus the place of the kind in ``names``. At most some 500 cells
        on a side are told apart: bin the map of a large detector, and keep what is in a block. Where cells
        are small, what is in one is drawn over its empty neighbours too, so that it can be seen.
    names
        Kinds, in the legend.
    x, y
        Columns and rows; the first row is the lowest.
    caption
        What a reader must know.
    width
        Width (CSS pixel).
    """
    codes = np.asarray(kinds)
    colours = [_KINDS[n % len(_KINDS)] for n in range(len(names))]
    entries = [(name, colour, "square", True) for name, colour in zip(names, colours, strict=True)]
    plot_width = width - _LEFT - 24
    plot_height = _height_of((codes.shape[0], codes.shape[1]), plot_width)
    top = _TOP + LEGEND_ROW * legend_rows(entries, width)
    height = plot_height + top + _BOTTOM
    with new_figure(width, height) as figure:
        axes = figure.add_axes((_LEFT / width, _BOTTOM / height, plot_width / width, plot_height / height))
        _set_cells(axes, x, y, (codes.shape[0], codes.shape[1]), False, plot_width)
        drawn = _enlarged(codes) if plot_width < 3 * codes.shape[1] else codes
        draw_pixels = Pixels(axes, _kinds_png(drawn, colours), codes.shape[1])
        draw_legend(figure, entries)
        svg = to_svg(figure, f"{title}: {', '.join(names)}", [draw_pixels], title=title)
    return Figure(title, svg, caption, is_wide=width > MOST_NARROW)


def _stretch(
    image: npt.NDArray[np.float32], centre: float | None, limits: tuple[float, float] | None
) -> Stretch:
    if limits is not None:
        return Stretch(*limits, "viridis" if centre is None else "RdBu_r")
    outer = (0.0, 100.0) if image.size < 10_000 else (0.5, 99.5)
    return percentile_stretch([image], outer, centre=centre)


def _height_of(shape: tuple[int, ...], plot_width: int) -> int:
    """Return the height that makes cells square, within what can be read on a page."""
    return round(plot_width * min(max(shape[0] / shape[1], 0.25), 1.5))


def _set_cells(
    axes: Axes, x: Cells, y: Cells, shape: tuple[int, ...], from_above: bool, plot_width: int
) -> None:
    """Label rows and columns; cell n of an axis lies about n."""
    axes.patch.set_visible(False)
    ny, nx = shape[0], shape[1]
    axes.set_xlim(-0.5, nx - 0.5)
    axes.set_ylim(*((ny - 0.5, -0.5) if from_above else (-0.5, ny - 0.5)))
    for cells, axis, count, room in ((x, axes.xaxis, nx, plot_width), (y, axes.yaxis, ny, 1e9)):
        if cells.names:
            needed = count * (7 * max(map(len, cells.names)) + 5)
            step = max(1, int(-(-needed // room)), -(-count // 40))
            axis.set_ticks(range(0, count, step), list(cells.names)[::step])
        else:
            ends = cells.first, cells.first + (count - 1) * cells.step
            numbers = MaxNLocator(6, integer=True, steps=[1, 2, 5, 10]).tick_values(*ends)
            inside = [n for n in numbers if min(ends) - cells.step <= n <= max(ends) + cells.step]
            axis.set_ticks([(n - cells.first) / cells.step for n in inside], [f"{n:g}" for n in inside])
        axis.set_label_text(f"{cells.label} ({cells.unit})" if cells.unit else cells.label)
        axis.labelpad = _LABEL_PAD
    axes.set_xlim(-0.5, nx - 0.5)
    axes.set_ylim(*((ny - 0.5, -0.5) if from_above else (-0.5, ny - 0.5)))


def _enlarged(codes: npt.NDArray[np.integer]) -> npt.NDArray[np.integer]:
    """Return the map in which what is in a cell also fills its empty neighbours."""
    padded, (ny, nx) = np.pad(codes, 1), codes.shape
    result = codes.copy()
    for dy in range(3):
        for dx in range(3):
            result = np.where(result == 0, padded[dy : dy + ny, dx : dx + nx], result)
    return result


def _kinds_png(codes: npt.NDArray[np.integer], colours: Sequence[str]) -> bytes:
    """Return the map as PNG, its first row at the bottom, transparent where there is nothing."""
    picture = Image.fromarray(np.ascontiguousarray(codes[::-1].astype(np.uint8)))
    palette = [0, 0, 0] + [int(colour[n : n + 2], 16) for colour in colours for n in (1, 3, 5)]
    picture.putpalette(palette)
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", optimize=True, transparency=0)
    return buffer.getvalue()
