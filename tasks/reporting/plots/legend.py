"""The legend above the panels of a plot."""

from collections.abc import Sequence

from matplotlib.figure import Figure as MatplotlibFigure
from matplotlib.lines import Line2D

from tasks.reporting.plots.model import Line, Series
from tasks.reporting.svg import INK, WARN

__all__ = ["LEGEND_ROW", "Entry", "draw_legend", "legend_entries", "legend_rows"]

LEGEND_ROW = 24
"""Height of a row (CSS pixel)."""

type Entry = tuple[str, str, str, bool]
"""Label, colour, shape or style, whether it is a point."""


def legend_entries(series: Sequence[Sequence[Series]], lines: Sequence[Sequence[Line]]) -> list[Entry]:
    """Return one entry for each name."""
    found: dict[str, Entry] = {}
    for one in (one for part in series for one in part if one.label):
        points = one.style == "points"
        found.setdefault(one.label, (one.label, one.ink, one.shape if points else one.style, points))
    for line in (line for part in lines for line in part if line.label):
        found.setdefault(
            line.label, (line.label, WARN if line.warn else INK, "dashed" if line.warn else "line", False)
        )
    return list(found.values())


def legend_rows(entries: Sequence[Entry], width: int) -> int:
    """Return how many rows the legend needs."""
    return -(-len(entries) // _legend_columns(entries, width)) if entries else 0


def _legend_columns(entries: Sequence[Entry], width: float) -> int:
    longest = max((len(entry[0]) for entry in entries), default=1)
    return max(1, min(len(entries), int(width // (62 + 7 * longest))))


def draw_legend(figure: MatplotlibFigure, entries: Sequence[Entry]) -> None:
    """Draw the legend above all panels."""
    if not entries:
        return
    markers = {"dot": "o", "square": "s", "ring": "o", "cross": "x"}
    handles = []
    for label, ink, look, points in entries:
        if points:
            face = "none" if look == "ring" else ink
            handle = Line2D(
                [], [], color=ink, linestyle="none", marker=markers[look], markersize=5, markerfacecolor=face
            )
        else:
            handle = Line2D(
                [], [], color=ink, linewidth=1.5, linestyle=(0, (4, 2)) if look == "dashed" else "-"
            )
        handle.set_label(label)
        handles.append(handle)
    width, height = figure.get_size_inches() * 72
    figure.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(76 / width, 1 - 2 / height),
        ncols=_legend_columns(entries, width),
        frameon=False,
        fontsize=11.5,
        handlelength=1.8,
        columnspacing=1.6,
        borderpad=0,
        borderaxespad=0,
        labelspacing=0.55,
    )
