"""Gains found in other ways than by the fit of the curve, to set beside it."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tasks.flat_pairs.curve.fit_type import FitType
from tasks.flat_pairs.curve.model import AmplifierCurve
from tasks.flat_pairs.model import PairMeasurement
from tasks.ptc.solve.exponential import exponential_variance
from tasks.ptc.solve.full_covariance import covariance_model
from tasks.ptc.solve.polynomial import CovarianceParameters

__all__ = ["MeasuredGain", "gain_at_no_signal", "held_out_gain", "held_out_gains", "model_variance"]

type FloatArray = npt.NDArray[np.float64]

FEWEST = 3
"""Pairs below which no line is drawn."""

FEWEST_FOR_CURVE = 6
"""Pairs up to which the line is straight."""

SHOT_DOMINATED = 25.0
"""Variance in units of the read noise's from which a pair tells the gain."""


@dataclass(frozen=True, slots=True)
class MeasuredGain:
    """A gain from single pairs."""

    gain: float
    """electron/adu; NaN where there are too few pairs."""
    error: float
    """Its standard error (electron/adu)."""
    n_pairs: int
    """Pairs it comes from."""


NOTHING = MeasuredGain(float("nan"), float("nan"), 0)


def gain_at_no_signal(curve: AmplifierCurve) -> MeasuredGain:
    """Gain from the kept pairs one by one, carried on to no signal.

    Parameters
    ----------
    curve
        Of one amplifier.

    Returns
    -------
    gain
        Where the line through the inverse gains of single pairs (`tasks.flat_pairs.gain`) against their
        means, bent if there are enough pairs, meets no signal.

    Notes
    -----
    The brighter-fatter effect makes the gain of a pair too high in proportion to its mean. Rubin's cp_verify
    takes 0.00027 or 0.00046 %/adu for it, by maker of the sensor; here the pairs tell it themselves. Their
    errors are √(2/n) over the part of the variance that is not read noise.
    """
    series = curve.series
    noise = (curve.noise / curve.gain_unadjusted) ** 2 if not curve.is_bad else np.nan
    with np.errstate(invalid="ignore", divide="ignore"):
        used = curve.kept & np.isfinite(series.gains) & (series.variances > SHOT_DOMINATED * noise)
        errors = series.gains * np.sqrt(2.0 / series.n_pixels) / (1.0 - noise / series.variances)
    n = int(np.count_nonzero(used))
    if n < FEWEST:
        return NOTHING
    # The inverse gain is a polynomial of the mean, whose square counts where there are pairs to tell it.
    order = 2 if n > FEWEST_FOR_CURVE else 1
    x, y = series.means[used] / series.means[used].max(), 1.0 / series.gains[used]
    weights = (series.gains[used] ** 2 / errors[used]) ** 2
    design = np.vander(x, order + 1, increasing=True)
    normal = design.T @ (weights[:, None] * design)
    if np.linalg.cond(normal) > 1e12:
        return NOTHING
    inverse = np.linalg.inv(normal)
    line = inverse @ (design.T @ (weights * y))
    per_dof = float(np.sum(weights * (y - design @ line) ** 2)) / max(n - order - 1, 1)
    # What scatters more than photons do is less well known than they say.
    gain = 1.0 / float(line[0])
    return MeasuredGain(gain, gain**2 * float(np.sqrt(inverse[0, 0] * max(per_dof, 1.0))), n)


def held_out_gains(
    curves: Iterable[AmplifierCurve], fit_type: FitType, measurements: Iterable[PairMeasurement]
) -> dict[str, MeasuredGain]:
    """Gains of all amplifiers from pairs that the curves were not made from; see `held_out_gain`."""
    by_amplifier: dict[str, list[PairMeasurement]] = {}
    for one in measurements:
        by_amplifier.setdefault(one.amplifier, []).append(one)
    return {one.name: held_out_gain(one, fit_type, by_amplifier.get(one.name, ())) for one in curves}


def held_out_gain(
    curve: AmplifierCurve, fit_type: FitType, measurements: Iterable[PairMeasurement]
) -> MeasuredGain:
    """Gain that pairs ask for which the curve was not made from.

    Parameters
    ----------
    curve
        Of one amplifier.
    fit_type
        Its model.
    measurements
        Of the same amplifier in other pairs.

    Returns
    -------
    gain
        The curve's gain times the mean of (model variance − read noise) / (measured variance − read noise),
        over pairs up to the turnoff in which photons dominate.
    """
    if curve.is_bad:
        return NOTHING
    noise = curve.noise**2 / curve.gain_unadjusted**2
    ratios, errors = [], []
    for one in measurements:
        inside = one.reason is None and one.mean <= curve.turnoff
        if not inside or not one.variance > SHOT_DOMINATED * noise:
            continue
        expected = model_variance(curve, fit_type, np.array([one.mean]))[0] - noise
        measured = one.variance - noise
        ratios.append(expected / measured)
        errors.append(ratios[-1] * np.sqrt(2.0 / one.n_pixels[0, 0]) * one.variance / measured)
    if not ratios:
        return NOTHING
    weights = 1.0 / np.square(errors)
    ratio = float(np.average(ratios, weights=weights))
    return MeasuredGain(curve.gain * ratio, float(curve.gain / np.sqrt(weights.sum())), len(ratios))


def model_variance(curve: AmplifierCurve, fit_type: FitType, means: FloatArray) -> FloatArray:
    """Variance that the fitted curve gives at some means (adu²)."""
    if fit_type is FitType.EXPONENTIAL:
        return np.asarray(exponential_variance(means, curve.parameters))
    c_matrix = np.nan_to_num(curve.a_matrix * curve.b_matrix)
    parameters = CovarianceParameters(float(curve.parameters[1]), curve.a_matrix, c_matrix)
    return np.asarray(covariance_model(means, parameters, curve.noise_matrix)[:, 0, 0])
