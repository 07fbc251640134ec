"""The figures of the light over the focal plane, that flats of many detectors were freed of."""

import numpy as np
import numpy.typing as npt
from astropy.table import Table

from infra.instruments.focal_plane import RAFT_PITCH
from tasks.flat.gradient.table import gradient_from_table
from tasks.isr.akima import interpolate_akima
from tasks.reporting.figure import Figure
from tasks.reporting.plots import Axis, Cells, Line, Panel, Series, heat_map, panel_plot

__all__ = ["figures"]

type FloatArray = npt.NDArray[np.float64]

PITCH = RAFT_PITCH / 3
"""Side of a cell of the maps (mm): one sensor."""


def figures(table: Table) -> tuple[Figure, ...]:
    """Draw a flatGradient.

    Parameters
    ----------
    table
        As the task wrote it, or Rubin's ip_isr.

    Returns
    -------
    figures
        Levels of the detectors over the focal plane, what the fit leaves of them, and the radial profile with
        the fit. Of a table without what calprod keeps beside ip_isr's columns only the last.
    """
    drawn = []
    if "DETECTOR_LEVELS" in table.colnames:
        drawn += [
            _map(table, "Levels of the detectors", "DETECTOR_LEVELS", 1.0, "level", ""),
            _map(table, "Detectors against the fit", "DETECTOR_RESIDUALS", 100.0, "level / fit − 1", "%"),
        ]
    return (*drawn, _profile(table))


def _column(table: Table, name: str) -> FloatArray:
    return np.ravel(np.asarray(table[name][0], np.float64))


def _map(table: Table, title: str, name: str, factor: float, quantity: str, unit: str) -> Figure:
    """One cell for each detector, where it stands."""
    x, y, values = (_column(table, key) for key in ("DETECTOR_X", "DETECTOR_Y", name))
    column, row = (np.rint(side / PITCH).astype(int) for side in (x, y))
    cells = np.full((np.ptp(row) + 1, np.ptp(column) + 1), np.nan)
    cells[row - row.min(), column - column.min()] = factor * values
    gradient = gradient_from_table(table)
    falls = " and ".join(
        f"{1e4 * one:+.3g} % towards larger {axis}" for axis, one in zip("xy", gradient.slope, strict=True)
    )
    captions = {
        "DETECTOR_LEVELS": "Median of each flat before the light of the screen is taken out, which falls by "
        f"{falls} in 100 mm.",
        "DETECTOR_RESIDUALS": "What radial profile, slope and make of the sensor do not explain: the "
        "response of each detector beside its neighbours.",
    }
    return heat_map(
        title,
        cells,
        Cells("x", unit="mm", first=float(column.min() * PITCH), step=PITCH),
        Cells("y", unit="mm", first=float(row.min() * PITCH), step=PITCH),
        quantity=quantity,
        unit=unit,
        centre=0.0 if unit else None,
        caption=captions[name],
    )


def _profile(table: Table) -> Figure:
    """Signal over radius with the spline, and what it leaves."""
    gradient = gradient_from_table(table)
    radius = np.linspace(gradient.nodes[0], gradient.nodes[-1], 200)
    fit = Series(radius, interpolate_akima(radius, gradient.nodes, gradient.values), "fit", "line", 0)
    ratio = gradient.itl_ratio
    makers = "" if ratio == 1.0 else f"As E2V sensors show it; ITL sensors show {ratio:.4g} of that."
    series = [fit, Series(gradient.nodes, gradient.values, "nodes", "points", 1)]
    panels = [Panel(series, Axis("signal"), (), 300)]
    if "PROFILE_RADIUS" in table.colnames:
        rings, values, scatter = (
            _column(table, f"PROFILE_{name}") for name in ("RADIUS", "VALUES", "SCATTER")
        )
        series.insert(1, Series(rings, values, "bins", "points", 0, error=scatter))
        expected = interpolate_akima(rings, gradient.nodes, gradient.values)
        with np.errstate(divide="ignore", invalid="ignore"):
            left = 100.0 * (values / expected - 1.0)
        residual = Series(rings, left, "", "points", 0)
        panels.append(Panel((residual,), Axis("bins / fit − 1", "%"), (Line(0.0, warn=False),), 170))
    return panel_plot(
        "Signal over the distance from the middle",
        panels,
        Axis("distance from the middle", "mm"),
        caption=f"Medians of rings without the slope; bars are the scatter within a ring. {makers}".strip(),
    )
