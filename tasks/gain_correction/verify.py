"""Verification of a correction of the gains: what it leaves in the ratio of the two flats.

Statistics of each amplifier:

``ADJUSTMENT``, ``ADJUSTMENT_ERROR``
    Factor that its data are divided by, and its standard error.
``CHANGE``
    The factor, less 1.
``NULL_RESIDUAL``, ``NULL_ALLOWANCE``
    What a second correction would still change, and five standard errors of it.

Of the detector:

``STEP``, ``STEP_BEFORE``, ``STEP_ALLOWANCE``
    Scatter about 0 of the steps in the ratio of the flats from each amplifier to its neighbours, with the
    correction and without it; and what five times the noise of the bins gives. Only bins beside the border
    take part, and no light is fitted: a second opinion.
``RATIO_SCATTER``
    Scatter of the factors.
``N_LEFT_OUT``
    Amplifiers that are not corrected.
``LARGEST_CHANGE``
    Of the factors the one farthest from 1, less 1.
"""

import math

import numpy as np
import numpy.typing as npt
from astropy.table import Table

from infra.images import CalibrationImage
from infra.instruments.layout import DetectorLayout
from tasks.flat_pairs.amplifier_ratios import amplifier_ratios
from tasks.flat_pairs.binned_flat import BinnedFlat
from tasks.flat_pairs.blas import one_thread
from tasks.gain_correction.algorithm import GainCorrectionSettings, from_table
from tasks.gain_correction.solution.borders import border_steps
from tasks.gain_correction.solution.model import GainCorrection
from tasks.gain_correction.solution.ratio import corrected_ratio, ratio_grid, ratio_of_flats
from tasks.verification.model import StatisticValues
from tasks.verification.quantum import ProductMeasurement

__all__ = ["product_statistics"]

type FloatArray = npt.NDArray[np.float64]

N_ERRORS = 5.0
"""Standard errors that are granted."""


def product_statistics(
    table: Table,
    new: CalibrationImage,
    reference: CalibrationImage,
    layout: DetectorLayout,
    instrument: str,
    settings: GainCorrectionSettings,
) -> ProductMeasurement:
    """Measure a correction of the gains.

    Parameters
    ----------
    table
        As the task wrote it.
    new, reference
        The new flat and the one in use.
    layout, instrument
        The detector and its camera.
    settings
        How the correction was found.
    """
    correction = from_table(table)
    names = [one.name for one in layout.amplifiers]
    known = correction.adjustments
    factors = np.array([known.get(name, np.nan) for name in names])
    problems = correction.reasons | {name: "the table leaves it out" for name in names if name not in known}
    grid = ratio_grid(
        layout,
        instrument,
        edge=settings.edge,
        bin_size=settings.bin_size,
        with_profile=settings.radial_nodes > 0,
    )
    ratio = ratio_of_flats(new, reference, grid, settings.n_sigma)
    good = np.array([name not in problems for name in names])
    before = _of(ratio, good)
    after = corrected_ratio(before, factors)
    errors = {one.name: one.error for one in correction.amplifiers}
    residuals = _null_residuals(after, good, names, correction, settings)
    amplifiers: dict[str, StatisticValues] = {}
    for place, name in enumerate(names):
        if name not in problems:
            amplifiers[name] = {
                "ADJUSTMENT": float(factors[place]),
                "ADJUSTMENT_ERROR": errors[name],
                "CHANGE": float(factors[place]) - 1.0,
                "NULL_RESIDUAL": abs(float(residuals[place])),
                "NULL_ALLOWANCE": N_ERRORS * errors[name],
            }
    changes = factors[good] - 1.0
    left, noise = border_steps(after, layout, settings.bin_size)
    steps, _ = border_steps(before, layout, settings.bin_size)
    detector: StatisticValues = {
        "STEP": _about_zero(left),
        "STEP_BEFORE": _about_zero(steps),
        "STEP_ALLOWANCE": N_ERRORS * _about_zero(noise),
        "RATIO_SCATTER": float(np.std(changes)) if changes.size else math.nan,
        "N_LEFT_OUT": float(len(problems)),
        "LARGEST_CHANGE": float(max(changes, key=abs)) if changes.size else math.nan,
    }
    return ProductMeasurement(amplifiers, detector, problems)


def _of(ratio: BinnedFlat, good: npt.NDArray[np.bool_]) -> BinnedFlat:
    """Bins of some amplifiers."""
    kept = good[ratio.amplifier]
    radius = None if ratio.radius is None else ratio.radius[kept]
    return BinnedFlat(ratio.amplifier[kept], ratio.x[kept], ratio.y[kept], ratio.value[kept], radius)


def _null_residuals(
    after: BinnedFlat,
    good: npt.NDArray[np.bool_],
    names: list[str],
    correction: GainCorrection,
    settings: GainCorrectionSettings,
) -> FloatArray:
    """Ratios that are left, about the median, less 1; NaN where nothing can be fitted."""
    if not good.any() or not after.value.size:
        return np.full(len(names), np.nan)
    fixed = names.index(correction.middle) if correction.middle in names else int(np.flatnonzero(good)[0])
    with one_thread():
        ratios = amplifier_ratios(after, fixed, len(names), settings.ratio_settings).ratios
    finite = ratios[np.isfinite(ratios)]
    return ratios / (float(np.median(finite)) if finite.size else np.nan) - 1.0


def _about_zero(values: FloatArray) -> float:
    """Root of the mean square; NaN of nothing."""
    return float(np.sqrt(np.mean(np.square(values)))) if values.size else math.nan
