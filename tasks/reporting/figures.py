"""The figures of the report: images with their scale, and the residual's mean against time."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, ScalarFormatter

from tasks.reporting.raster import Stretch, colour_bar_png, image_png
from tasks.reporting.svg import GENERATION, VERIFICATION, WARN, Pixels, new_figure, to_svg
from tasks.reporting.times import day_panels
from tasks.verification.model import ExposureGroup

__all__ = ["MeanPoint", "image_figure", "mean_against_time", "mosaic_image"]

_IMAGE_WIDTH = 470
_MARGIN_LEFT, _MARGIN_RIGHT, _MARGIN_TOP, _MARGIN_BOTTOM = 62, 104, 10, 48
_BAR_GAP, _BAR_WIDTH = 12, 14

_TIME_WIDTH, _TIME_HEIGHT = 980, 300

_LOOKS: dict[ExposureGroup, dict[str, Any]] = {
    ExposureGroup.GENERATION: {"marker": "o", "color": GENERATION, "markersize": 6.5},
    ExposureGroup.VERIFICATION: {
        "marker": "D",
        "color": VERIFICATION,
        "markersize": 7.0,
        "markerfacecolor": "none",
    },
}
"""Colours of Okabe and Ito, and two shapes, one filled and one open."""


@dataclass(frozen=True, slots=True)
class MeanPoint:
    """Residual mean of one exposure, over the detectors."""

    exposure: int
    group: ExposureGroup
    day_obs: int
    observed_mjd: float
    """Mid-time (TAI, MJD)."""
    mean: float
    """Median over the detectors; NaN when nothing is known."""
    low: float
    high: float
    """Range of what it stands for: the amplifiers of one detector, or the detectors."""
    fails: bool
    """Whether any test that no waiver covers fails in this exposure."""


def image_figure(
    image: npt.NDArray[np.float32], *, binning: int, unit: str, stretch: Stretch, description: str
) -> Markup:
    """Draw an image with axes in detector pixels and a colour bar.

    Parameters
    ----------
    image
        Binned image, shape (ny, nx), in ``unit``.
    binning
        Side of a block (pixel).
    unit
        Unit of the colour bar; empty for a ratio.
    stretch
        Values at the ends of the colour bar.
    description
        What is shown, for those who cannot see it.
    """
    return _image(image, binning, unit, stretch, description)


def mosaic_image(image: npt.NDArray[np.float32], *, unit: str, stretch: Stretch, description: str) -> Markup:
    """Draw a picture of the focal plane, which has a colour bar but no axes; parameters as `image_figure`."""
    return _image(image, None, unit, stretch, description)


def _image(
    image: npt.NDArray[np.float32], binning: int | None, unit: str, stretch: Stretch, description: str
) -> Markup:
    """Draw an image, with axes when the side of its blocks is known."""
    ny, nx = image.shape
    left_margin, bottom_margin = (_MARGIN_LEFT, _MARGIN_BOTTOM) if binning else (_MARGIN_TOP, _MARGIN_TOP)
    plot_width = _IMAGE_WIDTH - left_margin - _MARGIN_RIGHT
    plot_height = round(plot_width * min(max(ny / nx, 0.4), 1.6))
    width, height = _IMAGE_WIDTH, plot_height + _MARGIN_TOP + bottom_margin
    with new_figure(width, height) as figure:
        bottom, tall = bottom_margin / height, plot_height / height
        axes = figure.add_axes((left_margin / width, bottom, plot_width / width, tall))
        axes.patch.set_visible(False)
        if binning:
            axes.set(xlim=(0, nx * binning), ylim=(0, ny * binning), xlabel="x (pixel)", ylabel="y (pixel)")
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_locator(MaxNLocator(5, integer=True, steps=[1, 2, 5, 10]))
        else:
            axes.set_axis_off()
        left = (left_margin + plot_width + _BAR_GAP) / width
        bar = figure.add_axes((left, bottom, _BAR_WIDTH / width, tall))
        _draw_bar(bar, stretch, unit)
        pixels = [Pixels(axes, image_png(image, stretch), nx), Pixels(bar, colour_bar_png(stretch), 1)]
        return to_svg(figure, description, pixels)


def _draw_bar(bar: Axes, stretch: Stretch, unit: str) -> None:
    bar.patch.set_visible(False)
    bar.set(xlim=(0, 1), ylim=(stretch.low, stretch.high), xticks=[])
    bar.yaxis.tick_right()
    bar.yaxis.set_label_position("right")
    bar.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
    bar.yaxis.set_major_formatter(_plain_numbers())
    bar.set_ylabel(unit or "ratio")


def mean_against_time(points: Sequence[MeanPoint], *, quantity: str, unit: str, description: str) -> Markup:
    """Draw the residual's mean against time, one panel per stretch of days.

    Parameters
    ----------
    points
        One per exposure.
    quantity, unit
        What is drawn, for the axis.
    description
        What is shown, for those who cannot see it.
    """
    panels = day_panels([(point.day_obs, point.observed_mjd) for point in points])
    with new_figure(_TIME_WIDTH, _TIME_HEIGHT) as figure:
        figure.subplots_adjust(left=0.085, right=0.99, top=0.86, bottom=0.2, wspace=0.05)
        grid = figure.add_gridspec(1, len(panels), width_ratios=[panel.width for panel in panels])
        first: Axes | None = None
        for number, panel in enumerate(panels):
            axes = figure.add_subplot(grid[0, number], sharey=first)
            first = first or axes
            _draw_panel(axes, [point for point in points if panel.shows(point.observed_mjd)])
            axes.set_title(panel.title, fontsize=11.5, loc="left", pad=8)
            low, high = panel.limits
            axes.set_xlim(low, high)
            axes.set_xticks(panel.ticks, panel.labels)
            axes.tick_params(axis="y", labelleft=number == 0, left=number == 0)
        if first is not None:
            first.set_ylabel(f"{quantity} ({unit})" if unit else quantity)
            first.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
            first.yaxis.set_major_formatter(_plain_numbers())
        figure.supxlabel("middle of the exposure (TAI)", fontsize=12, y=0.025)
        return to_svg(figure, description)


def _draw_panel(axes: Axes, points: Sequence[MeanPoint]) -> None:
    """Draw the points of one panel: range, marker, and a ring around what fails."""
    axes.patch.set_visible(False)
    axes.grid(axis="y")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for group, look in _LOOKS.items():
        chosen = [point for point in points if point.group is group and math.isfinite(point.mean)]
        times = [point.observed_mjd for point in chosen]
        axes.vlines(
            times,
            [p.low for p in chosen],
            [p.high for p in chosen],
            color=look["color"],
            linewidth=1,
            alpha=0.45,
        )
        axes.plot(times, [p.mean for p in chosen], linestyle="none", markeredgewidth=1.6, **look)
    failing = [point for point in points if point.fails and math.isfinite(point.mean)]
    axes.plot(
        [point.observed_mjd for point in failing],
        [point.mean for point in failing],
        linestyle="none",
        marker="o",
        markersize=14,
        markerfacecolor="none",
        markeredgecolor=WARN,
        markeredgewidth=1.4,
    )


def _plain_numbers() -> ScalarFormatter:
    formatter = ScalarFormatter(useOffset=False, useMathText=False)
    formatter.set_powerlimits((-4, 6))
    return formatter
