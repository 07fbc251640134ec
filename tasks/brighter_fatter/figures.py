"""The figures of brighter-fatter kernels, and of the covariances that they leave."""

import numpy as np
import numpy.typing as npt
from astropy.table import Table

from tasks.brighter_fatter.kernel.correlations import noise_free_correlations
from tasks.brighter_fatter.kernel.model import AmplifierKernel, DetectorKernels
from tasks.brighter_fatter.kernel.table import from_table
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

LAGS = {"c00": "C(0, 0) − mean − noise²", "c10": "C(1, 0)", "c01": "C(0, 1)"}
"""Columns of the covariances before and after the correction, and what they are."""

_N_BINS = 12


def figures(table: Table) -> tuple[Figure, ...]:
    """Draw brighter-fatter kernels, or what they leave in flats.

    Parameters
    ----------
    table
        Kernels as their task wrote them (dataset type bfk), or covariances of flats before and after the
        correction (verifyBfkCovariances).

    Returns
    -------
    figures
        Of kernels: that of the detector as a map, its profiles along both axes with those of the amplifiers,
        and the correlations it is made from against the signal. Of covariances: before and after, against the
        signal. None where there is no kernel, or no flat.
    """
    if "c00_before" in table.colnames:
        return _covariances(table) if len(table) else ()
    kernels = from_table(table)
    known = [one for one in kernels.amplifiers if np.any(one.kernel)]
    if not known or not np.any(kernels.kernel):
        return ()
    return (_map(kernels), _profiles(kernels, known), _centres(known), _levels(known))


def _map(kernels: DetectorKernels) -> Figure:
    # The map has rows along y, hence the parallel lag.
    outer = np.abs(np.where(kernels.kernel == kernels.kernel.min(), 0.0, kernels.kernel)).max()
    centre = kernels.kernel.min()
    return heat_map(
        "Brighter-fatter kernel",
        kernels.kernel.T,
        Cells("serial lag", unit="pixel"),
        Cells("parallel lag", unit="pixel"),
        quantity="kernel",
        unit="1/electron",
        centre=0.0,
        limits=(-float(outer), float(outer)),
        caption=f"Kernel of the detector, lag zero in the middle; its lowest value of "
        f"{centre:.3g} 1/electron lies beyond the scale.",
        width=520,
    )


def _profiles(kernels: DetectorKernels, known: list[AmplifierKernel]) -> Figure:
    n = kernels.kernel.shape[0] // 2
    lag = np.arange(n + 1, dtype=np.float64)
    panels = []
    for name, cut in (("serial", np.s_[n:, n]), ("parallel", np.s_[n, n:])):
        each = np.array([one.kernel[cut] for one in known])
        spread = each.std(axis=0) if len(known) > 1 else None
        panels.append(
            Panel(
                (
                    Series(lag, kernels.kernel[cut], "detector", "line", 0),
                    Series(
                        lag,
                        each.mean(axis=0),
                        "amplifiers",
                        "points",
                        1,
                        error=spread,
                    ),
                ),
                Axis(f"{name} cut", "1/electron"),
                (Line(0.0, warn=False),),
                170,
            )
        )
    return panel_plot(
        "Profiles of the kernel",
        panels,
        Axis("lag", "pixel", whole=True),
        caption="Cuts through the centre along both axes. Points: mean of the amplifiers, with their "
        "scatter. The kernel has to come to zero at its edge.",
    )


def _centres(known: list[AmplifierKernel]) -> Figure:
    n = known[0].kernel.shape[0] // 2
    place = np.arange(1, len(known) + 1, dtype=np.float64)
    values = np.array([one.kernel[n, n] for one in known])
    errors = np.array([one.errors[n, n] for one in known])
    valid = np.array([one.is_valid for one in known])
    series = [Series(place[valid], values[valid], "valid", "points", 0, error=errors[valid])]
    if not valid.all():
        series.append(Series(place[~valid], values[~valid], "not valid", "points", 1, "cross", warn=True))
    return scatter_plot(
        "Centres of the kernels",
        series,
        Axis("amplifier, by its place", whole=True),
        Axis("kernel at lag zero", "1/electron"),
        caption="From left to right: " + ", ".join(one.name for one in known) + ".",
        height=220,
    )


def _levels(known: list[AmplifierKernel]) -> Figure:
    panels = {}
    for one in known:
        signals, values = noise_free_correlations(one)
        used = one.used & (signals > 3000.0)
        panels[one.name] = (
            Series(signals[used], -values[used, 0, 0], "(0, 0)", "points", 0),
            Series(signals[used], -values[used, 1, 0], "(1, 0)", "points", 1),
            Series(signals[used], -values[used, 0, 1], "(0, 1)", "points", 2),
        )
    return small_multiples(
        "Correlations against the signal",
        panels,
        SIGNAL,
        Axis("covariance beyond photons / signal²", "1/electron"),
        lines=(Line(0.0, warn=False),),
        caption="What the kernel is made from, by lag (serial, parallel). A level far from the others, or a "
        "trend, is not the effect of charge on its neighbours. Levels above 3000 electron.",
    )


def _covariances(table: Table) -> tuple[Figure, ...]:
    signal = np.asarray(table["signal"], np.float64)
    edges = np.unique(np.quantile(signal, np.linspace(0.0, 1.0, _N_BINS + 1)))
    place = np.clip(np.searchsorted(edges, signal, side="right") - 1, 0, max(edges.size - 2, 0))
    groups = [place == i for i in np.unique(place)]
    level = np.array([signal[group].mean() for group in groups])
    panels = []
    for name, label in LAGS.items():
        error = np.array([_error(table[f"{name}_error"], group) for group in groups])
        before, after = (
            np.array([np.mean(np.asarray(table[f"{name}_{when}"])[group]) for group in groups])
            for when in ("before", "after")
        )
        panels.append(
            Panel(
                (
                    Series(level, before / level, "as it is", "points", 1, error=error / level),
                    Series(level, after / level, "corrected", "points", 0, error=error / level),
                ),
                Axis(f"[{label}] / mean", "electron"),
                (Line(0.0, warn=False),),
                170,
            )
        )
    return (
        panel_plot(
            "Covariances before and after the correction",
            panels,
            SIGNAL,
            caption="Flats with and without the correction, mean of all amplifiers and pairs of similar "
            "signal. Corrected, they should lie at zero within their errors at every signal.",
        ),
    )


def _error(errors: npt.ArrayLike, group: npt.NDArray[np.bool_]) -> float:
    """Error of the mean of a group."""
    own = np.asarray(errors, np.float64)[group]
    return float(np.sqrt(np.sum(own**2)) / own.size)
