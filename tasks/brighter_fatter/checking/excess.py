"""Covariances of flats beyond those of photons and read noise, gathered over levels."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tasks.combine.clipping import clipped_variance_factor
from tasks.flat_pairs.model import PairMeasurement

__all__ = ["CovarianceExcess", "combined", "excess_of"]

type FloatArray = npt.NDArray[np.float64]

_UNCLIPPED = float(clipped_variance_factor(3.0))
"""Variance of a Gaussian in units of that of the overscan, which is measured with a clip of 3 sigma."""


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
    measurements: Iterable[PairMeasurement],
    gains: Mapping[str, float],
    highest: Mapping[str, float],
    *,
    lowest_signal: float = 10_000.0,
) -> dict[str, CovarianceExcess]:
    """Gather what pairs of flats show, amplifier by amplifier.

    Parameters
    ----------
    measurements
        Of pairs of flats (adu).
    gains
        electron/adu, by amplifier; one without a positive gain is left out.
    highest
        Mean (adu) above which an amplifier's response is lost; levels beyond it are left out.
    lowest_signal
        Levels below it (electron) are left out.

    Returns
    -------
    excess
        By amplifier; none of an amplifier without a level.
    """
    rows: dict[str, list[tuple[float, FloatArray, FloatArray]]] = {}
    for one in measurements:
        gain = gains.get(one.amplifier, np.nan)
        signal = gain * one.mean
        if one.reason is not None or not gain > 0 or not signal >= lowest_signal:
            continue
        if one.mean > 1.02 * highest.get(one.amplifier, np.inf) or not (one.sqrt_weights > 0).all():
            continue
        values = gain**2 * one.covariances
        noise = one.reading.overscan_noise
        values[0, 0] -= signal + (_UNCLIPPED * (gain * noise) ** 2 if np.isfinite(noise) else 0.0)
        rows.setdefault(one.amplifier, []).append((signal, values, gain**2 / one.sqrt_weights))
    return {
        name: CovarianceExcess(*(np.array(column) for column in zip(*levels, strict=True)))
        for name, levels in rows.items()
    }


def combined(excesses: Sequence[CovarianceExcess]) -> CovarianceExcess | None:
    """Levels of all amplifiers together; None of none."""
    if not excesses:
        return None
    return CovarianceExcess(
        np.concatenate([one.signals for one in excesses]),
        np.concatenate([one.values for one in excesses]),
        np.concatenate([one.errors for one in excesses]),
    )
