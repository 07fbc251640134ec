"""Verification of a brighter-fatter kernel: flats it is applied to have the covariances of photons alone.

Of an amplifier: ``VALID``, 1 or 0; ``KERNEL_CENTRE`` (1/electron); ``KERNEL_EDGE`` and ``KERNEL_MAXIMUM``,
largest size at the edge and largest value, ``KERNEL_SUM``, sum of all values, in units of the centre's size;
``CHARGE_SUM``, sum of the correlations in units of the central one. Of flats: ``A00_BEFORE`` (1/electron), the
variance beyond photons and read noise over the squared signal; ``A00_RESIDUAL``, the fraction of it that the
correction leaves, ``A00_RESIDUAL_ERROR`` its standard error, and ``A00_RESIDUAL_EXCESS`` what lies beyond three
of these; the same of ``C10`` (serial neighbours) and ``C01`` (parallel ones).

Of the detector: the same of flats, all amplifiers together; ``AXES``, difference of parallel and serial
neighbours in the kernel over that in the flats, which is 1, and −1 if the kernel has its axes exchanged;
``AXES_CONTRADICTION``, standard errors by which flats contradict its sense, negative where they agree;
``DETECTOR_VALID``, ``N_INVALID``, ``N_AMPLIFIERS``, ``N_PAIRS`` measured, ``N_HELD_OUT`` of them that the
kernel was not made from (0: its own flats were measured); and of spots what `tasks.brighter_fatter.checking.spots`
tells.
"""  # noqa: E501 - a name

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from astropy.table import Table

from infra.instruments.layout import DetectorLayout
from tasks.brighter_fatter.algorithm import AmplifierKernel, DetectorKernels, from_table, laplacian
from tasks.brighter_fatter.checking.excess import CovarianceExcess, combined, excess_of
from tasks.flat_pairs.model import PairMeasurement
from tasks.verification.model import StatisticValues
from tasks.verification.quantum import ProductMeasurement

__all__ = ["Evidence", "covariance_table", "judgement_of", "product_statistics"]

type FloatArray = npt.NDArray[np.float64]

_N_ERRORS = 3.0
"""Standard errors that are not held against a kernel."""

_SIGNIFICANT = 5.0
"""Standard errors by which the neighbours along the two axes must differ for the axes to be told apart."""

