"""Cameras: geometry, nominal values, filters, header translation and registration in a Butler."""

import os

from infra.errors import UsageError
from infra.instruments.geometry import CameraModel
from infra.instruments.latiss import LATISS
from infra.instruments.lsstcam import LSSTCAM
from infra.instruments.lsstcomcam import LSSTCOMCAM

__all__ = ["CAMERAS", "ENVIRONMENT", "camera", "register_camera"]

ENVIRONMENT = "CALPROD_CAMERA"
"""Environment variable that names the description of a camera, where no repository gives it."""

CAMERAS = {model.name: model for model in (LATISS, LSSTCOMCAM, LSSTCAM)}
"""Rubin's cameras by their instrument name in the Butler."""

_described: dict[str, CameraModel] = {}


def register_camera(model: CameraModel) -> None:
    """Make a described camera known under its name, as long as the process lives.

    Raises
    ------
    infra.errors.UsageError
        If it has the name of one of Rubin's cameras.
    """
    if model.name in CAMERAS:
        raise UsageError(f"{model.name} is built in", "give the described camera another name")
    _described[model.name] = model


def camera(name: str) -> CameraModel:
    """Return the camera model of that instrument name.

    Notes
    -----
    A camera described by a file is known once its repository has been opened or one of its raws read, and
    wherever the environment variable CALPROD_CAMERA names the file.

    Raises
    ------
    infra.errors.UsageError
        If no camera has that name.
    """
    model = CAMERAS.get(name) or _described.get(name) or _from_environment(name)
    if model is None:
        known = ", ".join((*CAMERAS, *_described))
        raise UsageError(
            f"unknown instrument {name!r}", f"one of {known}; calprod init --camera FILE describes any other"
        )
    return model


def _from_environment(name: str) -> CameraModel | None:
    """Return the camera that the file named by CALPROD_CAMERA describes, if it has that name."""
    if not os.environ.get(ENVIRONMENT):
        return None
    from infra.instruments.described import describe_instrument, load_description

    description = load_description(os.environ[ENVIRONMENT])
    describe_instrument(description)
    return _described.get(name)
