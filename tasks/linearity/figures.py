"""The figures of a linearizer."""

import numpy as np
import numpy.typing as npt
from astropy.table import Table

from tasks.isr.linearity import linearized
from tasks.linearity.checking.light import FEWEST_AMPLIFIERS
from tasks.linearity.inputs.header import ABSCISSA
from tasks.linearity.solution.dataset import linearizer_from_table
from tasks.linearity.solution.model import AmplifierLinearity, Linearizer
from tasks.reporting.figure import Figure
from tasks.reporting.plots import Axis, Line, Series, scatter_plot, small_multiples

__all__ = ["figures"]

type FloatArray = npt.NDArray[np.float64]

SIGNAL = Axis("measured signal", "1000 adu")
RESIDUAL = Axis("residual", "%")

_N_LEVELS = 200
_LOWEST_FRACTION = 0.005
"""Levels below this fraction of the highest are not drawn as ratios: the zero level would fill the plot."""


def figures(table: Table) -> tuple[Figure, ...]:
    """Draw a linearizer.

    Parameters
    ----------
    table
        As the task wrote it.

    Returns
    -------
    figures
        Residuals before and after against the signal, amplifier by amplifier with the turnoff; the
        corrections of all amplifiers; what all amplifiers miss the light by. None of a linearizer without any
        correction.
    """
    linearizer = linearizer_from_table(table)
    good = [one for one in linearizer.amplifiers if not one.is_bad]
    if not good:
        return ()
    common, scatter = _common(good)
    lamp = np.nan_to_num(common) if len(good) >= FEWEST_AMPLIFIERS else np.zeros_like(common)
    return (
        _residuals(linearizer.amplifiers, lamp),
        _corrections(linearizer, good),
        _light(linearizer, good[0].abscissa, common, scatter),
    )


def _residuals(amplifiers: tuple[AmplifierLinearity, ...], lamp: FloatArray) -> Figure:
    """Before and after the correction, amplifier by amplifier, without what all show alike (%)."""
    panels: dict[str, tuple[Series, ...]] = {}
    for one in amplifiers:
        if one.is_bad:
            panels[f"{one.name} (no correction)"] = ()
            continue
        before, after = _before(one, lamp), _after(one) - lamp
        drawn = _drawn(one)
        x, left_out = one.ordinate / 1e3, drawn & ~one.mask
        ends = np.array([-1.0, 1.0]) * _height(before[one.mask & drawn], after[one.mask & drawn])
        panels[one.name] = (
            Series(x[one.mask & drawn], before[one.mask & drawn], "before", "points", 1),
            Series(x[one.mask & drawn], after[one.mask & drawn], "after", "points", 0),
            Series(x[left_out], np.clip(after[left_out], *ends), "left out of the fit", "points", 2, "cross"),
            Series([one.turnoff / 1e3] * 2, ends, "turnoff", "dashed", 3),
        )
    return small_multiples(
        "Linearity residuals",
        panels,
        SIGNAL,
        RESIDUAL,
        lines=(Line(0.0, warn=False),),
        caption="Level over the straight line through the linearised levels, less 1, before and after the "
        "correction. What all amplifiers miss the line by alike after it is taken out as the lamp's.",
    )


def _corrections(linearizer: Linearizer, good: list[AmplifierLinearity]) -> Figure:
    """Corrections of all amplifiers."""
    series = []
    for one in good:
        levels = np.linspace(_LOWEST_FRACTION, 1.0, _N_LEVELS) * one.turnoff
        change = 100.0 * (linearized(levels, linearizer.correction(one.name)) / levels - 1.0)
        is_reference = one.name == linearizer.reference_amplifier
        label = f"{one.name}, the reference" if is_reference else "amplifiers"
        series.append(Series(levels / 1e3, change, label, "line", 1 if is_reference else 0))
    return scatter_plot(
        "Linearity corrections",
        sorted(series, key=lambda one: one.colour),
        SIGNAL,
        Axis("correction", "%"),
        lines=(Line(0.0, warn=False),),
        caption="Change of the level up to each amplifier's turnoff. A common factor is no non-linearity; "
        f"{good[0].type} fixes it by its own rule.",
    )


def _common(good: list[AmplifierLinearity]) -> tuple[FloatArray, FloatArray]:
    """Median over the amplifiers of the residuals after the correction, and their scatter (%)."""
    after = np.array([np.where(one.mask & _drawn(one), _after(one), np.nan) for one in good])
    some = np.isfinite(after).any(axis=0)
    median, scatter = np.full(after.shape[1], np.nan), np.full(after.shape[1], np.nan)
    median[some] = np.nanmedian(after[:, some], axis=0)
    scatter[some] = 1.4826 * np.nanmedian(np.abs(after[:, some] - median[some]), axis=0)
    return median, scatter


def _light(linearizer: Linearizer, light: FloatArray, common: FloatArray, scatter: FloatArray) -> Figure:
    """Draw what the amplifiers have in common after the correction: lamp and shutter."""
    is_time = linearizer.metadata.get(ABSCISSA, "exposureTime") == "exposureTime"
    axis = Axis("exposure time", "s") if is_time else Axis("charge of the photodiode", "C")
    return scatter_plot(
        "What all amplifiers miss the light by",
        (Series(light, common, "median of the amplifiers", "points", 0, error=scatter),),
        axis,
        RESIDUAL,
        lines=(Line(0.0, warn=False),),
        caption="Median residual of the amplifiers after the correction, with their scatter. The lamp's "
        "flicker and the shutter show here, and a non-linearity that all amplifiers share.",
    )


def _before(one: AmplifierLinearity, lamp: FloatArray) -> FloatArray:
    """Residuals of the measured levels about their own straight line, the lamp's taken out (%)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = one.ordinate / one.residual_model - lamp / 100.0
    return np.asarray(100.0 * (ratio / np.nanmedian(ratio[one.mask & _drawn(one)]) - 1.0))


def _after(one: AmplifierLinearity) -> FloatArray:
    """Residuals of the linearised levels (%)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(100.0 * one.residuals_unmasked / one.residual_model)


def _drawn(one: AmplifierLinearity) -> npt.NDArray[np.bool_]:
    """Points bright enough to be drawn as a ratio."""
    with np.errstate(invalid="ignore"):
        return np.isfinite(one.ordinate) & (one.ordinate > _LOWEST_FRACTION * one.turnoff)


def _height(*values: FloatArray) -> float:
    """Largest of some values, for the ends of what must not rule the axis."""
    finite = np.concatenate([one[np.isfinite(one)] for one in values])
    return float(np.abs(finite).max()) if finite.size else 1.0
