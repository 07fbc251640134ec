"""What is stored of the flat of a spectrograph: image and header."""

from datetime import datetime

from infra.images import CalibrationImage, Metadata, finite_cards
from infra.instruments.layout import DetectorLayout
from tasks.combine.metadata import creation_cards
from tasks.combine.quality import quality_cards
from tasks.spectro_flat.algorithm import SpectroFlat

__all__ = ["calibration_of"]

_OF_THE_FLAT = "LSST CALIB FLAT "
"""Beginning of the cards with the distribution of the combined flat's pixels."""


def calibration_of(
    made: SpectroFlat,
    flat: CalibrationImage,
    layout: DetectorLayout,
    *,
    physical_filter: str,
    provenance: Metadata,
    created: datetime,
) -> CalibrationImage:
    """Return the flat of a spectrograph as it is stored.

    Parameters
    ----------
    made
        The flat.
    flat
        The combined flat it was made from, whose inputs, times and camera state it keeps.
    layout
        Where the amplifiers lie.
    physical_filter
        Filter of the combined flat.
    provenance
        Cards that name the datasets.
    created
        With a time zone.
    """
    kept = {key: value for key, value in flat.metadata.items() if not key.startswith(_OF_THE_FLAT)}
    cards: Metadata = {
        **kept,
        "OBSTYPE": "spectroFlat",
        "FILTER": physical_filter,
        **creation_cards(created),
        **provenance,
        **made.cards(),
        **quality_cards("spectroFlat", made.image, made.mask, layout),
    }
    return CalibrationImage(made.image, made.mask, made.variance, finite_cards(cards))
