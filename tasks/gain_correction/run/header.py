"""Header of a correction of the gains: what it was made from, and when."""

from datetime import datetime

from infra.images import CalibrationImage, Metadata, finite_cards
from infra.instruments.layout import DetectorLayout
from tasks.combine.table_metadata import STATE_CARDS, identity_cards
from tasks.gain_correction.solution.table import GAIN_CORRECTION_TABLE

__all__ = ["correction_cards"]

_KEPT = ("CPP_INPUT_", "MJD-", "DATE-")
"""Beginnings of the cards that the new flat hands on: its exposures and their time."""


def correction_cards(
    new: CalibrationImage,
    layout: DetectorLayout,
    *,
    instrument: str,
    physical_filter: str,
    provenance: Metadata,
    created: datetime,
) -> Metadata:
    """Cards of a correction of the gains.

    Parameters
    ----------
    new
        The new flat, whose exposures and time these are.
    layout, instrument
        The detector and its camera.
    physical_filter
        Filter of the two flats.
    provenance
        Cards that name the datasets.
    created
        With a time zone.
    """
    kept = {
        key: value
        for key, value in new.metadata.items()
        if key in (*STATE_CARDS, "TIMESYS") or key.startswith(_KEPT)
    }
    cards: Metadata = {
        **kept,
        **identity_cards(
            GAIN_CORRECTION_TABLE,
            instrument=instrument,
            layout=layout,
            created=created,
            physical_filter=physical_filter,
        ),
        **provenance,
    }
    return {key: value for key, value in finite_cards(cards).items() if value is not None}
