"""The figures of a map of defects: where they lie and how many there are, by reason."""

import numpy as np
import numpy.typing as npt
from astropy.table import Table

from infra.errors import UsageError
from infra.instruments import camera
from infra.instruments.layout import DetectorLayout
from tasks.combine.image_layout import layout_of_image
from tasks.defects.run.header import HEIGHT_CARD, WIDTH_CARD
from tasks.defects.steps.model import DefectReason, from_defects
from tasks.defects.steps.tables import defects_from_table
from tasks.reporting.figure import Figure
from tasks.reporting.plots import Axis, Cells, bar_chart, category_map

__all__ = ["figures", "kinds_of"]

_LARGEST_SIDE = 580
"""Blocks along the longer side of the drawn map."""

_KINDS: tuple[tuple[str, DefectReason], ...] = (
    ("hot", DefectReason.HOT),
    ("cold", DefectReason.COLD),
    ("column", DefectReason.COLUMN),
    ("saturated", DefectReason.SATURATED),
    ("edge", DefectReason.EDGE),
    ("dead or unknown", DefectReason.DEAD | DefectReason.UNKNOWN),
    ("manual or vampire", DefectReason.MANUAL | DefectReason.VAMPIRE),
)
"""Names in the legends, with the reasons they stand for."""

_ORDER = (6, 3, 5, 4, 7, 1, 2)
"""Kinds as a pixel takes its own from several reasons: the broadest first; but the edge only alone."""

_SEEN = (5, 6, 7, 4, 3, 2, 1)
"""Kinds as a block of pixels shows one of several, the last here: single pixels before what is large."""


def figures(table: Table) -> tuple[Figure, ...]:
    """Draw a map of defects.

    Parameters
    ----------
    table
        As the task wrote it, in either form.

    Returns
    -------
    figures
        The map by reason, and the number of pixels of each amplifier by reason.
    """
    layout = _layout(table)
    reasons = from_defects(defects_from_table(table), layout.image_shape)
    kinds = kinds_of(reasons)
    return _map(kinds, float(np.count_nonzero(reasons)) / reasons.size), _counts(kinds, layout)


def kinds_of(reasons: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint8]:
    """Give each pixel one kind: 0 for none, else 1 plus the place in the legend.

    Parameters
    ----------
    reasons
        `DefectReason` bits, shape (ny, nx).
    """
    kinds = np.zeros(reasons.shape, np.uint8)
    # The edge comes first, so that anything else found there takes its place.
    for code in (5, *reversed([one for one in _ORDER if one != 5])):
        kinds[reasons & np.uint16(_KINDS[code - 1][1]) != 0] = code
    return kinds


def _layout(table: Table) -> DetectorLayout:
    """Layout of the detector, of full size when the table does not say which the image had."""
    try:
        instrument, detector = str(table.meta["INSTRUME"]), int(table.meta["DETECTOR"])
    except KeyError as missing:
        raise UsageError(
            f"a table of defects has no card {missing}", "draw one that calprod or ip_isr wrote"
        ) from None
    if WIDTH_CARD not in table.meta:
        return camera(instrument).detector(detector).layout()
    return layout_of_image(instrument, detector, (int(table.meta[HEIGHT_CARD]), int(table.meta[WIDTH_CARD])))


def _map(kinds: npt.NDArray[np.uint8], fraction: float) -> Figure:
    """Draw the map, several pixels to a block where there are many."""
    side = max(1, -(-max(kinds.shape) // _LARGEST_SIDE))
    block = f" Each block of {side} × {side} pixels shows one of its defects." if side > 1 else ""
    return category_map(
        "Defects by reason",
        _binned(kinds, side),
        [name for name, _ in _KINDS],
        Cells("x", unit="pixel", first=(side - 1) / 2, step=side),
        Cells("y", unit="pixel", first=(side - 1) / 2, step=side),
        caption=f"{100 * fraction:.3g} % of the pixels are defects.{block}",
    )


def _binned(kinds: npt.NDArray[np.uint8], side: int) -> npt.NDArray[np.uint8]:
    """Reduce blocks of pixels to the kind that is seen of several."""
    rank = np.zeros(len(_KINDS) + 1, np.uint8)
    code = np.zeros(len(_KINDS) + 1, np.uint8)
    for place, kind in enumerate(_SEEN, start=1):
        rank[kind], code[place] = place, kind
    ny, nx = (-(-size // side) for size in kinds.shape)
    padded = np.zeros((ny * side, nx * side), np.uint8)
    padded[: kinds.shape[0], : kinds.shape[1]] = rank[kinds]
    return np.asarray(code[padded.reshape(ny, side, nx, side).max(axis=(1, 3))])


def _counts(kinds: npt.NDArray[np.uint8], layout: DetectorLayout) -> Figure:
    """Draw the number of pixels of each amplifier by reason, without the edges, which all have."""
    numbers = np.array(
        [np.bincount(kinds[one.image_box.slices].ravel(), minlength=8) for one in layout.amplifiers]
    )
    series = {
        name: numbers[:, code].astype(np.float64)
        for code, (name, _) in enumerate(_KINDS, start=1)
        if name != "edge" and numbers[:, code].any()
    }
    return bar_chart(
        "Defects of each amplifier by reason",
        [one.name for one in layout.amplifiers],
        series,
        Axis("amplifier"),
        Axis("defects", "pixel", whole=True),
        caption="Without what is only at the edge. A pixel is counted once, by its broadest reason.",
    )
