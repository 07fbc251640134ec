"""Drawing points and lines into one panel."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from tasks.reporting.marks import Marks
from tasks.reporting.plots.axes import Axis, finite_pairs, shared_limits, thinned
from tasks.reporting.plots.model import Line, Panel, Series
from tasks.reporting.svg import INK, WARN

__all__ = ["MOST_POINTS", "MOST_POINTS_OF_MANY", "draw_panel", "limits_of"]

MOST_POINTS = 600
"""Points of one series in a plot of one panel."""
MOST_POINTS_OF_MANY = 160
"""Points of one series in each of many panels."""


def limits_of(panel: Panel) -> tuple[float, float]:
    """Return the vertical ends of a panel, so that points with their errors and limits lie within."""
    values = []
    for one in panel.series:
        y = np.asarray(one.y, np.float64)
        error = np.zeros(y.shape) if one.error is None else np.nan_to_num(np.asarray(one.error, np.float64))
        values += [y - error, y + error]
    values += [np.array([line.at]) for line in panel.lines if not line.vertical]
    return shared_limits(panel.y, values)


def draw_panel(
    axes: Axes, series: Sequence[Series], lines: Sequence[Line], x: Axis, y: Axis, most: int
) -> list[Marks]:
    """Draw lines into a panel; return its points, which are drawn over everything."""
    axes.patch.set_visible(False)
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for line in lines:
        draw = axes.axvline if line.vertical else axes.axhline
        draw(
            line.at,
            color=WARN if line.warn else INK,
            linewidth=1.1,
            linestyle=(0, (5, 3)) if line.warn else "-",
        )
    marks: list[Marks] = []
    for one in series:
        error = np.full(np.shape(np.asarray(one.y)), np.nan) if one.error is None else one.error
        xs, ys, errors = finite_pairs(one.x, one.y, error)
        drawable = (xs > 0 if x.log else True) & (ys > 0 if y.log else np.ones(xs.shape, bool))
        xs, ys, errors = xs[drawable], ys[drawable], errors[drawable]
        if one.style != "points":
            dashes = (0, (5, 3)) if one.style == "dashed" else "-"
            steps = "steps-mid" if one.style == "steps" else "default"
            axes.plot(xs, ys, color=one.ink, linewidth=1.5, linestyle=dashes, drawstyle=steps)
            continue
        scaled = (np.log10(xs) if x.log else xs, np.log10(ys) if y.log else ys)
        chosen = thinned(*scaled, most) if xs.size else np.arange(0)
        xs, ys, errors = xs[chosen], ys[chosen], errors[chosen]
        barred = np.isfinite(errors)
        if barred.any():
            ends = np.stack([ys[barred] - errors[barred], ys[barred] + errors[barred]], axis=1).ravel()
            low = shared_limits(y, [ys])[0]
            ends = np.where(ends > 0, ends, low) if y.log else ends
            marks.append(Marks(axes, np.repeat(xs[barred], 2), ends, one.ink, "bar", 1.0))
        size = 4.5 if most > MOST_POINTS_OF_MANY else 3.6
        marks.append(Marks(axes, xs, ys, one.ink, one.shape, size))
    return marks
