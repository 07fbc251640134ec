"""The figures of a photon transfer curve."""

import numpy as np
import numpy.typing as npt
from astropy.table import Table

from tasks.flat_pairs.curve.model import AmplifierCurve, PhotonTransferCurve
from tasks.flat_pairs.curve.table import from_table
from tasks.ptc.quality.noise import overscan_read_noise
from tasks.reporting.figure import Figure
from tasks.reporting.plots import (
    Axis,
    Cells,
    Line,
    Panel,
    Series,
    heat_map,
    panel_plot,
    scatter_plot,
    small_multiples,
)

__all__ = ["figures"]

type FloatArray = npt.NDArray[np.float64]

SIGNAL = Axis("mean signal", "electron")

LAGS = ((1, 0), (0, 1), (1, 1))
"""Lags (serial, parallel) whose covariances are drawn."""


def figures(table: Table) -> tuple[Figure, ...]:
    """Draw a photon transfer curve.

    Parameters
    ----------
    table
        As the task wrote it.

    Returns
    -------
    figures
        Variance against mean and its residuals, amplifier by amplifier; covariances against the mean, and the
        a-matrix, where they were fitted; a₀₀ and read noise of the amplifiers. Without any good amplifier
        only the points.
    """
    curve = from_table(table)
    good = [one for one in curve.amplifiers if not one.is_bad]
    drawn = [_variances(curve)]
    if good:
        drawn.append(_residuals(good))
    fitted = [one for one in good if one.a_matrix.shape[0] > 1 and np.isfinite(one.a_matrix).all()]
    if fitted:
        drawn += [_covariances(fitted), _a_matrix(fitted)]
    if good:
        drawn += [_a00(good), _noises(good)]
    return tuple(drawn)


def _gain(one: AmplifierCurve) -> float:
    """Gain to draw with (electron/adu); a bad amplifier is drawn as if it were 1."""
    return 1.0 if one.is_bad else one.gain_unadjusted


def _variances(curve: PhotonTransferCurve) -> Figure:
    panels = {}
    for one in curve.amplifiers:
        gain, series, kept = _gain(one), one.series, one.kept
        x, y = series.means * gain, series.variances * gain**2
        panels[one.name + (" (bad, adu)" if one.is_bad else "")] = (
            Series(x, one.final_model_variances * gain**2, "fit", "line", 0),
            Series(x[~kept], y[~kept], "left out", "points", 1, "cross"),
            Series(x[kept], y[kept], "used by the fit", "points", 0),
        )
    return small_multiples(
        "Variance against mean",
        panels,
        SIGNAL,
        Axis("variance", "electron²"),
        caption="Half the variance of the difference of two flats. Without the brighter-fatter effect it "
        "would follow the mean; above the turnoff it breaks down.",
    )


def _residuals(good: list[AmplifierCurve]) -> Figure:
    panels = {}
    for one in good:
        errors = 1.0 / one.series.sqrt_weights[one.kept, 0, 0]
        residual = (one.final_variances - one.final_model_variances)[one.kept] / errors
        panels[one.name] = (Series(one.series.means[one.kept] * _gain(one), residual, "", "points", 0),)
    return small_multiples(
        "Residuals of the variance",
        panels,
        SIGNAL,
        Axis("variance − fit", "standard errors"),
        lines=(Line(0.0, warn=False),),
        caption="Pairs used by the fit. Most should lie within ±2, without a trend.",
    )


def _covariances(fitted: list[AmplifierCurve]) -> Figure:
    """Mean over the amplifiers, which alone stands out from the noise of single pairs."""
    panels = []
    for i, j in LAGS:
        x = np.array([np.where(one.kept, one.series.means * _gain(one), np.nan) for one in fitted])
        with np.errstate(invalid="ignore", divide="ignore"):
            measured = np.array(
                [one.series.covariances[:, i, j] * _gain(one) / one.series.means for one in fitted]
            )
            model = np.array(
                [one.covariances_model[:, i, j] * _gain(one) / one.series.means for one in fitted]
            )
        measured, model = (np.where(np.isfinite(x), values, np.nan) for values in (measured, model))
        level = _mean(x)
        panels.append(
            Panel(
                (
                    Series(level, _mean(model), "fit", "line", 0),
                    Series(level, _mean(measured), "measured", "points", 0, error=_error(measured)),
                ),
                Axis(f"C({i}, {j}) / mean", "electron"),
                (Line(0.0, warn=False),),
                170,
            )
        )
    return panel_plot(
        "Covariances against mean",
        panels,
        SIGNAL,
        caption=f"Covariance of pixels so many columns and rows apart (serial, parallel), mean of "
        f"{len(fitted)} amplifiers, over the mean signal. The effect of a pixel on its neighbours makes it "
        "grow with the signal.",
    )


def _a_matrix(fitted: list[AmplifierCurve]) -> Figure:
    a = np.median([one.a_matrix for one in fitted], axis=0)
    outer = np.abs(a).ravel()[1:].max()
    return heat_map(
        "Area change of the pixels",
        a.T,
        Cells("serial lag", unit="pixel"),
        Cells("parallel lag", unit="pixel"),
        quantity="a",
        unit="1/electron",
        centre=0.0,
        limits=(-float(outer), float(outer)),
        caption=f"Fractional area change by one electron, median of {len(fitted)} amplifiers; "
        f"a(0, 0) = {a[0, 0]:.3g} 1/electron lies beyond the scale.",
        width=520,
    )


def _a00(good: list[AmplifierCurve]) -> Figure:
    place = np.arange(1, len(good) + 1, dtype=np.float64)
    values, errors = np.array([one.a00 for one in good]), np.array([one.a00_error for one in good])
    return scatter_plot(
        "a(0, 0) of the amplifiers",
        (Series(place, values, "", "points", 0, error=errors),),
        Axis("amplifier, by its place", whole=True),
        Axis("a(0, 0)", "1/electron"),
        lines=(Line(float(np.median(values)), "median", warn=False),),
        caption="From left to right: " + ", ".join(one.name for one in good) + ".",
        height=220,
    )


def _noises(good: list[AmplifierCurve]) -> Figure:
    seen = np.array([overscan_read_noise(one.series.overscan_noise[one.kept]) * _gain(one) for one in good])
    fitted = np.array([one.noise for one in good])
    errors = np.array([one.noise_error for one in good])
    both = np.array([*seen, *fitted])
    both = both[np.isfinite(both)]
    ends = np.array([both.min(), both.max()]) if both.size else np.array([0.0, 1.0])
    return scatter_plot(
        "Read noise of the amplifiers",
        (
            Series(ends, ends, "equal", "dashed", 1),
            Series(seen, fitted, "amplifiers", "points", 0, error=errors),
        ),
        Axis("noise in the overscan", "electron"),
        Axis("noise of the fit", "electron"),
        caption="The noise that the curve has at no signal beside that of the overscan.",
        height=260,
    )


def _mean(values: FloatArray) -> FloatArray:
    """Mean over the amplifiers at each pair; NaN where no amplifier has one."""
    number = np.isfinite(values).sum(axis=0)
    total = np.nansum(values, axis=0)
    return np.divide(total, number, out=np.full(total.shape, np.nan), where=number > 0)


def _error(values: FloatArray) -> FloatArray:
    """Give the standard error of that mean, from the scatter over the amplifiers."""
    number = np.isfinite(values).sum(axis=0)
    squares = np.nansum((values - _mean(values)) ** 2, axis=0)
    dof = number * np.maximum(number - 1, 0)
    return np.sqrt(np.divide(squares, dof, out=np.full(squares.shape, np.nan), where=dof > 0))
