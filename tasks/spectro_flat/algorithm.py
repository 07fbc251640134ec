"""The flat of a spectrograph, from a combined flat in white light and the gains of the amplifiers.

A spectrum crosses filter, grating and optics in its own way, so that only what the sensor itself does may be
divided out: the response of single pixels, and the steps between amplifiers.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from infra.errors import CalprodError
from infra.images import CalibrationImage, MaskPlane, Metadata
from infra.instruments.layout import DetectorLayout
from tasks.spectro_flat.steps.mesh import mesh_background
from tasks.spectro_flat.steps.smoothing import EdgeMode, Smoothing, smooth_response

__all__ = ["SpectroFlat", "SpectroFlatSettings", "pixel_response", "scaled_gains", "spectro_flat"]

type FloatArray = npt.NDArray[np.float64]

FEWEST = 0.5
"""Fraction of an amplifier's pixels that must be usable."""


@dataclass(frozen=True, slots=True)
class SpectroFlatSettings:
    """How the flat is made; the defaults are those of Rubin's cp_pipe."""

    smoothing: Smoothing = "mean"
    """How the response of the optics is smoothed."""
    window: int = 40
    """Side of the smoothing window, or sigma of a Gaussian (pixels)."""
    mode: EdgeMode = "mirror"
    """What is taken for pixels beyond the edge of an amplifier."""
    outlier_percentile: float = 1.0
    """Per cent of the pixels at either end that do not take part in a mean."""
    remove_background: bool = True
    """Divide also by the background that is left."""
    background_box: int = 20
    """Side of a box of the background's mesh (pixels)."""
    background_filter: int = 3
    """Side of the median filter of that mesh (boxes)."""
    background_sigma: float = 3.0
    """Clip within a box (standard deviations)."""
    divide_by_gains: bool = True
    """Multiply by the inverse of the gains; False multiplies by the gains."""
    scale_gains: bool = True
    """Take gains in units of their mean."""


@dataclass(frozen=True, slots=True, eq=False)
class SpectroFlat:
    """The flat of a spectrograph, of one detector."""

    image: npt.NDArray[np.float32]
    """About 1, shape (ny, nx)."""
    mask: npt.NDArray[np.uint16]
    """That of the combined flat, and BAD where an amplifier has no flat, shape (ny, nx)."""
    variance: npt.NDArray[np.float32]
    """Squared standard error of each pixel, shape (ny, nx)."""
    gain_mean: float
    """Mean gain that the others were divided by (electron/adu); 1 where they were not."""
    gains: Mapping[str, float]
    """Gain of each good amplifier in units of the mean."""
    reasons: Mapping[str, str] = field(default_factory=dict)
    """Why an amplifier has no flat, by its name."""

    def cards(self) -> Metadata:
        """Return the gains used (Rubin cp_pipe, ``LSST CP SPECTROFLAT GAIN …``), and what was left out."""
        return {
            "LSST CP SPECTROFLAT GAIN MEAN": self.gain_mean,
            **{f"LSST CP SPECTROFLAT GAIN {name}": gain for name, gain in self.gains.items()},
            **{f"CALPROD SPECTROFLAT BAD {name}": reason for name, reason in self.reasons.items()},
        }


