"""Verification of the flat of a spectrograph: level, smoothness, and whether it is the flat of its sensor.

Statistics of each amplifier, over the pixels that are not BAD:

``LEVEL``, ``EXPECTED_LEVEL``
    Median, and what the gains of the photon transfer curve at hand ask for.
``STRUCTURE``
    Scatter of the medians of blocks larger than what was smoothed over, in units of LEVEL and without what
    the noise of the pixels gives them: what is left of optics and lamp.
``PIXEL_SCATTER``
    Scatter of the pixels (from their interquartile range), in units of LEVEL.
``FLAT_CORRELATION``
    Correlation of the differences of neighbouring pixels with those of the combined flat: 1 for a flat made
    from it, about 0 for one of another sensor or orientation. Only where that flat is at hand.
``N_NAN``
    Pixels that are not finite or not above 0: nothing can be divided by these. BAD ones count, too.
``BAD_FRACTION``
    Fraction of the pixels that are BAD.

Of the detector: ``N_BAD``, amplifiers without a flat; ``N_NAN``; ``STRUCTURE`` of the worst amplifier.
"""

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from infra.images import CalibrationImage, MaskPlane
from infra.instruments.layout import DetectorLayout
from tasks.combine.clipping import IQR_TO_SIGMA
from tasks.spectro_flat.algorithm import SpectroFlatSettings, scaled_gains
from tasks.verification.model import StatisticValues
from tasks.verification.quantum import ProductMeasurement

__all__ = ["product_statistics"]

BLOCK = 60
"""Side of a block (pixels): a box of the background's mesh and its neighbours on either side."""

_BAD = "CALPROD SPECTROFLAT BAD "
"""Beginning of the cards that say why an amplifier has no flat."""

_FEWEST = 0.5
"""Fraction of a block's pixels that must be usable."""


def product_statistics(
    calibration: CalibrationImage,
    layout: DetectorLayout,
    gains: Mapping[str, float],
    settings: SpectroFlatSettings,
    flat: CalibrationImage | None = None,
    block: int = BLOCK,
) -> ProductMeasurement:
    """Measure the flat of a spectrograph.

    Parameters
    ----------
    calibration
        The flat under test.
    layout
        Where the amplifiers lie.
    gains
        electron/adu, by amplifier, of those that have one.
    settings
        How it was made: in which direction gains enter.
    flat
        The combined flat of the same filter.
    block
        Side of a block for STRUCTURE (pixels).
    """
    problems = {
        name: str(calibration.metadata[_BAD + name])
        for one in layout.amplifiers
        if _BAD + (name := one.name) in calibration.metadata
    }
    _, scaled = scaled_gains(gains, scale=settings.scale_gains)
    measured: dict[str, StatisticValues] = {}
    for one in layout.amplifiers:
        if one.name in problems:
            continue
        pixels = one.image_box.slices
        image, bad = calibration.image[pixels], calibration.mask[pixels] & np.uint16(MaskPlane.BAD) != 0
        values = _of_amplifier(image, ~bad & np.isfinite(image), block)
        values["BAD_FRACTION"] = float(np.count_nonzero(bad)) / bad.size
        if one.name in scaled:
            gain = scaled[one.name]
            values["EXPECTED_LEVEL"] = 1.0 / gain if settings.divide_by_gains else gain
        if flat is not None and flat.image.shape == calibration.image.shape:
            values["FLAT_CORRELATION"] = _correlation(image, flat.image[pixels], ~bad)
        measured[one.name] = values
    structures = [one["STRUCTURE"] for one in measured.values() if math.isfinite(one["STRUCTURE"])]
    detector: StatisticValues = {
        "N_BAD": float(len(problems)),
        "N_NAN": float(np.count_nonzero(~(np.isfinite(calibration.image) & (calibration.image > 0)))),
        "STRUCTURE": max(structures, default=math.nan),
    }
    return ProductMeasurement(measured, detector, problems)


def _of_amplifier(
    image: npt.NDArray[np.float32], usable: npt.NDArray[np.bool_], block: int
) -> StatisticValues:
    """Level, structure and scatter of one amplifier."""
    n_nan = float(np.count_nonzero(~(np.isfinite(image) & (image > 0))))
    if not usable.any():
        return {"N_NAN": n_nan, "LEVEL": math.nan, "STRUCTURE": math.nan, "PIXEL_SCATTER": math.nan}
    first, level, third = np.percentile(image[usable], [25, 50, 75])
    scatter = IQR_TO_SIGMA * (third - first)
    return {
        "LEVEL": float(level),
        "STRUCTURE": _structure(image, usable, block, float(scatter)) / float(level) if level else math.nan,
        "PIXEL_SCATTER": float(scatter / level) if level else math.nan,
        "N_NAN": n_nan,
    }


def _structure(
    image: npt.NDArray[np.float32], usable: npt.NDArray[np.bool_], block: int, scatter: float
) -> float:
    """Scatter of the medians of blocks, without the part of the noise; NaN with fewer than two blocks."""
    # Narrow amplifiers of small frames have one block across.
    sides = [min(block, size) for size in image.shape]
    rows, columns = (size // side for size, side in zip(image.shape, sides, strict=True))
    medians, noise = [], []
    for i in range(rows):
        for j in range(columns):
            box = slice(i * sides[0], (i + 1) * sides[0]), slice(j * sides[1], (j + 1) * sides[1])
            values = image[box][usable[box]]
            if values.size >= _FEWEST * sides[0] * sides[1]:
                medians.append(float(np.median(values)))
                noise.append(0.5 * math.pi * scatter**2 / values.size)
    if len(medians) < 2:
        return math.nan
    return math.sqrt(max(float(np.var(medians)) - float(np.mean(noise)), 0.0))


def _correlation(
    image: npt.NDArray[np.float32], flat: npt.NDArray[np.float32], usable: npt.NDArray[np.bool_]
) -> float:
    """Correlation of the differences of horizontal neighbours, outliers of either left out."""
    both = usable & np.isfinite(image) & np.isfinite(flat)
    pairs = both[:, 1:] & both[:, :-1]
    one, other = np.diff(image, axis=1)[pairs], np.diff(flat, axis=1)[pairs]
    if one.size < 2:
        return math.nan
    kept = np.ones(one.size, np.bool_)
    for differences in (one, other):
        first, third = np.percentile(differences, [25, 75])
        kept &= np.abs(differences) <= 5.0 * IQR_TO_SIGMA * (third - first)
    if np.count_nonzero(kept) < 2 or not (np.std(one[kept]) > 0 and np.std(other[kept]) > 0):
        return math.nan
    return float(np.corrcoef(one[kept], other[kept])[0, 1])
