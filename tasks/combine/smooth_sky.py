"""The sky of an exposure: which pixels see nothing else, and the smooth surface that they follow."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from infra.images import CorrectedExposure, MaskPlane
from tasks.combine.sources import detect_sources
from tasks.combine.surface import SurfaceSettings, blocks_of, fit_surface

__all__ = ["SkySettings", "flag_sources", "usable_pixels"]

_EXCLUDED = (
    MaskPlane.BAD
    | MaskPlane.SAT
    | MaskPlane.INTRP
    | MaskPlane.CR
    | MaskPlane.EDGE
    | MaskPlane.DETECTED
    | MaskPlane.DETECTED_NEGATIVE
    | MaskPlane.NO_DATA
    | MaskPlane.UNMASKEDNAN
    | MaskPlane.VIGNETTED
)


@dataclass(frozen=True, slots=True)
class SkySettings:
    """How sky and sources are told apart; the defaults are Rubin's for fringes (cp_pipe, CpFringeTask)."""

    surface: SurfaceSettings = field(default_factory=SurfaceSettings)
    """The smooth sky. One that follows the details of the image would take fringes and sources along."""
    n_sigma: float = 5.0
    """Height of sources, of both signs (standard deviations of the smoothed image)."""
    width: float = 1.0
    """Width of the smoothing (pixel)."""
    grow: int = 2
    """Growth of the footprints (pixel)."""
    passes: int = 2
    """How often surface and sources are found in turn."""


def usable_pixels(image: npt.NDArray[np.float32], mask: npt.NDArray[np.uint16]) -> npt.NDArray[np.bool_]:
    """Tell which pixels are sky: finite, and neither defective nor part of a source.

    Parameters
    ----------
    image, mask
        Pixels and `MaskPlane` bits, shape (ny, nx).
    """
    return np.asarray(((mask & np.uint16(_EXCLUDED)) == 0) & np.isfinite(image))


def flag_sources(exposure: CorrectedExposure, settings: SkySettings) -> npt.NDArray[np.float32]:
    """Flag sources DETECTED in place, and return the smooth sky under them.

    Parameters
    ----------
    exposure
        Its mask is changed.
    settings
        How sky and sources are told apart.

    Returns
    -------
    surface
        Shape (ny, nx), unit of the image.

    Raises
    ------
    CalprodError
        Too little of the image is sky.
    """
    image, mask = exposure.image, exposure.mask
    sky = usable_pixels(image, mask)
    surface = np.zeros(image.shape, np.float32)
    sources = np.zeros(image.shape, np.bool_)
    for _ in range(settings.passes):
        blocks = blocks_of(image, sky & ~sources, settings.surface.side)
        surface = fit_surface(blocks, image.shape, settings.surface).surface(image.shape)
        sources = detect_sources(
            image - surface, mask, n_sigma=settings.n_sigma, width=settings.width, grow=settings.grow
        )
    mask[sources] |= np.uint16(MaskPlane.DETECTED)
    return surface
