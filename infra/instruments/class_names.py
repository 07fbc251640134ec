"""Names of the classes by which the Butler knows cameras."""

from infra.instruments import camera
from infra.instruments.butler_instruments import Latiss, LsstCam, LsstComCam
from infra.instruments.described.instrument import described_class_name

__all__ = ["instrument_class_name"]


def instrument_class_name(name: str) -> str:
    """Return the class name that ``butler register-instrument`` takes for an instrument.

    Raises
    ------
    infra.errors.UsageError
        If no instrument has that name.
    """
    for instrument in (Latiss, LsstComCam, LsstCam):
        if instrument.camera_name == name:
            return f"{instrument.__module__}.{instrument.__qualname__}"
    camera(name)  # described, or unknown
    return described_class_name(name)
