"""Whether two flats are of one detector: the pattern of its pixels' response tells, as a fingerprint does."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import uniform_filter

from infra.images import CalibrationImage, MaskPlane
from infra.instruments.layout import Box, DetectorLayout

__all__ = ["PatternMatch", "match_patterns"]

type FloatArray = npt.NDArray[np.float64]

SMOOTHING = 15
"""Side of the box (pixels) over which the response is averaged; the pattern is what differs from that."""

LARGEST = 0.05
"""Pixels that differ by more are defects or dust, and take no part."""

LEAST_OWN = 0.1
"""Part of the variance that must be the pixels' own, not noise; else the patterns tell nothing."""

FEWEST = 1000
"""Pixels below which nothing is said."""

_UNUSABLE = np.uint16(MaskPlane.BAD | MaskPlane.NO_DATA | MaskPlane.SAT | MaskPlane.VIGNETTED)


@dataclass(frozen=True, slots=True)
class PatternMatch:
    """How alike the fine patterns of two flats are."""

    match: float
    """Correlation of the patterns, freed of noise: 1 for one detector, 0 for two; NaN where the flats do not
    show any pattern."""
    strength: float
    """Standard deviation of the pixels' response, from what both flats have in common with themselves."""
    n_pixels: int
    """Pixels that were compared."""


def match_patterns(
    candidate: CalibrationImage, former: CalibrationImage, layout: DetectorLayout
) -> PatternMatch:
    """Compare the fine patterns of two flats.

    Parameters
    ----------
    candidate, former
        Combined flats, about 1, shape ``layout.image_shape``.
    layout
        The detector, amplifier by amplifier.

    Notes
    -----
    With patterns a and b, of variances A and B that noise of variances m and n is part of, the match is
    Σ ab / (N √((A − m)(B − n))). The response of neighbouring pixels differs by half a per cent and more, in
    a way that stays with the sensor for years; the noise of a score of flats is a fraction of that.
    Flats of different shape are of different detectors.
    """
    if candidate.image.shape != former.image.shape:
        return PatternMatch(0.0, math.nan, 0)
    sums = np.zeros(4)
    noises: list[tuple[float, float, int]] = []
    for box in (one.image_box for one in layout.amplifiers):
        for first, second, noise in _patterns(candidate, former, box):
            sums += np.array([first.size, first @ first, second @ second, first @ second], np.float64)
            noises.append((*noise, first.size))
    n = int(sums[0])
    if n < FEWEST:
        return PatternMatch(math.nan, math.nan, n)
    total, own = sums[1:3] / n, np.zeros(2)
    for k in range(2):
        own[k] = total[k] - sum(one[k] * one[2] for one in noises) / n
    if (own < LEAST_OWN * total).any():
        return PatternMatch(math.nan, math.sqrt(max(own.min(), 0.0)), n)
    return PatternMatch(float(sums[3] / n / math.sqrt(own[0] * own[1])), float(math.sqrt(own.min())), n)


def _photon_noise(flat: CalibrationImage) -> float:
    """Return the variance that the light alone gives to a flat of 1; 0 where its header does not tell.

    The scatter of few exposures is less once the clip has taken the outermost away.
    """
    cards = flat.metadata
    if cards.get("LSST ISR UNITS") != "electron":
        return 0.0
    scales = [value for key, value in cards.items() if key.startswith("CPP_INPUT_SCALE_")]
    light = sum(value for value in scales if isinstance(value, float))
    return 1.0 / light if light > 0 else 0.0


def _patterns(
    candidate: CalibrationImage, former: CalibrationImage, box: Box
) -> Iterator[tuple[FloatArray, FloatArray, tuple[float, float]]]:
    """Yield the patterns of an amplifier in both flats, and the variance of their noise."""
    usable = np.ones(box.shape, np.bool_)
    parts: list[FloatArray] = []
    noises: list[FloatArray] = []
    for flat in (candidate, former):
        image = flat.image[box.slices].astype(np.float64)
        usable &= ((flat.mask[box.slices] & _UNUSABLE) == 0) & np.isfinite(image) & (image > 0)
        if not usable.any():
            return
        filled = np.where(usable, image, np.median(image[usable]))
        smooth = uniform_filter(filled, SMOOTHING, mode="reflect")
        parts.append(filled / smooth - 1.0)
        noises.append(np.maximum(flat.variance[box.slices] / smooth**2, _photon_noise(flat) / smooth))
        usable &= np.abs(parts[-1]) < LARGEST
    if usable.any():
        first, second = (part[usable] for part in parts)
        noise = [float(np.mean(one[usable & np.isfinite(one)])) for one in noises]
        yield first - first.mean(), second - second.mean(), (noise[0], noise[1])
