"""The figures of an electrostatic model: its shifts, and how well it follows what it was fitted to."""

import numpy as np
import numpy.typing as npt
from astropy.table import Table

from tasks.brighter_fatter.electrostatic.table import StoredDistortion, from_table
from tasks.reporting.figure import Figure
from tasks.reporting.plots import Axis, Cells, Line, Panel, Series, heat_map, panel_plot

__all__ = ["figures"]

type FloatArray = npt.NDArray[np.float64]

_DIRECTIONS = {"serial": 0, "parallel": 1}
"""Axis of the matrices along which a lag grows."""


def figures(table: Table) -> tuple[Figure, ...]:
    """Draw an electrostatic model.

    Parameters
    ----------
    table
        As the task wrote it (dataset type electroBfDistortionMatrix).

    Returns
    -------
    figures
        Area changes along both axes, measured and modelled; their differences as a map; the shifts of upper
        and right boundaries.
    """
    stored = from_table(table)
    return (_profiles(stored), _pulls(stored), _shifts(stored))


def _profiles(stored: StoredDistortion) -> Figure:
    n = stored.modelled.shape[0]
    error = stored.scatter / np.sqrt(np.maximum(stored.n_used, 1))
    lags = np.arange(1, n, dtype=np.float64)
    panels = []
    for name, axis in _DIRECTIONS.items():
        along = (slice(1, n), 0) if axis == 0 else (0, slice(1, n))
        panels.append(
            Panel(
                (
                    Series(lags, stored.modelled[along], "model", "line", 0),
                    Series(lags, stored.measured[along], "measured", "points", 0, error=error[along]),
                ),
                Axis(f"a, {name} neighbours", "1/electron"),
                (Line(0.0, warn=False),),
                190,
            )
        )
    return panel_plot(
        "Area changes of the neighbours",
        panels,
        Axis("lag", "pixel", whole=True),
        caption=f"Mean of the amplifiers with its standard error. a(0, 0) is {stored.measured[0, 0]:.4g} "
        f"1/electron, that of the model {stored.modelled[0, 0]:.4g}; reduced chi squared "
        f"{stored.chi_squared_per_dof:.3g}.",
    )


def _pulls(stored: StoredDistortion) -> Figure:
    n = stored.modelled.shape[0]
    scatter = stored.scatter[:n, :n]
    pulls = np.divide(
        stored.modelled - stored.measured[:n, :n], scatter, out=np.zeros((n, n)), where=scatter > 0
    )
    limit = max(float(np.abs(pulls).max()), 1.0)
    # The map has rows along y, hence the parallel lag.
    return heat_map(
        "Model less measurement",
        pulls.T,
        Cells("serial lag", unit="pixel"),
        Cells("parallel lag", unit="pixel"),
        quantity="difference",
        unit="scatter of the amplifiers",
        centre=0.0,
        limits=(-limit, limit),
        caption="Differences of the area changes in units of the scatter that weighted the fit.",
        width=520,
    )


def _shifts(stored: StoredDistortion) -> Figure:
    lags = np.arange(stored.north.shape[0], dtype=np.float64)
    parameters = stored.parameters
    return panel_plot(
        "Shifts of the boundaries",
        [
            Panel(
                (
                    Series(lags, stored.east[:, 0], "right boundary, along a row", "line", 0),
                    Series(lags, stored.north[0], "upper boundary, along a column", "line", 1),
                ),
                Axis("outward shift", "pixel/electron"),
                (Line(0.0, warn=False),),
                220,
            )
        ],
        Axis("distance", "pixel", whole=True),
        caption=f"Negative where a boundary moves towards the charge. Charge at {parameters['zq']:.3g} µm, "
        f"drift to {parameters['zsh']:.3g} µm (upper and lower) and {parameters['zsv']:.3g} µm (left and "
        f"right), alpha {parameters['alpha']:.3g}.",
    )
