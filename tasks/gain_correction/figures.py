"""The figures of a correction of the gains: the factors, and the ratio of the flats before and after."""

import numpy as np
import numpy.typing as npt
from astropy.table import Table

from infra.errors import UsageError
from infra.instruments import camera
from infra.instruments.layout import DetectorLayout
from tasks.gain_correction.algorithm import GainCorrection, from_table
from tasks.gain_correction.solution.model import MAP_SHAPE
from tasks.reporting.figure import Figure
from tasks.reporting.plots import Axis, Cells, bar_chart, heat_map

__all__ = ["figures"]


def figures(table: Table) -> tuple[Figure, ...]:
    """Draw a correction of the gains.

    Parameters
    ----------
    table
        As the task wrote it.

    Returns
    -------
    figures
        The change of each amplifier; the ratio of the two flats over the detector, before and after, where
        the camera is known.
    """
    correction = from_table(table)
    return (_changes(correction), *_pictures(correction, table))


def _changes(correction: GainCorrection) -> Figure:
    """Draw by how much each amplifier has moved (%)."""
    left_out = "; ".join(f"{name}: {reason}" for name, reason in correction.reasons.items())
    errors = [one.error for one in correction.amplifiers if np.isfinite(one.error)]
    typical = f" Typical error {100 * float(np.median(errors)):.2g} %." if errors else ""
    return bar_chart(
        "Change of each amplifier",
        [one.name for one in correction.amplifiers],
        {"": [100.0 * (one.adjustment - 1.0) for one in correction.amplifiers]},
        Axis("amplifier"),
        Axis("signal against the flat in use", "%"),
        caption=f"Data are divided by it.{typical}" + (f" Not corrected: {left_out}." if left_out else ""),
    )


def _pictures(correction: GainCorrection, table: Table) -> tuple[Figure, ...]:
    """Draw the ratio of the flats over the detector, before and after the correction (%)."""
    try:
        layout = camera(str(table.meta["INSTRUME"])).detector(int(table.meta["DETECTOR"])).layout()
    except (KeyError, UsageError):
        return ()
    before = _mosaic(layout, {one.name: one.picture for one in correction.amplifiers})
    after = _mosaic(layout, {one.name: one.picture / one.adjustment for one in correction.amplifiers})
    if not np.isfinite(before).any():
        return ()
    spread = float(np.nanmax(np.abs(before))) or 1.0
    drawn = []
    for title, picture in (("Ratio of the flats", before), ("Ratio of the flats, corrected", after)):
        x, y = Cells("x", unit="part of an amplifier"), Cells("y", unit="part of an amplifier")
        drawn.append(
            heat_map(
                title,
                picture,
                x,
                y,
                quantity="ratio − 1",
                unit="%",
                centre=0.0,
                limits=(-spread, spread),
                caption=f"New flat over the flat in use, {MAP_SHAPE[0]} × {MAP_SHAPE[1]} parts an amplifier.",
            )
        )
    return tuple(drawn)


def _mosaic(layout: DetectorLayout, pictures: dict[str, npt.NDArray[np.float32]]) -> npt.NDArray[np.float64]:
    """Put the amplifiers' pictures side by side, less 1 (%)."""
    places = {
        one.name: (one.image_box.y0 // one.image_box.height, one.image_box.x0 // one.image_box.width)
        for one in layout.amplifiers
    }
    rows, columns = (1 + max(place[axis] for place in places.values()) for axis in (0, 1))
    height, width = MAP_SHAPE
    mosaic = np.full((rows * height, columns * width), np.nan)
    for name, picture in pictures.items():
        if name in places:
            i, j = places[name]
            mosaic[i * height : (i + 1) * height, j * width : (j + 1) * width] = picture
    return 100.0 * (mosaic - 1.0)
