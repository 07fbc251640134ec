"""Header of the electrostatic model: what it was made from, and when."""

from datetime import UTC, datetime

from astropy.table import Table

from infra.images import Metadata, finite_cards
from tasks.combine.metadata import creation_cards
from tasks.combine.table_metadata import STATE_CARDS

__all__ = ["solution_cards"]

_IDENTITY = ("INSTRUME", "RAFTNAME", "SLOTNAME", "DETECTOR", "DET_NAME", "DET_SER", "TIMESYS")
_PREFIXES = ("CPP_INPUT_", "DATE-", "MJD-", "LSST CALIB RUN ", "LSST CALIB UUID ", "LSST CALIB DATE ")


def solution_cards(table: Table, *, run: str, uuid: str, created: datetime) -> Metadata:
    """Cards of the model of a detector.

    Parameters
    ----------
    table
        The photon transfer curve it is fitted to, as stored.
    run, uuid
        Where that lies in the repository, and which dataset it is.
    created
        With a time zone.

    Returns
    -------
    cards
        Keys as in ip_isr's IsrCalib: detector, camera state, exposures and calibrations carried over from the
        curve; ``PTC_RUN``, ``PTC_UUID`` and ``PTC_DATE`` name it.
    """
    carried: Metadata = {
        str(key): value
        for key, value in table.meta.items()
        if (key in _IDENTITY or key in STATE_CARDS or str(key).startswith(_PREFIXES))
        and isinstance(value, str | int | float | bool)
    }
    date = created.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    parts = {
        "instrument": carried.get("INSTRUME"),
        "raftName": carried.get("RAFTNAME"),
        "detectorName": carried.get("SLOTNAME"),
        "detector": carried.get("DETECTOR"),
        "calibDate": date,
    }
    cards: Metadata = {
        **carried,
        "PTC_RUN": run,
        "PTC_UUID": uuid,
        "PTC_DATE": str(table.meta.get("CALIB_CREATION_DATETIME", table.meta.get("CALIBDATE", ""))),
        "LSST CALIB RUN PTC": run,
        "LSST CALIB UUID PTC": uuid,
        "CALIBDATE": date,
        "CALIB_ID": " ".join(f"{key}={value}" for key, value in parts.items() if value is not None),
        **creation_cards(created),
    }
    return {key: value for key, value in finite_cards(cards).items() if value is not None}
