"""Overscan correction: subtract the electronic offset that the overscan pixels measure."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tasks.isr.overscan_fit import (
    OverscanStatistics,
    fill_unknown,
    fit_median_per_row,
    grown,
    residual_statistics,
)

__all__ = [
    "LATISS_PARALLEL",
    "PARALLEL",
    "SERIAL",
    "OverscanResult",
    "OverscanSettings",
    "correct_parallel_overscan",
    "correct_serial_overscan",
    "reject_lines",
]


@dataclass(frozen=True, slots=True)
class OverscanSettings:
    """How the level of an overscan is found; thresholds in adu, times the gain for an image in electron."""

    skip_leading: int = 3
    """Columns (serial) or rows (parallel) left out next to the data, where deferred charge arrives."""
    skip_trailing: int = 3
    """Columns or rows left out at the far end."""
    n_sigma: float = 3.0
    """Pixels further from their row's median than this many standard deviations are left out."""
    maximum_deviation: float = 1000.0
    """Pixels further than this (adu) from the median of the overscan are bad."""
    absolute_deviation: bool = True
    """Whether that holds on both sides of the median, or only above it."""
    grow: int = 2
    """Rows or columns on each side of one with no good pixel that are given up too."""
    smoothing_width: int = 0
    """Width of the median filter against which column medians are held (parallel); 0 for no such test."""
    smoothing_threshold: float = 5.0
    """Columns whose median exceeds the filtered one by this (adu) or more are given up."""
    flooded_fraction: float = np.inf
    """No correction when the overscan's median exceeds this fraction of the data's …"""
    flooded_level: float = np.inf
    """… and the data's median exceeds this (adu): charge of a bright image floods the overscan."""
    saturation_fraction: float = np.inf
    """Pixels above this fraction of the saturation level are given up (parallel)."""
    default_saturation: float = 20000.0
    """Limit (adu) used in its place for an amplifier without a saturation level."""
    saturation_grow: int = 7
    """Pixels around such a pixel that are given up too (city-block distance)."""


SERIAL = OverscanSettings()
"""Serial overscan (Rubin ip_isr)."""

PARALLEL = OverscanSettings(
    maximum_deviation=100.0,
    absolute_deviation=False,
    smoothing_width=5,
    flooded_fraction=0.5,
    flooded_level=10000.0,
    saturation_fraction=0.75,
)
"""Parallel overscan (Rubin ip_isr)."""

LATISS_PARALLEL = OverscanSettings(
    maximum_deviation=100.0,
    absolute_deviation=True,
    smoothing_width=0,
    flooded_fraction=0.5,
    flooded_level=10000.0,
    saturation_fraction=0.75,
)
"""Parallel overscan of LATISS (Rubin obs_lsst): deviations count on both sides, columns are not smoothed."""


@dataclass(frozen=True, slots=True)
class OverscanResult:
    """What an overscan correction found."""

    applied: bool
    """False when the overscan was flooded or had no good pixel, and nothing was subtracted."""
    level: OverscanStatistics
    """Of the level that was subtracted."""
    residual: OverscanStatistics
    """Of the overscan after subtraction, skipped columns or rows left out."""


_NOT_APPLIED = OverscanStatistics(0.0, 0.0, 0.0)


def correct_serial_overscan(
    segment: npt.NDArray[np.float32], overscan: npt.NDArray[np.float32], settings: OverscanSettings = SERIAL
) -> OverscanResult:
    """Subtract the level of each row from a whole segment, in place.

    Parameters
    ----------
    segment
        All pixels of one amplifier: prescan, data, serial and parallel overscan; shape (ny, nx), adu.
    overscan
        The segment's serial overscan over all its rows, data side first, skipped columns included.
    settings
        How the level is found.

    Notes
    -----
    Rubin ip_isr: levels are fitted for the rows of the parallel overscan too, so that it can be corrected in
    turn.
    """
    trimmed = _trimmed(overscan, settings)
    rejected = reject_lines(trimmed, _deviant(trimmed, None, settings, 1.0), settings, 1.0)
    levels = fit_median_per_row(trimmed, rejected, settings.n_sigma)
    if levels is None:
        return OverscanResult(False, _NOT_APPLIED, residual_statistics(trimmed, rejected))
    segment -= levels[:, None]
    residual = residual_statistics(trimmed - levels[:, None], rejected)
    return OverscanResult(True, _level_statistics(levels), residual)


