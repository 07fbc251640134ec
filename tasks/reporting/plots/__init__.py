"""Plots for the figures of a calibration: points, lines, panels of amplifiers, matrices, maps and bars.

Each function returns a `Figure`, whose SVG takes its colours and letters from the page, light or dark, and is
small: points are one path, images a PNG with a palette. A figure names its quantities with their units.
"""

from tasks.reporting.figure import Figure
from tasks.reporting.plots.axes import Axis
from tasks.reporting.plots.bars import bar_chart
from tasks.reporting.plots.maps import Cells, category_map, heat_map
from tasks.reporting.plots.model import Line, Panel, Series
from tasks.reporting.plots.panels import panel_plot, scatter_plot, small_multiples

__all__ = [
    "Axis",
    "Cells",
    "Figure",
    "Line",
    "Panel",
    "Series",
    "bar_chart",
    "category_map",
    "heat_map",
    "panel_plot",
    "scatter_plot",
    "small_multiples",
]
