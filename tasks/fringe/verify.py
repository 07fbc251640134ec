"""Verification of a fringe frame: what is left of the fringes of a frame once it has been subtracted.

What should be left is sky without structure, so that blocks of pixels scatter by the noise of their pixels
alone. Statistics of an exposure, for the detector:

``FRINGE_AMPLITUDE``, ``FRINGE_AMPLITUDE_ERROR``
    By what the fringe frame was multiplied, and its standard error (electron).
``SKY_LEVEL``
    Mean of the smooth sky (electron).
``AMPLITUDE_RATIO``
    FRINGE_AMPLITUDE over SKY_LEVEL: 1 where fringes and sky vary together as they did in the inputs.
``PIXEL_NOISE``
    Scatter of the pixels about their block, of which no structure is part (electron).
``FRINGE_BEFORE``, ``FRINGE_RESIDUAL``
    Standard deviation of the structure in blocks of pixels before and after the fringes are subtracted, in
    units of PIXEL_NOISE; negative where noise made its square so.
``FRINGE_CORRELATION``
    Correlation of that structure with the fringe frame, both free of noise: 1 when the fringe frame is all
    there is to see, 0 for one that has gone stale; NaN where the exposure shows no structure.
``UNEVENNESS``, ``UNEVENNESS_ERROR``
    Amplitude left over in one half of the detector (every other square of a chess board) less that in the
    other half, over SKY_LEVEL. The amplitude left over in the whole is 0 by the fit and says nothing.

Of the fringe frame itself, in units of the sky: ``PATTERN_MEAN``, ``PATTERN_NOISE`` (the standard error of a
pixel) and ``BAD_FRACTION`` of each amplifier. For the detector ``PATTERN_MEAN``, ``PATTERN_RMS`` (standard
deviation of its structure) and ``PATTERN_SIGNIFICANCE`` (the square of that over its standard error).
"""

import math

import numpy as np
import numpy.typing as npt

from infra.errors import CalprodError
from infra.images import CalibrationImage, CorrectedExposure, MaskPlane
from infra.instruments.layout import DetectorLayout
from tasks.combine.clipping import clipped_statistics_of_amplifier
from tasks.combine.smooth_sky import usable_pixels
from tasks.combine.surface import SurfaceSettings
from tasks.fringe.checking.structure import structure_left
from tasks.isr.fringe import FRINGE_FIT, FringeFit, fit_fringe
from tasks.verification.model import StatisticValues
from tasks.verification.quantum import ProductMeasurement
from tasks.verification.sky_frames import noise_model, residual_statistics

__all__ = ["fringe_statistics", "noise_model", "product_statistics", "residual_statistics"]

_TILES = 8
"""Squares of the chess board along each axis."""


def fringe_statistics(
    exposure: CorrectedExposure,
    fringe: CalibrationImage,
    fit: FringeFit,
    settings: SurfaceSettings = FRINGE_FIT,
) -> StatisticValues:
    """Measure what a fringe frame left of the fringes of an exposure.

    Parameters
    ----------
    exposure
        What is left, sources flagged DETECTED, in electron.
    fringe
        The fringe frame under test, of which ``fit.amplitude`` times was subtracted.
    fit
        As `tasks.isr.fringe.subtract_fringe` returned it.
    settings
        Surface, blocks and clip.

    Returns
    -------
    StatisticValues
        As named in the module's description, of the detector; NaN where too little of the image is sky.
    """
    usable = usable_pixels(exposure.image, exposure.mask) & usable_pixels(fringe.image, fringe.mask)
    values: StatisticValues = {
        "FRINGE_AMPLITUDE": fit.amplitude,
        "FRINGE_AMPLITUDE_ERROR": fit.amplitude_error,
        "SKY_LEVEL": fit.level,
        "AMPLITUDE_RATIO": fit.amplitude / fit.level if fit.level > 0 else math.nan,
    }
    names = ("PIXEL_NOISE", "FRINGE_BEFORE", "FRINGE_RESIDUAL", "FRINGE_CORRELATION")
    try:
        left = structure_left(exposure.image, fringe.image, fit.amplitude, usable, settings)
    except CalprodError:
        values |= dict.fromkeys(names, math.nan)
    else:
        ratios = (left.before / left.pixel_noise, left.after / left.pixel_noise)
        values |= dict(zip(names, (left.pixel_noise, *ratios, left.correlation), strict=True))
    return values | _unevenness(exposure, fringe, fit.level, settings)


def product_statistics(
    calibration: CalibrationImage, layout: DetectorLayout, settings: SurfaceSettings = FRINGE_FIT
) -> ProductMeasurement:
    """Measure a fringe frame itself.

    Parameters
    ----------
    calibration
        The fringe frame.
    layout
        The detector's amplifiers.
    settings
        Surface, blocks and clip.
    """
    amplifiers: dict[str, StatisticValues] = {}
    for amplifier in layout.amplifiers:
        pixels = amplifier.image_box.slices
        image, mask = calibration.image[pixels], calibration.mask[pixels]
        good = usable_pixels(image, mask)
        variance = calibration.variance[pixels][good]
        amplifiers[amplifier.name] = {
            "PATTERN_MEAN": clipped_statistics_of_amplifier(image, mask).mean,
            "PATTERN_NOISE": math.sqrt(float(np.median(variance))) if variance.size else math.nan,
            "BAD_FRACTION": float(np.mean((mask & np.uint16(MaskPlane.BAD)) != 0)),
        }
    usable = usable_pixels(calibration.image, calibration.mask)
    try:
        found = structure_left(calibration.image, calibration.image, 0.0, usable, settings)
        rms, significance = found.before, found.significance
    except CalprodError:
        rms = significance = math.nan
    mean = clipped_statistics_of_amplifier(calibration.image, calibration.mask).mean
    detector = {"PATTERN_MEAN": mean, "PATTERN_RMS": rms, "PATTERN_SIGNIFICANCE": significance}
    return ProductMeasurement(amplifiers, detector)


def _unevenness(
    exposure: CorrectedExposure, fringe: CalibrationImage, level: float, settings: SurfaceSettings
) -> StatisticValues:
    """Return what is left in one half of the detector less what is left in the other."""
    names = ("UNEVENNESS", "UNEVENNESS_ERROR")
    black = _chess_board(exposure.image.shape, settings.side)
    try:
        first, second = (
            fit_fringe(exposure.image, exposure.mask, fringe, settings, chosen) for chosen in (black, ~black)
        )
    except CalprodError:
        return dict.fromkeys(names, math.nan)
    if not level > 0:
        return dict.fromkeys(names, math.nan)
    error = math.hypot(first.amplitude_error, second.amplitude_error)
    return dict(zip(names, ((first.amplitude - second.amplitude) / level, error / level), strict=True))


def _chess_board(shape: tuple[int, int], side: int) -> npt.NDArray[np.bool_]:
    """Return which blocks lie in the black squares."""
    rows, columns = (np.arange(size // side) * _TILES // (size // side) for size in shape)
    return np.asarray((rows[:, np.newaxis] + columns) % 2 == 0)
