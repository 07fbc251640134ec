"""Cameras: geometry, nominal values, filters, header translation and registration in a Butler."""

from infra.errors import UsageError
from infra.instruments.geometry import CameraModel
from infra.instruments.latiss import LATISS
from infra.instruments.lsstcam import LSSTCAM
from infra.instruments.lsstcomcam import LSSTCOMCAM

__all__ = ["CAMERAS", "camera"]

CAMERAS = {model.name: model for model in (LATISS, LSSTCOMCAM, LSSTCAM)}
"""Cameras by their instrument name in the Butler."""


def camera(name: str) -> CameraModel:
    """Return the camera model of that instrument name.

    Raises
    ------
    infra.errors.UsageError
        If no camera has that name.
    """
    try:
        return CAMERAS[name]
    except KeyError:
        raise UsageError(f"unknown instrument {name!r}", f"one of {', '.join(CAMERAS)}") from None
