"""The light of each flat as all amplifiers agree on it, and what each of them misses it by."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tasks.linearity.fitting.robust import mad_sigma

__all__ = [
    "FEWEST_AMPLIFIERS",
    "Light",
    "common_light",
    "finite_median",
    "lamp_scatter",
    "light_against_time",
]

type FloatArray = npt.NDArray[np.float64]
type BoolArray = npt.NDArray[np.bool_]

FEWEST_AMPLIFIERS = 4
"""Fewer amplifiers cannot tell whose response is wrong: the exposure time is then the light."""

_N_PASSES = 20
_MEDIAN_ERROR = 1.2533
"""Error of a median in units of that of the mean."""

_FARTHEST = 5.0
"""Exposures whose light misses the line by more than this many times the lamp's scatter are left out."""


@dataclass(frozen=True, slots=True, eq=False)
class Light:
    """Light of each exposure, and what is left of the levels when it is taken out."""

    light: FloatArray
    """Light in counts of the mean amplifier (adu), shape (n,); NaN where no amplifier is usable."""
    pattern: FloatArray
    """Response of each amplifier to it, 1 on average, shape (m,)."""
    offsets: FloatArray
    """Level of each amplifier without light (adu), shape (m,)."""
    residuals: FloatArray
    """Fraction of the level by which it misses the light, shape (n, m); NaN where it is not usable."""
    errors: FloatArray
    """Their standard errors, same shape."""


def common_light(
    values: FloatArray, errors: FloatArray, usable: BoolArray, times: FloatArray, scatter: float
) -> Light:
    """Find the light of each exposure from the amplifiers themselves.

    Parameters
    ----------
    values, errors
        Linearised levels and their errors (adu), shape (n, m).
    usable
        Levels that take part, shape (n, m).
    times
        Exposure times (s), shape (n,).
    scatter
        Fractional scatter of the lamp, for detectors with too few amplifiers.

    Returns
    -------
    light
        Of a model level = pattern × light + offset, in which every amplifier has its pattern and offset.

    Notes
    -----
    The light of an exposure is the median over the amplifiers of what each says, so that neither the lamp nor
    the shutter matters, nor one amplifier that is wrong. What all of them have in common is not seen; it is
    looked for in the light against the exposure time. With fewer than four amplifiers the exposure time takes
    the place of the light, and the scatter of the lamp is part of the errors.
    """
    values = np.where(usable, values, np.nan)
    fractions = np.where(usable, errors / np.where(usable, values, 1.0), np.nan)
    n_amplifiers = np.count_nonzero(usable.any(axis=0))
    if n_amplifiers < FEWEST_AMPLIFIERS:
        light = np.where(usable.any(axis=1), times, np.nan)
        pattern, offsets = _lines(light, values, fractions)
        scale = float(np.nanmean(pattern)) if np.isfinite(pattern).any() else 1.0
        return _light(light * scale, pattern / scale, offsets, values, np.hypot(fractions, scatter))
    pattern = finite_median(values / finite_median(values, 1)[:, None], 0)
    offsets = np.zeros_like(pattern)
    for _ in range(_N_PASSES):
        light = finite_median((values - offsets) / pattern, 1)
        pattern, offsets = _lines(light, values, fractions)
        pattern = pattern / np.nanmean(pattern)
        # Light that all amplifiers see as an offset is an offset of none.
        offsets = offsets - pattern * np.nanmedian(offsets / pattern)
    light = finite_median((values - offsets) / pattern, 1)
    share = _MEDIAN_ERROR / np.sqrt(np.maximum(usable.sum(axis=1, keepdims=True), 1))
    own = np.hypot(fractions, share * finite_median(fractions, 1)[:, None])
    return _light(light, pattern, offsets, values, own)


def light_against_time(light: FloatArray, times: FloatArray, scatter: float) -> tuple[FloatArray, float]:
    """Fraction by which the light of each exposure misses a straight line in the exposure time.

    Parameters
    ----------
    light
        Shape (n,); NaN where there is none.
    times
        Exposure times (s), shape (n,).
    scatter
        Fractional scatter of the lamp.

    Returns
    -------
    residuals
        Shape (n,); NaN where there is no light or the lamp failed.
    offset
        Light at no exposure time, of the shutter's error, in the unit of the light; NaN without a line.
    """
    nothing = np.full(light.size, np.nan)
    positive = np.isfinite(light) & (light > 0) & (times > 0)
    good, residuals, offset = positive, nothing, float("nan")
    for _ in range(_N_PASSES):
        if np.count_nonzero(good) < 3:
            return nothing, float("nan")
        slope, offset = _line(times[good], light[good], np.ones(np.count_nonzero(good)))
        residuals = light / (slope * times + offset) - 1.0
        limit = _FARTHEST * max(scatter, mad_sigma(residuals[good]), 1e-6)
        with np.errstate(invalid="ignore"):
            kept = positive & (np.abs(residuals - np.median(residuals[good])) <= limit)
        if (kept == good).all():
            break
        good = kept
    return np.where(good, residuals, np.nan), offset


def finite_median(values: FloatArray, axis: int) -> FloatArray:
    """Median of the finite values along an axis; NaN where there is none."""
    return np.asarray(np.ma.filled(np.ma.median(np.ma.masked_invalid(values), axis=axis), np.nan))


def lamp_scatter(light: FloatArray, groups: npt.NDArray[np.int64]) -> float:
    """Fractional scatter of the lamp: of exposures of equal time about their mean; NaN without pairs.

    Parameters
    ----------
    light
        Shape (n,).
    groups
        Exposures of equal time, shape (n,).
    """
    differences: list[float] = []
    for group in np.unique(groups):
        own = light[(groups == group) & np.isfinite(light) & (light > 0)]
        differences += (np.diff(own) / own.mean()).tolist() if own.size > 1 else []
    if len(differences) < 3:
        return float("nan")
    return float(mad_sigma(np.array([*differences, *np.negative(differences)])) / np.sqrt(2.0))


def _light(
    light: FloatArray, pattern: FloatArray, offsets: FloatArray, values: FloatArray, errors: FloatArray
) -> Light:
    """Residuals of a model."""
    with np.errstate(divide="ignore", invalid="ignore"):
        residuals = (values - offsets) / (pattern * light[:, None]) - 1.0
    return Light(light, pattern, offsets, residuals, np.where(np.isfinite(residuals), errors, np.nan))


def _lines(light: FloatArray, values: FloatArray, fractions: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Slope and offset of each amplifier against the light; NaN where it has too few levels."""
    lines = np.full((2, values.shape[1]), np.nan)
    for i, (column, fraction) in enumerate(zip(values.T, fractions.T, strict=True)):
        good = np.isfinite(column) & np.isfinite(light)
        if np.count_nonzero(good) >= 3:
            # A thousandth beside the errors: what the model leaves out weighs alike at all levels.
            lines[:, i] = _line(light[good], column[good], 1.0 / np.hypot(fraction[good], 1e-3))
    return lines[0], lines[1]


def _line(x: FloatArray, y: FloatArray, weights: FloatArray) -> tuple[float, float]:
    """Slope and intercept by least squares of fractional residuals, with weights for these."""
    w = weights / y
    (slope, intercept), *_ = np.linalg.lstsq(np.stack([x * w, w], axis=1), y * w, rcond=None)
    return float(slope), float(intercept)
