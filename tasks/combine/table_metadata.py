"""Header of a calibration that is a table: the cards that Rubin's ip_isr shares among all of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from infra.images import Metadata, finite_cards
from infra.instruments.layout import DetectorLayout
from tasks.combine.metadata import (
    CombineInput,
    common_cards,
    creation_cards,
    provenance_cards,
    time_cards,
)

__all__ = ["STATE_CARDS", "TableKind", "identity_cards", "table_cards"]

STATE_CARDS = ("SEQNAME", "SEQFILE", "SEQCKSUM", "ODP", "AP0_RC", "TEMP_SET", "CCDTEMP")
"""State of the camera; what all inputs agree on is carried over (Rubin ip_isr, IsrCalib)."""


@dataclass(frozen=True, slots=True)
class TableKind:
    """By which cards ip_isr knows a table."""

    obstype: str
    """OBSTYPE, such as "CROSSTALK"; also the beginning of two further keys."""
    schema: str
    """Display name of the class, such as "Gen3 Crosstalk"."""
    version: float
    """Version of the layout."""
    calibcls: str
    """Full name of the class, such as "lsst.ip.isr.crosstalk.CrosstalkCalib"."""

    def cards(self) -> Metadata:
        """Return OBSTYPE, ``<OBSTYPE>_SCHEMA``, ``<OBSTYPE>_VERSION`` and CALIBCLS."""
        return {
            "OBSTYPE": self.obstype,
            f"{self.obstype}_SCHEMA": self.schema,
            f"{self.obstype}_VERSION": self.version,
            "CALIBCLS": self.calibcls,
        }


def identity_cards(
    kind: TableKind,
    *,
    instrument: str,
    layout: DetectorLayout,
    created: datetime,
    physical_filter: str | None = None,
) -> Metadata:
    """Cards that say of which detector a table is, and when it was made.

    Parameters
    ----------
    kind
        What the table is.
    instrument
        Name of the camera.
    layout
        The detector.
    created
        With a time zone.
    physical_filter
        Filter, where the calibration has one.

    Returns
    -------
    cards
        None where there is nothing to say.
    """
    raft, _, slot = layout.name.rpartition("_")
    date = created.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    parts = {
        "instrument": instrument,
        "raftName": raft or None,
        "detectorName": slot,
        "detector": layout.id,
        "filter": physical_filter,
        "calibDate": date,
    }
    return {
        **kind.cards(),
        "INSTRUME": instrument,
        "RAFTNAME": raft or None,
        "SLOTNAME": slot,
        "DETECTOR": layout.id,
        "DET_NAME": layout.name,
        "DET_SER": layout.serial,
        "FILTER": physical_filter,
        "CALIBDATE": date,
        "CALIB_ID": " ".join(f"{key}={value}" for key, value in parts.items() if value is not None),
        **creation_cards(created),
    }


def table_cards(
    kind: TableKind,
    inputs: Sequence[CombineInput],
    *,
    instrument: str,
    layout: DetectorLayout,
    created: datetime,
    physical_filter: str | None = None,
) -> Metadata:
    """Cards of a table made from exposures: what it is, of which detector, from what and when.

    Parameters
    ----------
    kind
        What the table is.
    inputs
        The exposures it was made from, with their headers; at least one.
    instrument, layout, created, physical_filter
        As for `identity_cards`.

    Returns
    -------
    cards
        Keys as in ip_isr's IsrCalib; the exposures as ``CPP_INPUT_*``, the time they span, the state of the
        camera that they agree on, and the calibrations applied to all of them (``LSST CALIB …``).
    """
    shared = common_cards([one.header for one in inputs])
    carried = {
        key: value
        for key, value in shared.items()
        if key in STATE_CARDS or key.startswith(("LSST CALIB RUN ", "LSST CALIB UUID ", "LSST CALIB DATE "))
    }
    cards = {
        **carried,
        **time_cards(inputs),
        **provenance_cards(inputs, [1.0] * len(inputs)),
        **identity_cards(
            kind,
            instrument=instrument,
            layout=layout,
            created=created,
            physical_filter=physical_filter,
        ),
    }
    return {key: value for key, value in finite_cards(cards).items() if value is not None}
