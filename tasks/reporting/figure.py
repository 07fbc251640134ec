"""One figure of a report, drawn."""

from dataclasses import dataclass

from markupsafe import Markup

__all__ = ["Figure"]


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of a report."""

    title: str
    """What it shows, such as ``Variance against mean``."""
    svg: Markup
    """The drawing, with a description for those who cannot see it."""
    caption: str = ""
    """What a reader must know to understand it; plain text."""
    is_wide: bool = True
    """Whether it takes the whole width of the page; others may stand side by side."""
