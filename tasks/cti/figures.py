"""The figures of deferred charge."""

import numpy as np
import numpy.typing as npt
from astropy.table import Table

from tasks.cti.solution.dataset import cti_from_table
from tasks.cti.solution.model import AmplifierCti
from tasks.reporting.figure import Figure
from tasks.reporting.plots import Axis, Line, Series, scatter_plot, small_multiples

__all__ = ["figures"]

type FloatArray = npt.NDArray[np.float64]

SIGNAL = Axis("signal", "1000 electron")
CHARGE = Axis("charge", "electron")

_SERIAL_LIMIT, _PARALLEL_LIMIT = 5e-4, 3e-4
"""LSST camera requirements (%)."""

_N_POINTS = 120
"""Of the curve of a trap."""


def figures(table: Table) -> tuple[Figure, ...]:
    """Draw the CTI of a detector.

    Parameters
    ----------
    table
        As the task wrote it.

    Returns
    -------
    figures
        Extended pixel edge response against the signal, serial and parallel; the overscan behind the
        brightest flat before and after the correction, amplifier by amplifier; what the traps take. None of a
        CTI without any solved amplifier.
    """
    solution = cti_from_table(table)
    good = [one for one in solution.amplifiers if not one.is_bad]
    if not good:
        return ()
    drawn = [
        _edge_response(good, "serial", _SERIAL_LIMIT),
        _edge_response(good, "parallel", _PARALLEL_LIMIT),
        _trails(solution.amplifiers),
    ]
    traps = _traps(good)
    return (*drawn, traps) if traps is not None else tuple(drawn)


def _edge_response(good: list[AmplifierCti], direction: str, limit: float) -> Figure:
    """Inefficiency of all amplifiers against the signal (%)."""
    is_serial = direction == "serial"
    series, turnoffs = [], []
    for one in good:
        values = 100.0 * (one.serial_eper if is_serial else one.parallel_eper)
        # The faintest flats would fill the plot with their noise.
        bright = one.signals >= 0.01 * np.nanmax(one.signals, initial=0.0)
        series.append(Series(one.signals[bright] / 1e3, values[bright], "amplifiers", "points", 0))
        turnoff = one.serial_cti_turnoff if is_serial else one.parallel_cti_turnoff
        if turnoff > 0:
            turnoffs.append(turnoff / 1e3)
    lines = [Line(0.0, warn=False), Line(limit, "limit")]
    if turnoffs:
        lines.append(Line(float(np.median(turnoffs)), "median turnoff", vertical=True, warn=False))
    return scatter_plot(
        f"{direction.capitalize()} extended pixel edge response",
        series,
        SIGNAL,
        Axis("inefficiency of a transfer", "%"),
        lines=lines,
        caption=f"Charge of the first two overscan {'columns' if is_serial else 'rows'} over the signal and "
        "the number of transfers, before any correction. The turnoff is the signal up to which it is steady.",
    )


def _trails(amplifiers: tuple[AmplifierCti, ...]) -> Figure:
    """Overscan behind the brightest flat before and after, amplifier by amplifier."""
    panels: dict[str, tuple[Series, ...]] = {}
    for one in amplifiers:
        if one.is_bad:
            panels[f"{one.name} (not solved)"] = ()
            continue
        columns = np.arange(1, one.trail.size + 1)
        panels[one.name] = (
            Series(columns, one.trail, "before", "points", 1),
            Series(columns, one.trail_corrected, "after", "points", 0),
        )
    return small_multiples(
        "Trail in the overscan",
        panels,
        Axis("overscan column", ""),
        CHARGE,
        lines=(Line(0.0, warn=False),),
        caption="Mean of each serial overscan column of the brightest flat below the turnoff, before and "
        "after the correction.",
    )


def _traps(good: list[AmplifierCti]) -> Figure | None:
    """Charge that the traps take, against what passes; None where no amplifier has any."""
    series = []
    for one in good:
        highest = float(np.nanmax(one.signals, initial=0.0))
        if one.trap is None or one.trap.size <= 0 or highest <= 0:
            continue
        charges = np.linspace(0.0, highest, _N_POINTS)
        series.append(Series(charges / 1e3, one.trap.capture(charges), "amplifiers", "line", 0))
    if not series:
        return None
    return scatter_plot(
        "Charge taken by the serial traps",
        series,
        SIGNAL,
        Axis("captured charge", "electron"),
        lines=(Line(0.0, warn=False),),
        caption="What a trap takes of a packet and gives back behind it: the charge of the first overscan "
        "columns that neither the transfers nor the output amplifier explain.",
    )
