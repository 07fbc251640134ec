"""Fringes: measure how strong the known pattern is in an image, and subtract it."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from infra.errors import CalprodError
from infra.images import CalibrationImage, MaskPlane, Metadata
from tasks.combine.smooth_sky import usable_pixels
from tasks.combine.surface import SurfaceSettings, blocks_of, fit_surface

__all__ = ["FRINGE_FIT", "FringeFit", "fit_fringe", "subtract_fringe"]

FRINGE_FIT = SurfaceSettings()
"""Order of the surface under the fringes, blocks and clip."""

_LEAST_SIGNAL = 5.0
"""How far above its noise the power of the pattern must be (standard deviations)."""


@dataclass(frozen=True, slots=True)
class FringeFit:
    """How strong the fringes of an image are."""

    amplitude: float
    """By which the fringe frame is multiplied (unit of the image): the level of the sky, where fringes and
    sky vary together as they did when the fringe frame was made."""
    amplitude_error: float
    """Its standard error (unit of the image)."""
    level: float
    """Mean of the smooth surface under the fringes (unit of the image)."""
    scatter: float
    """Standard deviation of what is left, scaled to one pixel (unit of the image)."""
    n_pixels: int
    """Pixels that took part."""

    def cards(self) -> Metadata:
        """Return what the header says of the correction."""
        return {
            "LSST ISR FRINGE APPLIED": True,
            "LSST ISR FRINGE AMPLITUDE": self.amplitude,
            "LSST ISR FRINGE AMPLITUDE ERROR": self.amplitude_error,
            "LSST ISR FRINGE LEVEL": self.level,
            "LSST ISR FRINGE SCATTER": self.scatter,
        }


def subtract_fringe(
    image: npt.NDArray[np.float32],
    mask: npt.NDArray[np.uint16],
    fringe: CalibrationImage,
    variance: npt.NDArray[np.float32] | None = None,
    settings: SurfaceSettings = FRINGE_FIT,
) -> FringeFit:
    """Subtract the fringes, in place; pixels BAD in the fringe frame become BAD.

    Parameters
    ----------
    image, mask
        Trimmed image, divided by the flat, and its mask, shape (ny, nx).
    fringe
        Combined fringe frame, about 0, in units of the level of the sky.
    variance
        Variance of the image, to which that of what is subtracted is added; None where it is not kept.
    settings
        As in `fit_fringe`.

    Returns
    -------
    fit
        The amplitude, as `fit_fringe` finds it.

    Raises
    ------
    CalprodError
        As in `fit_fringe`.
    """
    fit = fit_fringe(image, mask, fringe, settings)
    amplitude = np.float32(fit.amplitude)
    image -= amplitude * fringe.image
    if variance is not None:
        variance += amplitude * amplitude * fringe.variance
    mask |= fringe.mask & np.uint16(MaskPlane.BAD)
    return fit


def fit_fringe(
    image: npt.NDArray[np.float32],
    mask: npt.NDArray[np.uint16],
    fringe: CalibrationImage,
    settings: SurfaceSettings = FRINGE_FIT,
    chosen: npt.NDArray[np.bool_] | None = None,
) -> FringeFit:
    """Measure the amplitude of a fringe frame in an image.

    Parameters
    ----------
    image, mask
        Image divided by the flat, and its mask, shape (ny, nx).
    fringe
        Combined fringe frame, about 0.
    settings
        Order of the surface, blocks, clip.
    chosen
        Blocks that may take part, shape (ny // side, nx // side); None for all.

    Raises
    ------
    CalprodError
        Shapes differ; too few usable pixels; the fringe frame holds noise only.

    Notes
    -----
    Rubin ip_isr takes the clipped regression of small boxes at 30 000 random points; Snodgrass & Carry (2013,
    The Messenger 152, 14) the median over pairs of points on bright and dark fringes that a person chose.
    Here all usable pixels take part, in blocks: image = smooth surface + amplitude · fringe, by least
    squares with the number of pixels as weight and a clip. It needs neither random numbers nor chosen pairs,
    a gradient of the sky cannot pass for fringes, blocks with stars drop out, and the error is that of the
    fit.

    The fringe frame has noise of its own, by which a regression comes out low by the ratio V / I, with the
    information I of the fit and the sum V of the frame's variances over the same pixels (averaged in
    blocks); amplitude and error are divided by 1 - V / I.
    """
    if not image.shape == mask.shape == fringe.image.shape:
        raise CalprodError(
            f"a fringe frame {fringe.image.shape} for an image {image.shape} with a mask {mask.shape}",
            "take the fringe frame of this detector",
        )
    usable = usable_pixels(image, mask) & usable_pixels(fringe.image, fringe.mask)
    side = settings.side
    blocks, pattern = blocks_of(image, usable, side), blocks_of(fringe.image, usable, side)
    found = fit_surface(blocks, image.shape, settings, pattern, chosen)
    variances = blocks_of(fringe.variance, usable & np.isfinite(fringe.variance), side)
    # A block of n pixels has weight n and the variance v / n: each contributes v.
    noise = float(variances.mean[found.used].sum())
    dilution = noise / found.information
    limit = _LEAST_SIGNAL * math.sqrt(2.0 / np.count_nonzero(found.used)) * noise
    if not found.information - noise > limit:
        raise CalprodError(
            f"the fringe frame is noise: power {found.information:.3g} where its noise has {noise:.3g}",
            "make it from more exposures, in a filter with fringes",
        )
    return FringeFit(
        amplitude=found.amplitude / (1.0 - dilution),
        amplitude_error=found.amplitude_error / (1.0 - dilution),
        level=float(np.mean(found.surface(image.shape), dtype=np.float64)),
        scatter=found.scatter,
        n_pixels=int(blocks.count[found.used].sum()),
    )
