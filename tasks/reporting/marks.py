"""Points of a plot as one short SVG path."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

__all__ = ["Marks", "Shape", "mark_path"]

type Shape = Literal["dot", "square", "ring", "cross", "bar"]
"""How a point is drawn; of a ``bar`` every two points make one."""


@dataclass(frozen=True, slots=True, eq=False)
class Marks:
    """Points over the axes they belong to: one short path, where Matplotlib writes an element for each."""

    axes: Axes
    x: npt.NDArray[np.float64]
    y: npt.NDArray[np.float64]
    """Places in the data's own units, shape (n,); those outside the axes are left out."""
    colour: str
    """One of the inks."""
    shape: Shape = "dot"
    size: float = 4.5
    """Diameter (CSS pixel); of a bar its width."""


def mark_path(marks: Marks, height: float) -> str:
    """Return points as one SVG path, rounded to a tenth of a CSS pixel; empty when none is within the axes.

    Parameters
    ----------
    marks
        The points.
    height
        Height of the figure (CSS pixel).
    """
    places = marks.axes.transData.transform(np.column_stack([marks.x, marks.y]))
    box, half = marks.axes.get_window_extent(), marks.size / 2
    if marks.shape == "bar":
        places[:, 1] = np.clip(places[:, 1], box.y0, box.y1)
    inside = np.isfinite(places).all(axis=1)
    inside &= (places[:, 0] >= box.x0 - 0.5) & (places[:, 0] <= box.x1 + 0.5)
    inside &= (places[:, 1] >= box.y0 - 0.5) & (places[:, 1] <= box.y1 + 0.5)
    if marks.shape == "bar":  # both ends or none
        inside = np.repeat(inside[::2] & inside[1::2], 2)
    points = [(f"{x:.1f}", f"{height - y:.1f}") for x, y in places[inside]]
    if not points:
        return ""
    stroke = f'fill="none" stroke="{marks.colour}"'
    if marks.shape == "bar":
        bars = zip(points[::2], points[1::2], strict=True)
        path = "".join(f"M{x} {low}V{high}" for (x, low), (_, high) in bars)
        return f'<path class="bars" d="{path}" {stroke} stroke-width="{marks.size:g}"/>'
    if marks.shape == "ring":
        arc = f"a{half:g} {half:g} 0 1 0 {marks.size:g} 0a{half:g} {half:g} 0 1 0 -{marks.size:g} 0"
        path = "".join(f"M{x} {y}m-{half:g} 0{arc}" for x, y in points)
        return f'<path class="points" d="{path}" {stroke} stroke-width="1.2"/>'
    if marks.shape == "cross":
        side = f"{marks.size:g}"
        arms = f"m-{half:g} -{half:g}l{side} {side}m0 -{side}l-{side} {side}"
        path = "".join(f"M{x} {y}{arms}" for x, y in points)
        return f'<path class="points" d="{path}" {stroke} stroke-width="1.4"/>'
    cap = "round" if marks.shape == "dot" else "square"
    path = "".join(f"M{x} {y}h0" for x, y in points)
    width = marks.size if marks.shape == "dot" else 0.85 * marks.size
    return f'<path class="points" d="{path}" {stroke} stroke-width="{width:g}" stroke-linecap="{cap}"/>'
