"""The gains of a detector adjusted to the ratios that its own flats show."""

from collections.abc import Sequence

import numpy as np
from astropy.table import Table

from tasks.flat_pairs.binned_flat import BinGrid
from tasks.flat_pairs.blas import one_thread
from tasks.flat_pairs.curve.model import PhotonTransferCurve
from tasks.flat_pairs.sequence import BinnedExposure
from tasks.ptc.solve.gain_ratio import (
    AdjustedGains,
    GainRatioSettings,
    adjust_gains,
    choose_flats,
    gain_ratios,
    reference_amplifier,
)

__all__ = ["adjust_to_flats", "adjustment_table"]


def adjust_to_flats(
    curve: PhotonTransferCurve,
    grid: BinGrid,
    exposures: Sequence[BinnedExposure],
    settings: GainRatioSettings | None = None,
) -> AdjustedGains:
    """Adjust gains so that a smooth illumination shows no step between amplifiers.

    Parameters
    ----------
    curve
        With the gains that its fit gave, amplifiers in the order of the grid.
    grid
        Bins of the detector.
    exposures
        Binned flats to choose from.
    settings
        How ratios are found.
    """
    settings = settings or GainRatioSettings()
    fixed = reference_amplifier(curve, settings.highest_noise)
    good = [one.name for one in curve.amplifiers if not one.is_bad]
    means = np.array([_mean_over(one, good) for one in exposures], np.float64)
    chosen = [exposures[place] for place in choose_flats(means, settings)] if means.size else []
    names = [one.name for one in curve.amplifiers]
    gains = np.array([one.gain_unadjusted for one in curve.amplifiers])
    ratios = []
    if fixed is not None:
        # Sums over all bins would end in other digits on a machine with another number of cores.
        with one_thread():
            for one in chosen:
                found = gain_ratios(grid, one.values, gains, names.index(fixed), settings)
                ratios.append(dict(zip(names, found.tolist(), strict=True)))
    return adjust_gains(
        curve,
        fixed,
        ratios,
        tuple((one.exposure, _mean_over(one, good)) for one in chosen) if ratios else (),
    )


def adjustment_table(adjusted: AdjustedGains) -> Table:
    """Table of the adjustment, one row per flat.

    Returns
    -------
    table
        ``exp_id``, ``mean_adu`` and ``<amplifier>_gain_ratio`` (Rubin cp_pipe, ``ptc_adjustment_summary``).
        Its ``fixed_amp_name`` and ``median_correction`` are columns here, since the metadata of such a table
        do not outlive the Butler.
    """
    n = len(adjusted.flats)
    return Table(
        {
            "exp_id": np.array([exposure for exposure, _ in adjusted.flats], np.int64),
            "mean_adu": np.array([mean for _, mean in adjusted.flats], np.float64),
            "fixed_amp_name": np.full(n, adjusted.reference or ""),
            "median_correction": np.full(n, adjusted.median_correction),
            **{f"{name}_gain_ratio": ratios for name, ratios in adjusted.ratios.items()},
        }
    )


def _mean_over(exposure: BinnedExposure, names: Sequence[str]) -> float:
    """Mean over some amplifiers (adu); NaN without any."""
    means = [exposure.means[name] for name in names if np.isfinite(exposure.means.get(name, np.nan))]
    return float(np.mean(means)) if means else float("nan")
