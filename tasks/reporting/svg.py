"""Matplotlib figures as inline SVG that takes its colours and letters from the page.

The axes are drawn by Matplotlib; pixels are put under them as PNG files with a palette, smaller than those
Matplotlib embeds. Text stays text, in the letters of the page, and what is drawn in one of the inks below
takes the colour of the theme, light or dark.
"""

import hashlib
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Any, cast

import matplotlib
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from tasks.reporting.marks import Marks, mark_path
from tasks.reporting.raster import data_uri

__all__ = ["GENERATION", "INK", "SERIES", "SOFT", "VERIFICATION", "WARN", "Pixels"]
__all__ += ["new_figure", "to_svg"]

INK = "#010203"
"""Text and axes."""
SOFT = "#040506"
"""Lines that help the eye."""
GENERATION = "#010204"
"""Generation exposures."""
VERIFICATION = "#010205"
"""Verification exposures."""
WARN = "#010206"
"""What fails."""

SERIES = tuple(f"#0102{10 + number:02x}" for number in range(7))
"""Colours of the lines and points of one plot, told apart by eyes of any colour vision."""

_VARIABLES = {
    INK: "currentColor",
    SOFT: "var(--line)",
    GENERATION: "var(--generation)",
    VERIFICATION: "var(--verification)",
    WARN: "var(--bad)",
    **{colour: f"var(--series-{number})" for number, colour in enumerate(SERIES)},
}

_STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "calprod",  # the same report twice is the same bytes
    "font.family": "sans-serif",
    "font.size": 12.0,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.labelpad": 6.0,
    "axes.formatter.useoffset": False,
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 11.0,
    "ytick.labelsize": 11.0,
    "xtick.major.width": 0.8,
    "ytick.major.width": 0.8,
    "grid.color": SOFT,
    "grid.linewidth": 0.8,
}

_ONE_AT_A_TIME = Lock()
"""Matplotlib's settings belong to the process."""


@dataclass(frozen=True, slots=True)
class Pixels:
    """A PNG that fills the axes it belongs to."""

    axes: Axes
    png: bytes
    columns: int
    """Columns of the image; one that must be enlarged keeps its blocks sharp."""


@contextmanager
def new_figure(width: int, height: int) -> Iterator[Figure]:
    """Give a figure of ``width`` x ``height`` CSS pixels, drawn and saved within the block."""
    with _ONE_AT_A_TIME, matplotlib.rc_context(cast("Any", _STYLE)):
        figure = Figure(figsize=(width / 72, height / 72), dpi=72)
        FigureCanvasSVG(figure)
        figure.patch.set_visible(False)
        yield figure


def to_svg(
    figure: Figure,
    description: str,
    pixels: Sequence[Pixels] = (),
    *,
    marks: Sequence[Marks] = (),
    title: str = "",
) -> Markup:
    """Return the figure as an SVG element for a page.

    Parameters
    ----------
    figure
        A figure of `new_figure`, still within its block.
    description
        What it shows, for those who cannot see it.
    pixels
        PNG files and the axes they fill.
    marks
        Points, drawn over all else.
    title
        Its name, for those who cannot see it, besides the description.
    """
    buffer = io.StringIO()
    nothing = {"Date": None, "Creator": None, "Format": None, "Type": None}
    figure.savefig(buffer, format="svg", metadata=nothing, transparent=True)
    text = buffer.getvalue()
    body = text[text.index(">", text.index("<svg")) + 1 : text.rindex("</svg>")]
    body = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>|<style.*?</style>", "", body, flags=re.DOTALL)
    body = re.sub(r" transform=\"rotate\(-0 [^)]*\)\"|font-family: [^;]*; ", "", body)
    body += "".join(mark_path(one, 72 * figure.get_size_inches()[1]) for one in marks)
    for colour, variable in _VARIABLES.items():
        body = body.replace(colour, variable)
    width, height = (round(72 * side) for side in figure.get_size_inches())
    images = "".join(_image(one, height) for one in pixels)
    head = (
        f'<svg class="figure" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
        f'aria-label="{escape(title or description)}">'
    )
    if title:
        head += f"<desc>{escape(description)}</desc>"
    # Everything in it is Matplotlib's own XML, whose writer escapes text, or ours.
    return Markup(head + images + _own_names(body, description) + "</svg>")


def _image(pixels: Pixels, height: int) -> str:
    box = pixels.axes.get_window_extent()
    sharp = ' style="image-rendering:pixelated"' if pixels.columns < box.width else ""
    return (
        f'<image x="{box.x0:.2f}" y="{height - box.y1:.2f}" '
        f'width="{box.width:.2f}" height="{box.height:.2f}" '
        f'preserveAspectRatio="none"{sharp} href="{data_uri(pixels.png)}"/>'
    )


def _own_names(body: str, description: str) -> str:
    """Make the identifiers of one figure differ from those of another on the same page."""
    prefix = "f" + hashlib.sha256((description + body).encode()).hexdigest()[:8]
    body = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}-\1"', body)
    return re.sub(r'(url\(#|href="#)', rf"\1{prefix}-", body)