_LAGS = {"A00": (0, 0), "C10": (1, 0), "C01": (0, 1)}
"""Statistics of flats, and their lags (serial, parallel)."""


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What a kernel is judged with, besides itself."""

    before: tuple[PairMeasurement, ...] = ()
    """Pairs of flats as they are."""
    after: tuple[PairMeasurement, ...] = ()
    """The same pairs, corrected."""
    n_pairs: int = 0
    """Pairs measured."""
    n_held_out: int = 0
    """Pairs among them that the kernel was not made from."""
    spots: StatisticValues = field(default_factory=dict)
    """Statistics of spots, where there were any."""
    lowest_signal: float = 10_000.0
    """Levels below it (electron) are not judged."""


def product_statistics(
    table: Table, layout: DetectorLayout, evidence: Evidence | None = None
) -> ProductMeasurement:
    """Measure a brighter-fatter kernel.

    Parameters
    ----------
    table
        As the task wrote it.
    layout
        The detector.
    evidence
        Flats and spots, before and after they were corrected.

    Returns
    -------
    measurement
        Statistics as above; those of flats are missing where there is none of enough signal.
    """
    evidence = evidence or Evidence()
    kernels = from_table(table)
    gains = {one.name: one.gain for one in kernels.amplifiers}
    highest = {one.name: _highest(one) for one in kernels.amplifiers}
    excesses = excess_of(
        evidence.before, evidence.after, gains, highest, lowest_signal=evidence.lowest_signal
    )
    known = {one.name: one for one in kernels.amplifiers}
    places = [one.name for one in layout.amplifiers]
    measured = {
        name: _of_kernel(known[name]) | _of_flats(*excesses.get(name, (None, None)))
        for name in places
        if name in known
    }
    problems = {name: reason for name, reason in kernels.invalid.items() if name in places}
    problems |= {name: "the table of kernels leaves it out" for name in places if name not in known}
    detector: StatisticValues = {
        "DETECTOR_VALID": float(kernels.is_valid),
        "N_INVALID": float(len(problems)),
        "N_AMPLIFIERS": float(len(places)),
        "N_PAIRS": float(evidence.n_pairs),
        "N_HELD_OUT": float(evidence.n_held_out),
        **_of_all(kernels, list(excesses.values())),
        **evidence.spots,
    }
    return ProductMeasurement(measured, detector, problems)


def judgement_of(table: Table, lowest_signal: float) -> Callable[[Sequence[PairMeasurement]], bool]:
    """Return what tells whether a pair has a level, in any amplifier, by which kernels can be judged.

    Parameters
    ----------
    table
        The kernels, which know up to where each amplifier follows its photon transfer curve.
    lowest_signal
        Levels below it (electron) are not judged.
    """
    amplifiers = from_table(table).amplifiers
    gains = {one.name: one.gain for one in amplifiers}
    highest = {one.name: _highest(one) for one in amplifiers}
    return lambda found: bool(excess_of(found, found, gains, highest, lowest_signal=lowest_signal))


def covariance_table(table: Table, evidence: Evidence) -> Table:
    """Covariances of the flats without and with the kernel, a row per amplifier and pair.

    Parameters
    ----------
    table
        The kernels.
    evidence
        Flats, before and after they were corrected.

    Returns
    -------
    covariances
        ``amplifier``, ``signal`` (electron), and for the lags 00, 10 (serial neighbours) and 01
        (parallel ones) ``c…_before``, ``c…_after`` and ``c…_error`` (electron²), covariances beyond photons
        and read noise.
    """
    amplifiers = from_table(table).amplifiers
    gains = {one.name: one.gain for one in amplifiers}
    highest = {one.name: _highest(one) for one in amplifiers}
    excesses = excess_of(
        evidence.before, evidence.after, gains, highest, lowest_signal=evidence.lowest_signal
    )
    names = list(excesses)
    columns: dict[str, object] = {
        "amplifier": np.array([name for name in names for _ in excesses[name][0].signals], "U8"),
        "signal": np.concatenate([np.zeros(0), *(excesses[name][0].signals for name in names)]),
    }
    for statistic, lag in _LAGS.items():
        key = "c" + statistic[1:]
        for label, place, kind in (("before", 0, "values"), ("after", 1, "values"), ("error", 1, "errors")):
            parts = [getattr(excesses[name][place], kind)[:, lag[0], lag[1]] for name in names]
            columns[f"{key}_{label}"] = np.concatenate([np.zeros(0), *parts])
    return Table(columns)


def _highest(one: AmplifierKernel) -> float:
    """Highest mean that follows the photon transfer curve (adu)."""
    used = one.means[one.used & np.isfinite(one.means)]
    return float(used.max()) if used.size else np.inf


def _of_kernel(one: AmplifierKernel) -> StatisticValues:
    """Statistics of a kernel by itself; only whether it is valid where it is none."""
    n = one.kernel.shape[0] // 2
    centre = float(one.kernel[n, n])
    values: StatisticValues = {"VALID": float(one.is_valid)}
    if centre == 0.0:
        return values
    edge = np.concatenate([one.kernel[0], one.kernel[-1], one.kernel[:, 0], one.kernel[:, -1]])
    middle = float(one.source[n, n])
    return values | {
        "KERNEL_CENTRE": centre,
        "KERNEL_EDGE": float(np.abs(edge).max()) / abs(centre),
        "KERNEL_MAXIMUM": float(one.kernel.max()) / abs(centre),
        "KERNEL_SUM": float(one.kernel.sum()) / abs(centre),
        "CHARGE_SUM": float(one.source.sum()) / abs(middle) if middle else np.nan,
    }


def _of_flats(before: CovarianceExcess | None, after: CovarianceExcess | None) -> StatisticValues:
    """Fractions that a correction leaves of the excess; none without levels."""
    if before is None or after is None:
        return {}
    values: StatisticValues = {"N_LEVELS": float(after.signals.size)}
    was, remains, errors = before.slopes, after.slopes, after.slope_errors
    for name, lag in _LAGS.items():
        if max(lag) >= was.shape[0]:
            continue
        residual, error = float(remains[lag] / was[lag]), abs(float(errors[lag] / was[lag]))
        beyond = float(np.copysign(max(abs(residual) - _N_ERRORS * error, 0.0), residual))
        values |= {
            f"{name}_BEFORE": float(was[lag]),
            f"{name}_RESIDUAL": residual,
            f"{name}_RESIDUAL_ERROR": error,
            f"{name}_RESIDUAL_EXCESS": beyond,
        }
    return values


def _of_all(
    kernels: DetectorKernels, excesses: Sequence[tuple[CovarianceExcess, CovarianceExcess]]
) -> StatisticValues:
    """Statistics of flats of the whole detector, and the sense of the axes."""
    all_before, all_after = (combined([each[place] for each in excesses]) for place in (0, 1))
    values = _of_flats(all_before, all_after)
    if all_before is None or all_before.slopes.shape[0] < 2:
        return values
    slopes, errors = all_before.slopes, all_before.slope_errors
    difference = float(slopes[0, 1] - slopes[1, 0])
    error = float(np.hypot(errors[0, 1], errors[1, 0]))
    source, n = laplacian(kernels.kernel), kernels.kernel.shape[0] // 2
    of_kernel = float(source[n + 1, n] - source[n, n + 1])
    is_told = abs(difference) > _SIGNIFICANT * error
    return values | {
        "AXES": of_kernel / difference if is_told else np.nan,
        "AXES_CONTRADICTION": -difference * float(np.sign(of_kernel)) / error,
    }
