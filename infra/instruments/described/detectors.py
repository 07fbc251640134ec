"""Which detector of a described camera a frame is of, and what its header says of the camera's state."""

from collections.abc import Mapping
from typing import Any

from infra.errors import RawRejected
from infra.instruments.described.description import CameraDescription
from infra.instruments.described.geometry import DetectorDescription
from infra.instruments.described.sources import Scalar, failed_condition

__all__ = ["TEMPERATURE", "state_cards", "told_by"]

TEMPERATURE = "CCDTEMP"
"""Name under which the detector's temperature (degree Celsius) is kept, as Rubin's cameras have it."""


def told_by(description: CameraDescription, header: Mapping[str, Any]) -> DetectorDescription:
    """Return the detector that a header speaks of.

    Raises
    ------
    infra.errors.RawRejected
        If a card that every frame must have is another, or the header speaks of none of the detectors.
    """
    misfit = failed_condition(description.require, header)
    if misfit is not None:
        raise RawRejected(
            f"{misfit}",
            f"frames of {description.instrument} are described with this card alone (key require)",
        )
    reasons = []
    for detector in description.detectors:
        reason = failed_condition(detector.when, header)
        if reason is None:
            return detector
        reasons.append(f"{detector.name}: {reason}")
    raise RawRejected(
        f"the header speaks of none of {description.instrument}'s detectors ({'; '.join(reasons[:3])})",
        "see 'when' of the detectors in the camera's description",
    )


def state_cards(description: CameraDescription, header: Mapping[str, Any]) -> dict[str, Scalar]:
    """Return the camera's state and the detector's temperature under the names the description gives them."""
    sources = {**description.state, TEMPERATURE: description.observation.temperature}
    found = {name: source.find(header)[0] for name, source in sources.items()}
    return {name: value for name, value in found.items() if value is not None}
