"""The photon transfer curve beside the camera model, its own pairs, other pairs, and the curve in use."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from astropy.table import Table

from infra.instruments.layout import AmplifierLayout, DetectorLayout
from tasks.flat_pairs.curve.model import AmplifierCurve, PhotonTransferCurve
from tasks.flat_pairs.curve.table import from_table
from tasks.flat_pairs.model import PairMeasurement
from tasks.ptc.quality.gains import MeasuredGain, gain_at_no_signal, held_out_gains
from tasks.ptc.quality.noise import beyond_error, noise_trend, overscan_read_noise
from tasks.ptc.run.product import EDGE, UNPAIRED
from tasks.verification.model import StatisticValues
from tasks.verification.quantum import ProductMeasurement

__all__ = ["Evidence", "product_statistics"]


_CHANGES = ("GAIN_CHANGE", "NOISE_CHANGE", "A00_CHANGE")
"""What is compared with the curve in use."""


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What a curve is judged with, besides itself."""

    held_out: tuple[PairMeasurement, ...] = ()
    """Measurements of pairs that it was not made from."""
    certified: PhotonTransferCurve | None = None
    """The curve in use so far."""


@dataclass(frozen=True, slots=True, eq=False)
class _Beside:
    """What an amplifier's curve is compared with."""

    layout: AmplifierLayout
    held_out: MeasuredGain
    certified: AmplifierCurve | None
    columns: int
    """Columns of the amplifier that were measured."""


def product_statistics(
    table: Table, layout: DetectorLayout, evidence: Evidence | None = None
) -> ProductMeasurement:
    """Measure a photon transfer curve.

    Parameters
    ----------
    table
        As the task wrote it.
    layout
        The detector, with nominal gains and read noises.
    evidence
        Other pairs, and the curve in use.

    Returns
    -------
    measurement
        By amplifier (NaN where nothing is known): GAIN, GAIN_ERROR, NOMINAL_GAIN, PAIR_GAIN (single pairs
        carried on to no signal) and HELD_OUT_GAIN (other pairs) in electron/adu; GAIN_RELATIVE_ERROR;
        PAIR_GAIN_EXCESS and HELD_OUT_GAIN_EXCESS, relative deviations beyond three standard errors;
        READ_NOISE, READ_NOISE_ERROR, NOMINAL_READ_NOISE, OVERSCAN_NOISE (electron), READ_NOISE_EXCESS;
        NOISE_CHI_SQUARED and NOISE_SLOPE, see `tasks.ptc.quality.noise.noise_trend`; TURNOFF, MAX_SIGNAL
        (electron); A00, A00_ERROR, A10, A01 (1/electron); A_SUM, the sum of a over all lags in units of
        |a₀₀|; CHI_SQUARED, reduced; ROW_MEAN_VARIANCE_SLOPE; N_PAIRS kept; GAIN_CHANGE, NOISE_CHANGE and
        A00_CHANGE, relative to the curve in use, beyond three standard errors. Of the detector: N_BAD,
        N_AMPLIFIERS, N_PAIRS, N_UNPAIRED, N_HELD_OUT, and HELD_OUT_GAIN_EXCESS, GAIN_CHANGE, NOISE_CHANGE
        and A00_CHANGE of the worst amplifier.
    """
    evidence = evidence or Evidence()
    curve = from_table(table)
    edge = table.meta.get(EDGE, 0)
    gains = held_out_gains(curve.amplifiers, curve.fit_type, evidence.held_out)
    certified = {one.name: one for one in evidence.certified.amplifiers} if evidence.certified else {}
    places = {one.name: one for one in layout.amplifiers}
    measured: dict[str, StatisticValues] = {}
    for one in curve.amplifiers:
        if one.name in places and not one.is_bad:
            place = places[one.name]
            columns = place.image_box.width - 2 * int(edge)
            beside = _Beside(place, gains[one.name], certified.get(one.name), columns)
            measured[one.name] = _amplifier(one, beside)
    known = {one.name for one in curve.amplifiers}
    problems = {one.name: one.reason for one in curve.amplifiers if one.reason is not None}
    problems |= {name: "the curve leaves it out" for name in places if name not in known}
    detector = {
        "N_BAD": float(len(problems)),
        "N_AMPLIFIERS": float(len(places)),
        "N_PAIRS": float(curve.amplifiers[0].series.means.size),
        "N_UNPAIRED": float(sum(str(key).startswith(UNPAIRED) for key in table.meta)),
        "N_HELD_OUT": float(max((one.n_pairs for one in gains.values()), default=0)),
        **{name: _worst(measured.values(), name) for name in ("HELD_OUT_GAIN_EXCESS", *_CHANGES)},
    }
    return ProductMeasurement(measured, detector, problems)


