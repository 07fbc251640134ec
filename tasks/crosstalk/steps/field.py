"""What is where on an exposure of stars: sources of crosstalk, fainter stars, and the background between."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import label

from infra.images import MaskPlane
from infra.instruments.layout import DetectorLayout
from tasks.combine.background import background
from tasks.combine.clipping import clipped_variance_factor
from tasks.combine.sources import detect_sources
from tasks.crosstalk.steps.places import grown, read_with_others
from tasks.crosstalk.steps.sample import clipped

__all__ = ["ExtractionSettings", "Field"]

type FloatArray = npt.NDArray[np.float32]
type BoolArray = npt.NDArray[np.bool_]

_RIM = 3
"""Pixels around the place of crosstalk in which what stands out may be crosstalk, and is no star."""

_TOUCHED = 0.2
"""Part of what surrounds a place of possible crosstalk that stars may take before the place is given up."""

_SAMPLED = 100_000
"""Pixels of an amplifier that tell its level, to 0.5 % of their noise."""

_CLIP = 2.0
_PASSES = 4
"""Clip of the background's pixels (standard deviations about the median): as that of ratios."""


@dataclass(frozen=True, slots=True)
class ExtractionSettings:
    """How sources are found; the first three defaults are Rubin's (cp_pipe, CrosstalkExtractTask)."""

    threshold: float = 30_000.0
    """Pixels at or above this are sources (unit of the image, above the level of their amplifier)."""
    growth: int = 20
    """Pixels around sources, and around the places of possible crosstalk, that are no background (along each
    axis)."""
    mesh: int = 128
    """Size of a cell of the background (pixels)."""
    excluded: MaskPlane = MaskPlane.BAD | MaskPlane.INTRP | MaskPlane.SAT
    """Sources and targets with any of these planes are left out. Rubin keeps saturated ones, which have lost
    a part of the signal that the crosstalk came from."""
    maximum: float = math.inf
    """Pixels above this count as saturated (unit of the image): the signal that causes crosstalk is no longer
    in proportion to what was measured."""
    star_threshold: float | None = 5.0
    """Standard deviations at which stars too faint to be sources are found, which neither are background nor
    show crosstalk; None looks for none."""


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """What is where on an exposure; all arrays of shape (ny, nx)."""

    usable: BoolArray
    """Finite and not excluded."""
    saturated: BoolArray
    detected: BoolArray
    """Bright enough to be a source."""
    near: BoolArray
    """In the wings of a source of the same amplifier, or of its neighbour."""
    stars: BoolArray
    """Stars too faint to be sources, cosmic rays, and whatever else stands out."""
    contrast: FloatArray
    """Image less its background."""
    noise: dict[str, float]
    """Scatter of the background of each amplifier (unit of the image); NaN without any."""

    @classmethod
    def of(
        cls,
        image: FloatArray,
        mask: npt.NDArray[np.uint16],
        layout: DetectorLayout,
        settings: ExtractionSettings,
    ) -> "Field":
        """Tell apart sources, fainter stars and background.

        Parameters
        ----------
        image, mask
            Exposure after overscan and gain correction, shape (ny, nx).
        layout
            Where the amplifiers lie.
        settings
            What is a source.

        Notes
        -----
        The level of the background is the mean of what is left of its pixels after the clip that ratios go
        through, too: stars too faint to be found lie under both, and skew both alike. A clip of another width
        would leave a difference of half an electron, 1e-5 of a source of 50000.
        """
        finite = np.isfinite(image)
        saturated = (mask & np.uint16(MaskPlane.SAT) != 0) | (finite & (image > settings.maximum))
        usable = finite & (mask & np.uint16(settings.excluded) == 0) & ~saturated
        detected = finite & (image >= settings.threshold + _levels(image, usable, layout))
        near = grown(detected, settings.growth)
        places = read_with_others(detected | saturated, layout)
        excluded = ~usable | near | grown(places, settings.growth)
        contrast = _without_background(image, excluded, layout, settings.mesh)
        stars = np.zeros(image.shape, np.bool_)
        if settings.star_threshold is not None:
            hidden = ~usable | near | grown(places, _RIM)
            stars = _stars(contrast, hidden, layout, settings.star_threshold)
            stars |= _beside(stars, places)
            excluded |= stars
            contrast = _without_background(image, excluded, layout, settings.mesh)
        noise = {}
        for one in layout.amplifiers:
            pixels = one.image_box.slices
            rest = np.asarray(contrast[pixels][~excluded[pixels]], np.float64)
            rest = rest[:: max(1, rest.size // _SAMPLED)]
            noise[one.name] = math.nan
            if rest.size > 1:
                kept = rest[clipped(rest, _CLIP, _PASSES)]
                contrast[pixels] -= np.float32(kept.mean())
                noise[one.name] = float(kept.std()) * math.sqrt(clipped_variance_factor(_CLIP))
        return cls(usable, saturated, detected, near, stars, contrast, noise)


def _levels(image: FloatArray, usable: BoolArray, layout: DetectorLayout) -> FloatArray:
    """Median of each amplifier, from a sample of its pixels; 0 without any."""
    levels = np.zeros(image.shape, np.float32)
    for one in layout.amplifiers:
        y, x = one.image_box.slices
        some = image[y, x][::5, ::5][usable[y, x][::5, ::5]]
        levels[y, x] = np.median(some) if some.size else 0.0
    return levels


def _without_background(
    image: FloatArray, excluded: BoolArray, layout: DetectorLayout, mesh: int
) -> FloatArray:
    """Subtract the background of each amplifier."""
    contrast = np.empty(image.shape, np.float32)
    for one in layout.amplifiers:
        pixels = one.image_box.slices
        contrast[pixels] = image[pixels] - background(image[pixels], excluded[pixels], mesh)
    return contrast


def _stars(contrast: FloatArray, hidden: BoolArray, layout: DetectorLayout, n_sigma: float) -> BoolArray:
    """Footprints of what stands out, but for the pixels where it is not looked for."""
    found = np.zeros(contrast.shape, np.bool_)
    bad = np.where(hidden, np.uint16(MaskPlane.BAD), np.uint16(0))
    for one in layout.amplifiers:
        pixels = one.image_box.slices
        found[pixels] = detect_sources(contrast[pixels], bad[pixels], n_sigma=n_sigma, grow=2)
    return found


def _beside(stars: BoolArray, places: BoolArray) -> BoolArray:
    """Places of possible crosstalk that stars reach into, as what surrounds them tells."""
    around = grown(places, _RIM + 2)
    numbers, n = label(around)
    rim = around & ~grown(places, _RIM)
    total = np.bincount(numbers[rim], minlength=n + 1)
    lit = np.bincount(numbers[rim & stars], minlength=n + 1)
    return np.asarray((lit > _TOUCHED * total)[numbers] & around, np.bool_)
