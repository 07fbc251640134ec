"""Header of a calibration that is a table: the cards that Rubin's ip_isr shares among all of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from astropy.table import Table

from infra.images import Metadata, MetadataValue, finite_cards
from infra.instruments.layout import DetectorLayout
from tasks.combine.metadata import (
    CombineInput,
    common_cards,
    creation_cards,
    provenance_cards,
    time_cards,
)

__all__ = ["STATE_CARDS", "TableKind", "cards_from_curve", "identity_cards", "table_cards"]

STATE_CARDS = ("SEQNAME", "SEQFILE", "SEQCKSUM", "ODP", "AP0_RC", "TEMP_SET", "CCDTEMP")
"""State of the camera; what all inputs agree on is carried over (Rubin ip_isr, IsrCalib)."""


_IDENTITY = ("INSTRUME", "RAFTNAME", "SLOTNAME", "DETECTOR", "DET_NAME", "DET_SER", "TIMESYS")
_CALIBRATIONS = ("LSST CALIB RUN ", "LSST CALIB UUID ", "LSST CALIB DATE ")
_CARRIED = ("CPP_INPUT_", "DATE-", "MJD-", *_CALIBRATIONS)
"""Beginnings of keys that go from a table to what is solved from it."""


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
    return {
        **kind.cards(),
        "INSTRUME": instrument,
        "RAFTNAME": raft or None,
        "SLOTNAME": slot,
        "DETECTOR": layout.id,
        "DET_NAME": layout.name,
        "DET_SER": layout.serial,
        "FILTER": physical_filter,
        **_dated((instrument, raft or None, slot, layout.id, physical_filter), created),
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
        key: value for key, value in shared.items() if key in STATE_CARDS or key.startswith(_CALIBRATIONS)
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


def cards_from_curve(
    curve: Table, *, run: str, uuid: str, created: datetime, exposures: Iterable[int] = ()
) -> Metadata:
    """Cards of a table that is solved from a photon transfer curve.

    Parameters
    ----------
    curve
        Table of the curve, as stored.
    run, uuid
        Where that table lies in the repository, and which dataset it is.
    created
        With a time zone.
    exposures
        Exposure IDs, for a curve whose header does not name them.

    Returns
    -------
    cards
        Keys as in ip_isr's IsrCalib: detector, camera state, exposures and calibrations carried over from the
        curve; ``PTC_RUN``, ``PTC_UUID`` and ``PTC_DATE`` name it.
    """
    carried: Metadata = {
        str(key): value
        for key, value in curve.meta.items()
        if (key in _IDENTITY or key in STATE_CARDS or str(key).startswith(_CARRIED))
        and isinstance(value, str | int | float | bool)
    }
    if not any(key.startswith("CPP_INPUT_") for key in carried):
        carried |= {f"CPP_INPUT_{i}": int(one) for i, one in enumerate(exposures)}
    place = tuple(carried.get(key) for key in ("INSTRUME", "RAFTNAME", "SLOTNAME", "DETECTOR"))
    cards: Metadata = {
        **carried,
        "PTC_RUN": run,
        "PTC_UUID": uuid,
        "PTC_DATE": str(curve.meta.get("CALIB_CREATION_DATETIME", curve.meta.get("CALIBDATE", ""))),
        **_dated((*place, None), created),
    }
    return {key: value for key, value in finite_cards(cards).items() if value is not None}


def _dated(place: Sequence[MetadataValue], created: datetime) -> Metadata:
    """Cards with the date and the name made of it; instrument, raft, slot, detector and filter come first."""
    date = created.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    names = ("instrument", "raftName", "detectorName", "detector", "filter", "calibDate")
    parts = zip(names, (*place, date), strict=True)
    return {
        "CALIBDATE": date,
        "CALIB_ID": " ".join(f"{key}={value}" for key, value in parts if value is not None),
        **creation_cards(created),
    }
