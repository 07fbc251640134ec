"""Cameras that one YAML file describes: layout, header cards and filters, for the same code as Rubin's."""

from infra.instruments.described.description import CameraDescription
from infra.instruments.described.finding import (
    CAMERA_FILE,
    describe_instrument,
    description_of,
    load_description,
    repository_description,
)

__all__ = [
    "CAMERA_FILE",
    "CameraDescription",
    "describe_instrument",
    "description_of",
    "load_description",
    "repository_description",
]