def spectro_flat(
    flat: CalibrationImage,
    layout: DetectorLayout,
    gains: Mapping[str, float],
    settings: SpectroFlatSettings | None = None,
) -> SpectroFlat:
    """Make the flat of a spectrograph.

    Parameters
    ----------
    flat
        Combined flat in white light (about 1, or electron).
    layout
        Where the amplifiers lie.
    gains
        electron/adu, by amplifier; one that is absent or not a positive number has no flat.
    settings
        How it is made.

    Returns
    -------
    flat
        response of the pixels × mean gain / gain. Pixels that are BAD or not finite in the combined flat take
        no part, have the response 1 and stay BAD. An amplifier without gain or light is 1 and BAD throughout.

    Raises
    ------
    CalprodError
        The flat has another shape than the layout, or no amplifier has both gain and light.

    Notes
    -----
    Rubin cp_pipe, CpSpectroFlatTask. It gives pixels that the combination had to fill a part in median and
    mesh, and takes the mean over the gains of bad amplifiers, too, which one without a gain makes NaN.
    """
    settings = settings or SpectroFlatSettings()
    if flat.image.shape != layout.image_shape:
        raise CalprodError(
            f"a flat of shape {flat.image.shape} for detector {layout.name}, which has {layout.image_shape}",
            "use a flat of that detector in one readout mode",
        )
    image, mask = np.ones_like(flat.image), flat.mask.copy()
    variance = np.zeros_like(flat.variance)
    mean, scaled = scaled_gains(gains, scale=settings.scale_gains)
    reasons: dict[str, str] = {}
    for one in layout.amplifiers:
        pixels = one.image_box.slices
        usable = np.isfinite(flat.image[pixels]) & (flat.mask[pixels] & np.uint16(MaskPlane.BAD) == 0)
        reason = _reason(one.name, flat.image[pixels], usable, scaled)
        if reason is not None:
            reasons[one.name] = reason
            mask[pixels] |= np.uint16(MaskPlane.BAD)
            continue
        response, divisor = pixel_response(flat.image[pixels], usable, settings)
        factor = 1.0 / scaled[one.name] if settings.divide_by_gains else scaled[one.name]
        image[pixels] = response * factor
        variance[pixels] = np.where(usable, flat.variance[pixels] * (factor / divisor) ** 2, 0.0)
        mask[pixels] |= np.where(usable, np.uint16(0), np.uint16(MaskPlane.BAD))
    if len(reasons) == len(layout.amplifiers):
        why = "; ".join(sorted(set(reasons.values())))
        raise CalprodError(
            f"no amplifier of detector {layout.name} has a spectrograph flat: {why}",
            "use a lit flat and a photon transfer curve of that detector",
        )
    return SpectroFlat(
        image, mask, variance, mean, {name: scaled[name] for name in scaled if name not in reasons}, reasons
    )


def scaled_gains(gains: Mapping[str, float], *, scale: bool = True) -> tuple[float, dict[str, float]]:
    """Gains in units of their mean.

    Parameters
    ----------
    gains
        electron/adu, by amplifier.
    scale
        Whether to divide by the mean; otherwise the unit is 1 electron/adu.

    Returns
    -------
    mean, gains
        What was divided by, and the gains of the amplifiers that have one.
    """
    good = {name: float(gain) for name, gain in gains.items() if np.isfinite(gain) and gain > 0}
    mean = float(np.mean(list(good.values()))) if scale and good else 1.0
    return mean, {name: gain / mean for name, gain in good.items()}


def pixel_response(
    image: npt.NDArray[np.float32], usable: npt.NDArray[np.bool_], settings: SpectroFlatSettings
) -> tuple[FloatArray, FloatArray]:
    """Response of the pixels of one amplifier, without what is smooth.

    Parameters
    ----------
    image
        Its part of the flat, shape (ny, nx).
    usable
        Pixels that take part, shape (ny, nx).
    settings
        How it is made.

    Returns
    -------
    response, divisor
        Shape (ny, nx) each: 1 where a pixel is not usable; and what the image was divided by.
    """
    level = float(np.median(image[usable]))
    relative = np.where(usable, image.astype(np.float64) / level, 1.0)
    smooth = smooth_response(
        relative,
        usable,
        smoothing=settings.smoothing,
        window=settings.window,
        mode=settings.mode,
        outlier_percentile=settings.outlier_percentile,
    )
    if settings.remove_background:
        smooth = smooth * mesh_background(
            relative / smooth,
            usable,
            box=settings.background_box,
            width=settings.background_filter,
            n_sigma=settings.background_sigma,
        )
    return np.where(usable, relative / smooth, 1.0), level * smooth


def _reason(
    name: str,
    image: npt.NDArray[np.float32],
    usable: npt.NDArray[np.bool_],
    gains: Mapping[str, float],
) -> str | None:
    """Why an amplifier can have no flat; None when it can."""
    if name not in gains:
        return "it has no gain"
    if np.count_nonzero(usable) < FEWEST * usable.size:
        return "less than half of its pixels are usable"
    if not np.median(image[usable]) > 0:
        return "it has no light"
    return None
