"""Described cameras as the Butler knows them: a class for each name, made when it is asked for."""

import re
from typing import Any

from infra.errors import UsageError
from infra.instruments.butler_instruments import CameraInstrument
from infra.instruments.described.finding import describe_instrument, description_of
from infra.instruments.described.layout import camera_model
from infra.instruments.geometry import CameraModel

__all__ = ["DescribedInstrument", "described_class_name"]

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,15}$")


class DescribedInstrument(CameraInstrument):
    """A described camera in the Butler.

    Notes
    -----
    A repository holds the name of a class, and any process must be able to import it. ``STL1001E`` of this
    module is the class of the instrument STL1001E, and so on for every name; the description itself is looked
    for only where it is needed, which is at registration.
    """

    camera_name = ""

    @classmethod
    def model(cls) -> CameraModel:
        """Return geometry and filters."""
        description = description_of(cls.camera_name)
        describe_instrument(description)
        return camera_model(description)


def described_class_name(instrument: str) -> str:
    """Return the full name of the class of a described camera.

    Raises
    ------
    infra.errors.UsageError
        If it cannot be the name of an instrument.
    """
    if not _NAME.match(instrument):
        raise UsageError(f"{instrument!r} cannot name an instrument", "letters, digits and _, at most 16")
    return f"{__name__}.{instrument}"


def __getattr__(name: str) -> Any:
    if not _NAME.match(name):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    made = type(name, (DescribedInstrument,), {"camera_name": name, "__module__": __name__})
    globals()[name] = made
    return made
