"""Plots of points and lines: one panel, panels above each other, and a grid of panels."""

from collections.abc import Mapping, Sequence

import numpy as np

from tasks.reporting.figure import Figure
from tasks.reporting.marks import Marks
from tasks.reporting.plots.axes import Axis, set_axis, shared_limits
from tasks.reporting.plots.drawing import MOST_POINTS, MOST_POINTS_OF_MANY, draw_panel, limits_of
from tasks.reporting.plots.legend import LEGEND_ROW, draw_legend, legend_entries, legend_rows
from tasks.reporting.plots.model import Line, Panel, Series
from tasks.reporting.svg import new_figure, to_svg

__all__ = ["WIDTH", "panel_plot", "scatter_plot", "small_multiples"]

WIDTH = 980
"""Width of a figure (CSS pixel), that of the report's column."""


def scatter_plot(
    title: str,
    series: Sequence[Series],
    x: Axis,
    y: Axis,
    *,
    lines: Sequence[Line] = (),
    caption: str = "",
    width: int = WIDTH,
    height: int = 340,
) -> Figure:
    """Draw points and lines in one panel.

    Parameters
    ----------
    title
        What is shown.
    series
        Points and lines; those that come later lie above.
    x, y
        Axes.
    lines
        Limits and other straight lines.
    caption
        What a reader must know.
    width, height
        Size (CSS pixel).
    """
    return panel_plot(title, [Panel(series, y, lines, height)], x, caption=caption, width=width)


def panel_plot(
    title: str, panels: Sequence[Panel], x: Axis, *, caption: str = "", width: int = WIDTH
) -> Figure:
    """Draw panels one above the other, over one horizontal axis, such as a curve and its residuals.

    Parameters
    ----------
    title
        What is shown.
    panels
        From above.
    x
        Horizontal axis.
    caption
        What a reader must know.
    width
        Width (CSS pixel).
    """
    limits = shared_limits(x, [np.asarray(one.x) for panel in panels for one in panel.series])
    entries = legend_entries([panel.series for panel in panels], [panel.lines for panel in panels])
    rows = legend_rows(entries, width)
    top, bottom, gap = 12 + LEGEND_ROW * rows, 52, 14
    height = top + sum(panel.height for panel in panels) + gap * (len(panels) - 1) + bottom
    marks: list[Marks] = []
    with new_figure(width, height) as figure:
        upper = height - top
        for panel in panels:
            left, right = 84, 16
            axes = figure.add_axes(
                (
                    left / width,
                    (upper - panel.height) / height,
                    1 - (left + right) / width,
                    panel.height / height,
                )
            )
            upper -= panel.height + gap
            set_axis(axes, x, limits, vertical=False, most=9)
            set_axis(axes, panel.y, limits_of(panel), vertical=True, most=max(3, panel.height // 55))
            marks += draw_panel(axes, panel.series, panel.lines, x, panel.y, MOST_POINTS)
            if panel is not panels[-1]:
                axes.tick_params(labelbottom=False)
                axes.set_xlabel("")
        figure.align_ylabels()
        draw_legend(figure, entries)
        svg = to_svg(figure, _description(title, x, [one.y for one in panels]), marks=marks, title=title)
    return Figure(title, svg, caption)


def small_multiples(
    title: str,
    panels: Mapping[str, Sequence[Series]],
    x: Axis,
    y: Axis,
    *,
    lines: Sequence[Line] = (),
    caption: str = "",
    columns: int = 4,
    panel_height: int = 120,
    shared_y: bool = True,
) -> Figure:
    """Draw a grid of panels with one pair of axes, such as one panel for each amplifier.

    Parameters
    ----------
    title
        What is shown.
    panels
        Points and lines by name of the panel, in the order to be shown.
    x, y
        Axes of every panel.
    lines
        Limits and other straight lines of every panel.
    caption
        What a reader must know.
    columns
        Panels beside each other, when there are as many.
    panel_height
        Height of a panel (CSS pixel).
    shared_y
        Whether all have the same vertical limits, so that they can be compared; otherwise each its own.
    """
    columns = max(1, min(columns, len(panels)))
    n_rows = max(1, -(-len(panels) // columns))
    panel_height = panel_height if n_rows > 1 or columns > 1 else 300
    entries = legend_entries(list(panels.values()), [lines])
    left, right, bottom, title_room = 84, 14, 52, 22
    gap = 18 if shared_y else 58
    top = 6 + LEGEND_ROW * legend_rows(entries, WIDTH)
    height = top + n_rows * (panel_height + title_room) + bottom
    panel_width = (WIDTH - left - right - gap * (columns - 1)) / columns
    everything = [one for series in panels.values() for one in series]
    x_limits = shared_limits(x, [np.asarray(one.x) for one in everything])
    common = limits_of(Panel(everything, y, lines))
    marks: list[Marks] = []
    with new_figure(WIDTH, height) as figure:
        for number, (name, series) in enumerate(panels.items()):
            row, column = divmod(number, columns)
            lower = height - top - (row + 1) * (panel_height + title_room)
            box = (left + column * (panel_width + gap), lower, panel_width, panel_height)
            axes = figure.add_axes(tuple(np.divide(box, (WIDTH, height, WIDTH, height)).tolist()))
            set_axis(axes, x, x_limits, vertical=False, most=max(2, int(panel_width // 62)))
            limits = common if shared_y else limits_of(Panel(series, y, lines))
            set_axis(axes, y, limits, vertical=True, most=max(2, panel_height // 40))
            marks += draw_panel(
                axes, series, lines, x, y, MOST_POINTS_OF_MANY if len(panels) > 1 else MOST_POINTS
            )
            axes.set_title(name, fontsize=11.5, loc="left", pad=4)
            has_below = number + columns < len(panels)
            axes.tick_params(labelbottom=not has_below, labelleft=not shared_y or column == 0)
            x_label, y_label = axes.get_xlabel(), axes.get_ylabel()
            axes.set_xlabel("")
            axes.set_ylabel("")
        if panels:
            middle = (left + (WIDTH - right)) / 2 / WIDTH
            figure.text(middle, 8 / height, x_label, ha="center", va="bottom")
            inner = (bottom + height - top) / 2 / height
            figure.text(14 / WIDTH, inner, y_label, ha="center", va="center", rotation=90)
        draw_legend(figure, entries)
        svg = to_svg(figure, _description(title, x, [y], panels), marks=marks, title=title)
    return Figure(title, svg, caption)


def _description(title: str, x: Axis, ys: Sequence[Axis], panels: Mapping[str, object] | None = None) -> str:
    """Say in words what is drawn."""
    what = " and ".join(dict.fromkeys(y.label for y in ys))
    parts = f", one panel each for {', '.join(panels)}" if panels and len(panels) > 1 else ""
    return f"{title}: {what} against {x.label}{parts}"
