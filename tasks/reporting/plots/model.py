"""What is drawn in a plot: points and lines, limits, panels."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy.typing as npt

from tasks.reporting.marks import Shape
from tasks.reporting.plots.axes import Axis
from tasks.reporting.svg import SERIES, WARN

__all__ = ["Line", "Panel", "Series"]


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Points or a line, of one colour."""

    x: npt.ArrayLike
    """Shape (n,), in the unit of the horizontal axis; places that are not finite are left out."""
    y: npt.ArrayLike
    """Shape (n,), in the unit of the vertical axis."""
    label: str = ""
    """Name in the legend; series of one name have one entry."""
    style: Literal["points", "line", "dashed", "steps"] = "points"
    """How it is drawn; ``steps`` is level about each x."""
    colour: int = 0
    """Number of the colour, from 0."""
    shape: Shape = "dot"
    """Shape of the points; ``cross`` for what is left out of a fit."""
    error: npt.ArrayLike | None = None
    """Standard error of y, shape (n,), drawn as bars."""
    warn: bool = False
    """Whether it has the colour of what fails."""

    @property
    def ink(self) -> str:
        """Colour it is drawn in."""
        return WARN if self.warn else SERIES[self.colour % len(SERIES)]


@dataclass(frozen=True, slots=True)
class Line:
    """A straight line over the whole panel, such as a limit."""

    at: float
    """Where it crosses its axis, in the unit of that."""
    label: str = ""
    """Name in the legend."""
    vertical: bool = False
    """Whether it stands, at an x."""
    warn: bool = True
    """Whether it is a limit; others, such as zero, are faint."""


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """One panel of several over one horizontal axis."""

    series: Sequence[Series]
    y: Axis
    lines: Sequence[Line] = ()
    height: int = 300
    """Height (CSS pixel)."""