def _amplifier(curve: AmplifierCurve, beside: _Beside) -> StatisticValues:
    """Statistics of one amplifier that has a curve."""
    return {
        **_gains(curve, beside),
        **_noises(curve, beside),
        **_brighter_fatter(curve),
        **_changes(curve, beside.certified),
        "TURNOFF": curve.turnoff * curve.gain,
        "MAX_SIGNAL": _highest(curve.series.means) * curve.gain,
        "CHI_SQUARED": curve.chi_squared_per_dof,
        "ROW_MEAN_VARIANCE_SLOPE": _row_mean_slope(curve, beside.columns),
        "N_PAIRS": float(np.count_nonzero(curve.kept)),
    }


def _gains(curve: AmplifierCurve, beside: _Beside) -> StatisticValues:
    single, held_out = gain_at_no_signal(curve), beside.held_out
    # What is compared with other ways to find the gain is what the fit found, before any adjustment.
    fitted, error = curve.gain_unadjusted, curve.gain_error
    other = held_out.gain * fitted / curve.gain
    return {
        "GAIN": curve.gain,
        "GAIN_ERROR": error,
        "GAIN_RELATIVE_ERROR": error / curve.gain,
        "GAIN_UNADJUSTED": fitted,
        "NOMINAL_GAIN": beside.layout.gain,
        "PAIR_GAIN": single.gain,
        "PAIR_GAIN_EXCESS": beyond_error(fitted, single.gain, float(np.hypot(error, single.error))),
        "HELD_OUT_GAIN": held_out.gain,
        "HELD_OUT_GAIN_EXCESS": beyond_error(fitted, other, float(np.hypot(error, held_out.error))),
    }


def _noises(curve: AmplifierCurve, beside: _Beside) -> StatisticValues:
    overscan = curve.series.overscan_noise[curve.kept]
    measured = overscan_read_noise(overscan) * curve.gain
    trend = noise_trend(curve.series.means[curve.kept], overscan)
    return {
        "READ_NOISE": curve.noise,
        "READ_NOISE_ERROR": curve.noise_error,
        "NOMINAL_READ_NOISE": beside.layout.read_noise,
        "OVERSCAN_NOISE": measured,
        "READ_NOISE_EXCESS": beyond_error(curve.noise, measured, curve.noise_error),
        "NOISE_CHI_SQUARED": trend.chi_squared,
        "NOISE_SLOPE": trend.slope,
        "NOISE_SLOPE_ERROR": trend.slope_error,
    }


def _changes(curve: AmplifierCurve, former: AmplifierCurve | None) -> StatisticValues:
    """Return the changes since the curve in use, beyond three errors of both; NaN without one."""
    if former is None or former.is_bad:
        return dict.fromkeys(_CHANGES, float("nan"))

    def change(now: float, before: float, errors: tuple[float, float]) -> float:
        return beyond_error(now, before, float(np.hypot(*errors)))

    errors = curve.gain_error, former.gain_error
    return {
        "GAIN_CHANGE": change(curve.gain, former.gain, errors),
        "NOISE_CHANGE": change(curve.noise, former.noise, (curve.noise_error, former.noise_error)),
        "A00_CHANGE": change(curve.a00, former.a00, (curve.a00_error, former.a00_error)),
    }


def _brighter_fatter(curve: AmplifierCurve) -> StatisticValues:
    values = {"A00": curve.a00, "A00_ERROR": curve.a00_error}
    a, error = curve.a_matrix, curve.a_matrix_error
    if a.shape[0] < 2 or not np.isfinite(a).all():
        return values
    # Off the axes each lag stands for four pixels, on them for two.
    weights = np.full(a.shape, 4.0)
    weights[0], weights[:, 0], weights[0, 0] = 2.0, 2.0, 1.0
    scale = abs(curve.a00)
    total, spread = float(np.sum(weights * a)), float(np.sqrt(np.sum((weights * error) ** 2)))
    return values | {
        "A10": float(a[1, 0]),
        "A01": float(a[0, 1]),
        "A_SUM": total / scale,
        "A_SUM_ERROR": spread / scale,
        "A_SUM_EXCESS": float(np.copysign(max(abs(total) - 3.0 * spread, 0.0), total)) / scale,
    }


def _worst(measured: Iterable[StatisticValues], name: str) -> float:
    """Value of largest size among the amplifiers; NaN where none has one."""
    finite = [values[name] for values in measured if np.isfinite(values.get(name, np.nan))]
    return max(finite, key=abs, default=float("nan"))


def _row_mean_slope(curve: AmplifierCurve, columns: int) -> float:
    """Variance of row means over that of independent pixels (Rubin cp_verify); below 1 by the neighbours."""
    series, kept = curve.series, curve.kept & np.isfinite(curve.series.row_mean_variances)
    expected = float(np.sum(2.0 * series.means[kept] * curve.gain / columns))
    return float(np.sum(series.row_mean_variances[kept])) * curve.gain**2 / expected if expected else np.nan


def _highest(values: npt.NDArray[np.float64]) -> float:
    """Highest finite value; NaN without any."""
    finite = values[np.isfinite(values)]
    return float(finite.max()) if finite.size else float("nan")