def correct_parallel_overscan(
    data: npt.NDArray[np.float32],
    overscan: npt.NDArray[np.float32],
    settings: OverscanSettings = PARALLEL,
    gain: float = 1.0,
    saturation: float | None = None,
) -> OverscanResult:
    """Subtract the level of each column from the data pixels, in place.

    Parameters
    ----------
    data
        Data pixels of one amplifier, shape (ny, nx), adu or electron, serial overscan already subtracted.
    overscan
        Its parallel overscan over the data columns, data side first, shape (rows, nx), same unit.
    settings
        How the level is found.
    gain
        Multiplies every level of the settings: the gain (electron/adu) of an image in electron, 1 in adu.
    saturation
        Saturation level in the unit of the image; None or NaN when the amplifier has none.

    Notes
    -----
    Rubin ip_isr. Near-saturated pixels of the overscan are given up first; then a flooded overscan is told by
    its median against that of the data; then deviant pixels and columns are given up.
    """
    columns = overscan.T
    trimmed = _trimmed(columns, settings)
    limit = settings.default_saturation * gain
    if saturation is not None and np.isfinite(saturation):
        limit = settings.saturation_fraction * saturation
    bright = columns > limit
    rejected = _trimmed(grown(bright, settings.saturation_grow), settings) if bright.any() else None
    if _is_flooded(overscan, data, settings, gain):
        return OverscanResult(False, _NOT_APPLIED, residual_statistics(trimmed, rejected))
    rejected = reject_lines(trimmed, _deviant(trimmed, rejected, settings, gain), settings, gain)
    levels = fit_median_per_row(trimmed, rejected, settings.n_sigma)
    if levels is None:
        return OverscanResult(False, _NOT_APPLIED, residual_statistics(trimmed, rejected))
    data -= levels
    residual = residual_statistics(trimmed - levels[:, None], rejected)
    return OverscanResult(True, _level_statistics(levels), residual)


def reject_lines(
    overscan: npt.NDArray[np.float32],
    rejected: npt.NDArray[np.bool_] | None,
    settings: OverscanSettings,
    gain: float = 1.0,
) -> npt.NDArray[np.bool_] | None:
    """Give up whole lines (rows of a serial, columns of a parallel overscan) and their neighbours.

    Parameters
    ----------
    overscan
        Shape (lines, samples).
    rejected
        Pixels already given up, same shape; None when there are none.
    settings
        Says how far to grow, and whether to hold each line's median against its neighbours'.
    gain
        Multiplies the threshold of that test.

    Returns
    -------
    rejected
        With all pixels set of lines that had no good pixel left, or stand out above a median filter of the
        lines' medians, and of their neighbours. Lines within a filter's width of the ends are not held
        against it.
    """
    lines = np.zeros(overscan.shape[0], np.bool_) if rejected is None else rejected.all(axis=1)
    width = settings.smoothing_width
    if width and overscan.shape[0] > 2 * width:
        samples = overscan if rejected is None else np.where(rejected, np.float32(np.nan), overscan)
        medians = np.full(overscan.shape[0], np.nan, np.float32)
        medians[~lines] = np.nanmedian(samples[~lines], axis=1)
        medians = fill_unknown(medians) if np.isfinite(medians).any() else np.zeros_like(medians)
        padded = np.pad(medians, width // 2, mode="edge")
        smooth = np.median(np.lib.stride_tricks.sliding_window_view(padded, width), axis=1)
        stands_out = medians - smooth >= settings.smoothing_threshold * gain
        stands_out[:width] = stands_out[-width:] = False
        lines |= stands_out
    if not lines.any():
        return rejected
    whole = np.broadcast_to(grown(lines, settings.grow)[:, None], overscan.shape)
    return whole.copy() if rejected is None else rejected | whole


def _trimmed[T: np.generic](lines: npt.NDArray[T], settings: OverscanSettings) -> npt.NDArray[T]:
    """Copy without the samples nearest to the data and those at the far end."""
    return np.ascontiguousarray(lines[:, settings.skip_leading : lines.shape[1] - settings.skip_trailing])


def _deviant(
    overscan: npt.NDArray[np.float32],
    rejected: npt.NDArray[np.bool_] | None,
    settings: OverscanSettings,
    gain: float,
) -> npt.NDArray[np.bool_] | None:
    """Add to the rejected pixels those too far from the median of the others."""
    limit = settings.maximum_deviation * gain
    if overscan.size == 0 or overscan.max() - overscan.min() <= limit:
        return rejected  # no pixel can be further from the median than the range
    good = overscan[~rejected] if rejected is not None else overscan
    good = good[np.isfinite(good)]
    if not good.size:
        return rejected
    deviation = overscan - np.median(good)
    deviant = (np.abs(deviation) if settings.absolute_deviation else deviation) > limit
    return deviant if rejected is None else rejected | deviant


def _is_flooded(
    overscan: npt.NDArray[np.float32],
    data: npt.NDArray[np.float32],
    settings: OverscanSettings,
    gain: float,
) -> bool:
    """Tell whether the image has spilled into the overscan."""
    # Both conditions together ask for an overscan above this, and medians take longer than a maximum.
    level = settings.flooded_level * gain
    if not np.isfinite(level) or not np.nanmax(overscan, initial=-np.inf) > settings.flooded_fraction * level:
        return False
    overscan_median = float(np.nanmedian(overscan))
    data_median = float(np.nanmedian(data)) if np.isfinite(data).any() else 0.0
    return data_median > level and overscan_median / data_median > settings.flooded_fraction


def _level_statistics(levels: npt.NDArray[np.float32]) -> OverscanStatistics:
    """Plain statistics of the levels subtracted."""
    return OverscanStatistics(
        float(levels.mean(dtype=np.float64)),
        float(np.median(levels)),
        float(levels.std(dtype=np.float64)),
    )
