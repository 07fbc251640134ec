"""A flat freed of the slope of the light, and masked where the telescope holds light back."""

import numpy as np
import numpy.typing as npt

from infra.images import CalibrationImage, MaskPlane
from infra.instruments.focal_plane import pixel_positions
from infra.instruments.geometry import CameraModel
from infra.instruments.layout import DetectorLayout
from tasks.flat.gradient.model import FlatGradient
from tasks.flat.gradient.recipe import Vignetting

__all__ = ["mask_vignetting", "remove_gradient", "screen_factor"]

type FloatArray = npt.NDArray[np.float64]

_ROWS = 256
"""Rows worked on at a time."""


def screen_factor(
    gradient: FlatGradient, reference: FlatGradient | None, x: FloatArray, y: FloatArray
) -> FloatArray:
    """Return what a flat is multiplied by to free it of the light of its screen.

    Parameters
    ----------
    gradient
        Fitted to the flats.
    reference
        Whose radial part the flats should have, such as that of the sky; None leaves their own.
    x, y
        Positions (mm) that broadcast to one shape.
    """
    x, y = np.broadcast_arrays(x, y)
    factor = gradient.plane(x, y) / gradient.normalization
    if reference is None:
        return factor
    return factor * reference.radial(x, y) / gradient.radial(x, y)


def remove_gradient(
    flat: CalibrationImage,
    layout: DetectorLayout,
    camera: CameraModel,
    gradient: FlatGradient,
    *,
    reference: FlatGradient | None = None,
    limits: Vignetting | None = None,
) -> CalibrationImage:
    """Flat as it would be in even light.

    Parameters
    ----------
    flat
        Combined flat of one detector, as the gradient was fitted to.
    layout, camera
        The detector and its camera.
    gradient
        The light over the focal plane. Its slope is taken out, and the signal in the middle becomes 1; its
        radial part stays, since the sky has it too, unless there is a reference.
    reference
        Whose radial part the flat should have instead.
    limits
        Where the telescope holds light back; None for nowhere.

    Returns
    -------
    flat
        Of the same header.

    Notes
    -----
    Rubin cp_pipe: flat · plane / (S / S_reference) / normalization.
    """
    x, y = pixel_positions(camera, layout)
    image, variance = np.empty_like(flat.image), np.empty_like(flat.variance)
    for start in range(0, layout.image_shape[0], _ROWS):
        rows = slice(start, start + _ROWS)
        factor = screen_factor(gradient, reference, x, y[rows])
        image[rows] = flat.image[rows] * factor
        variance[rows] = flat.variance[rows] * factor**2
    mask = flat.mask.copy()
    if limits is not None:
        mask_vignetting(image, mask, np.hypot(x, y), limits)
    return CalibrationImage(image, mask, variance, dict(flat.metadata))


def mask_vignetting(
    image: npt.NDArray[np.float32], mask: npt.NDArray[np.uint16], radius: FloatArray, limits: Vignetting
) -> None:
    """Flag, in place, what the telescope vignettes; what gets no light becomes 0.

    Parameters
    ----------
    image, mask
        The flat, shape (ny, nx).
    radius
        Distance of each pixel from the middle of the focal plane (mm), same shape.
    limits
        From where light is held back.

    Notes
    -----
    Rubin cp_pipe: VIGNETTED and NO_DATA beyond the outer limit, PARTLY_VIGNETTED between the two.
    """
    wholly = radius > limits.wholly
    mask[(radius > limits.partly) & ~wholly] |= np.uint16(MaskPlane.PARTLY_VIGNETTED)
    mask[wholly] |= np.uint16(MaskPlane.VIGNETTED | MaskPlane.NO_DATA)
    image[wholly] = 0.0
