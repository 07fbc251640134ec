"""The mask planes of calprod's images, in the bit order of the Rubin stack."""

from collections.abc import Iterable
from enum import IntFlag

__all__ = ["MaskPlane", "mask_plane_names", "mask_value"]


class MaskPlane(IntFlag):
    """One bit of a mask pixel.

    The first nine planes stand at the bits afw gives them by default; the others follow in a fixed order,
    which afw leaves to the order in which planes were first asked for.
    """

    BAD = 1 << 0
    """The pixel is defective, or nothing is known about it."""
    SAT = 1 << 1
    """At or above the saturation level."""
    INTRP = 1 << 2
    """Interpolated over."""
    CR = 1 << 3
    """Hit by a cosmic ray."""
    EDGE = 1 << 4
    """Too near an edge for the correction to hold."""
    DETECTED = 1 << 5
    """Part of a detected source."""
    DETECTED_NEGATIVE = 1 << 6
    """Part of a detected negative source."""
    SUSPECT = 1 << 7
    """At or above the level where the response is no longer trusted."""
    NO_DATA = 1 << 8
    """No light or no readout ever reached the pixel."""
    CROSSTALK = 1 << 9
    """Carries a crosstalk signal above the threshold."""
    UNMASKEDNAN = 1 << 10
    """Not a number, and no other plane says why."""
    VIGNETTED = 1 << 11
    """Wholly behind an obstruction."""
    PARTLY_VIGNETTED = 1 << 12
    """Partly behind an obstruction."""


def mask_plane_names(value: int) -> tuple[str, ...]:
    """Names of the planes set in a mask value, lowest bit first."""
    return tuple(plane.name for plane in MaskPlane if value & plane and plane.name is not None)


def mask_value(names: Iterable[str]) -> MaskPlane:
    """Mask value with the named planes set.

    Raises
    ------
    KeyError
        A name is not that of a plane.
    """
    value = MaskPlane(0)
    for name in names:
        value |= MaskPlane[name]
    return value
