"""Covariances of flats beyond those of photons and read noise, gathered over levels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tasks.combine.clipping import clipped_variance_factor
from tasks.flat_pairs.model import PairMeasurement

__all__ = ["CovarianceExcess", "combined", "excess_of"]

type FloatArray = npt.NDArray[np.float64]
type _Level = tuple[float, FloatArray, FloatArray]

_UNCLIPPED = float(clipped_variance_factor(3.0))
"""Variance of a Gaussian in units of that of the overscan, which is measured with a clip of 3 sigma."""

_LEAST_VARIANCE = 0.5
"""Variance, in units of that of photons, below which a level is saturated: the effect takes a third."""

_SAME = 1e-3
"""Fraction by which the mean of a pair may differ from what it was when the kernel was made."""


@dataclass(frozen=True, slots=True, eq=False)
class CovarianceExcess:
    """What levels of one amplifier have in covariance beyond photons and read noise."""

    signals: FloatArray
    """electron, shape (n,)."""
    values: FloatArray
    """electron², shape (n, r, r), [serial lag][parallel lag]."""
    errors: FloatArray
    """Standard errors, same shape."""

    @property
    def slopes(self) -> FloatArray:
        """Excess over squared signal (1/electron), weighted mean over the levels; shape (r, r)."""
        return np.asarray(np.sum(self._weights * self.values, axis=0) / self._total)

    @property
    def slope_errors(self) -> FloatArray:
        """Standard errors of the slopes."""
        return np.asarray(1.0 / np.sqrt(self._total))

    @property
    def _weights(self) -> FloatArray:
        return np.asarray(self.signals[:, None, None] ** 2 / self.errors**2)

    @property
    def _total(self) -> FloatArray:
        return np.asarray(np.sum(self._weights * self.signals[:, None, None] ** 2, axis=0))


def excess_of(
    before: Sequence[PairMeasurement],
    after: Sequence[PairMeasurement],
    gains: Mapping[str, float],
    highest: Mapping[str, float],
    *,
    lowest_signal: float = 10_000.0,
) -> dict[str, tuple[CovarianceExcess, CovarianceExcess]]:
    """Gather what pairs of flats show without and with the correction, amplifier by amplifier.

    Parameters
    ----------
    before, after
        The same pairs of flats in the same order (adu).
    gains
        electron/adu, by amplifier; one without a positive gain is left out.
    highest
        Mean (adu) above which an amplifier's response is lost; levels beyond it are left out, as are those
        with less than half the variance of photons, which are saturated.
    lowest_signal
        Levels below it (electron) are left out.

    Returns
    -------
    excess
        Without and with the correction, by amplifier; none of an amplifier without a level. The one without
        decides which levels count.
    """
    rows: dict[str, list[tuple[_Level, _Level]]] = {}
    for one, other in zip(before, after, strict=True):
        gain = gains.get(one.amplifier, np.nan)
        signal = gain * one.mean
        if one.reason is not None or other.reason is not None or not gain > 0 or not signal >= lowest_signal:
            continue
        is_sound = (one.sqrt_weights > 0).all() and (other.sqrt_weights > 0).all()
        is_saturated = not gain**2 * one.covariances[0, 0] > _LEAST_VARIANCE * signal
        if one.mean > (1.0 + _SAME) * highest.get(one.amplifier, np.inf) or not is_sound or is_saturated:
            continue
        rows.setdefault(one.amplifier, []).append((_level(one, gain), _level(other, gain)))
    return {
        name: (_gathered([pair[0] for pair in levels]), _gathered([pair[1] for pair in levels]))
        for name, levels in rows.items()
    }


def _level(one: PairMeasurement, gain: float) -> _Level:
    """Signal, excess and errors of one level (electron)."""
    signal, noise = gain * one.mean, one.reading.overscan_noise
    values = gain**2 * one.covariances
    values[0, 0] -= signal + (_UNCLIPPED * (gain * noise) ** 2 if np.isfinite(noise) else 0.0)
    return signal, values, gain**2 / one.sqrt_weights


def _gathered(levels: Sequence[_Level]) -> CovarianceExcess:
    signals, values, errors = zip(*levels, strict=True)
    return CovarianceExcess(np.array(signals), np.array(values), np.array(errors))


def combined(excesses: Sequence[CovarianceExcess]) -> CovarianceExcess | None:
    """Levels of all amplifiers together; None of none."""
    if not excesses:
        return None
    return CovarianceExcess(
        np.concatenate([one.signals for one in excesses]),
        np.concatenate([one.values for one in excesses]),
        np.concatenate([one.errors for one in excesses]),
    )
