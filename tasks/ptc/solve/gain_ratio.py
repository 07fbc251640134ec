"""Gains made consistent across a detector: a flat must not step from one amplifier to the next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from tasks.flat_pairs.amplifier_ratios import RatioSettings, amplifier_ratios, reference_amplifier
from tasks.flat_pairs.binned_flat import BinGrid, in_electrons
from tasks.flat_pairs.curve.model import PhotonTransferCurve

__all__ = [
    "AdjustedGains",
    "GainRatioSettings",
    "adjust_gains",
    "choose_flats",
    "gain_ratios",
    "reference_amplifier",
]

type FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class GainRatioSettings(RatioSettings):
    """How gain ratios are found; the defaults are those of Rubin's cp_pipe for LATISS."""

    n_flats: int = 50
    """Most flats used."""
    means: tuple[float, float] = (1000.0, 20_000.0)
    """Range of the flats' means (adu)."""
    seed: int = 12345
    """Seed of the choice among more flats."""
    highest_noise: float = 12.0
    """Highest read noise of the reference amplifier (electron)."""


@dataclass(frozen=True, slots=True, eq=False)
class AdjustedGains:
    """Result of the adjustment."""

    curve: PhotonTransferCurve
    """The curve with adjusted gains."""
    reference: str | None
    """Name of the amplifier that the ratios are relative to; None when nothing was adjusted."""
    ratios: Mapping[str, FloatArray]
    """Ratio of each amplifier in each flat, NaN where there is none."""
    median_correction: float
    """Median over the amplifiers of their median ratio."""
    flats: tuple[tuple[int, float], ...] = ()
    """Exposure ID and mean (adu) of each flat."""
    reason: str | None = None
    """Why nothing was adjusted; None when it was."""


def choose_flats(means: FloatArray, settings: GainRatioSettings | None = None) -> npt.NDArray[np.intp]:
    """Choose the flats to use.

    Parameters
    ----------
    means
        Mean over the good amplifiers of each flat (adu), shape (n,).

    Returns
    -------
    places
        Of the chosen, in order.
    """
    settings = settings or GainRatioSettings()
    places = np.flatnonzero((means > settings.means[0]) & (means < settings.means[1]))
    if places.size > settings.n_flats:
        random = np.random.RandomState(settings.seed)
        places = np.sort(random.choice(places, size=settings.n_flats, replace=False))
    return places


def gain_ratios(
    grid: BinGrid,
    values: npt.NDArray[np.float32],
    gains: FloatArray,
    fixed: int,
    settings: GainRatioSettings | None = None,
) -> FloatArray:
    """Ratios of the amplifiers' signals in one flat to a smooth illumination.

    Parameters
    ----------
    grid
        Bins of the detector.
    values
        Means of the bins (adu), shape (n_bins,).
    gains
        Of each amplifier of the grid (electron/adu); NaN for one that takes no part.
    fixed
        Place of the amplifier whose ratio is 1.

    Returns
    -------
    ratios
        Of each amplifier; NaN for one without usable bins.

    Notes
    -----
    A Chebyshev polynomial for the illumination and the amplifiers' medians about it are fitted in turns.
    """
    settings = settings or GainRatioSettings()
    flat = in_electrons(grid, values, gains.tolist())
    return amplifier_ratios(flat, fixed, gains.size, settings).ratios


def adjust_gains(
    curve: PhotonTransferCurve,
    fixed: str | None,
    ratios: Sequence[Mapping[str, float]],
    flats: tuple[tuple[int, float], ...] = (),
) -> AdjustedGains:
    """Divide the gains by their ratios.

    Parameters
    ----------
    curve
        With unadjusted gains.
    fixed
        The reference amplifier, None where there is none.
    ratios
        Of each flat, by name of the amplifier.
    flats
        Exposure ID and mean (adu) of each flat, for the record.

    Returns
    -------
    adjusted
        gain = unadjusted gain ÷ (median ratio ÷ median of the median ratios); an amplifier without ratios
        keeps its gain, and so do all without a reference or flats.
    """
    names = [one.name for one in curve.amplifiers]
    table = {name: np.array([ratio.get(name, np.nan) for ratio in ratios]) for name in names}
    medians = {
        name: float(np.median(values[np.isfinite(values)]))
        for name, values in table.items()
        if np.isfinite(values).any()
    }
    if fixed is None or not medians:
        reason = "fewer than two amplifiers fit for reference" if fixed is None else "no flat gives a ratio"
        return AdjustedGains(curve, None, table, np.nan, flats, reason)
    middle = float(np.median(list(medians.values())))
    amplifiers = tuple(
        one
        if one.is_bad or one.name not in medians
        else replace(one, gain=one.gain_unadjusted * middle / medians[one.name])
        for one in curve.amplifiers
    )
    return AdjustedGains(replace(curve, amplifiers=amplifiers), fixed, table, middle, flats)
