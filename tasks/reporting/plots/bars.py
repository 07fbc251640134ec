"""Bars, such as the number of defects of each amplifier by reason."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from tasks.reporting.figure import Figure
from tasks.reporting.plots.axes import Axis, set_axis, shared_limits
from tasks.reporting.plots.legend import LEGEND_ROW, draw_legend, legend_rows
from tasks.reporting.plots.model import Line
from tasks.reporting.plots.panels import WIDTH
from tasks.reporting.svg import INK, SERIES, WARN, new_figure, to_svg

__all__ = ["bar_chart"]


def bar_chart(
    title: str,
    categories: Sequence[str],
    series: Mapping[str, npt.ArrayLike],
    x: Axis,
    y: Axis,
    *,
    lines: Sequence[Line] = (),
    caption: str = "",
    height: int = 300,
) -> Figure:
    """Draw bars by category, those of several series stacked on each other.

    Parameters
    ----------
    title
        What is shown.
    categories
        Names along the horizontal axis, such as those of amplifiers.
    series
        Length of the bars in the unit of ``y``, shape (n,), by name in the legend; a value that is not finite
        has no bar.
    x, y
        Axes; ``x`` only has a label. The vertical one is linear and begins at zero.
    lines
        Limits.
    caption
        What a reader must know.
    height
        Height of the panel (CSS pixel).
    """
    values = {name: np.nan_to_num(np.asarray(one, np.float64)) for name, one in series.items()}
    total = np.sum(list(values.values()), axis=0) if values else np.zeros(len(categories))
    lowest, highest = shared_limits(y, [np.zeros(1), total, np.array([line.at for line in lines])])
    limits = y.limits or (0.0 if np.min(total, initial=0.0) >= 0 else lowest, highest)
    shown = len(values) > 1 or (len(values) == 1 and "" not in values)
    entries = [(name, SERIES[n % len(SERIES)], "square", True) for n, name in enumerate(values) if shown]
    entries += [(line.label, WARN if line.warn else INK, "dashed", False) for line in lines if line.label]
    top, bottom, left, right = 12 + LEGEND_ROW * legend_rows(entries, WIDTH), 56, 84, 16
    whole = top + height + bottom
    with new_figure(WIDTH, whole) as figure:
        axes = figure.add_axes((left / WIDTH, bottom / whole, 1 - (left + right) / WIDTH, height / whole))
        axes.patch.set_visible(False)
        axes.grid(axis="y")
        axes.set_axisbelow(True)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        places, base = np.arange(len(categories)), np.zeros(len(categories))
        for number, one in enumerate(values.values()):
            axes.bar(places, one, 0.72, bottom=base, color=SERIES[number % len(SERIES)], linewidth=0)
            base = base + one
        for line in lines:
            axes.axhline(line.at, color=WARN if line.warn else INK, linewidth=1.1, linestyle=(0, (5, 3)))
        set_axis(axes, y, limits, vertical=True, most=max(3, height // 55))
        step = -(-len(categories) * (8 * max(map(len, categories), default=1) + 10) // (WIDTH - left - right))
        axes.set_xticks(places[:: max(1, step)], list(categories)[:: max(1, step)])
        axes.set_xlim(-0.6, len(categories) - 0.4)
        axes.set_xlabel(x.label)
        draw_legend(figure, entries)
        svg = to_svg(figure, f"{title}: {y.label} for each {x.label}", title=title)
    return Figure(title, svg, caption)
