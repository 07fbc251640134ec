"""Header of the kernels: what they were made from, and when."""

from datetime import UTC, datetime

from astropy.table import Table

from infra.images import Metadata, finite_cards
from tasks.brighter_fatter.kernel.settings import KernelSettings
from tasks.combine.metadata import creation_cards
from tasks.combine.table_metadata import STATE_CARDS
from tasks.flat_pairs.curve.model import PhotonTransferCurve

__all__ = ["kernel_cards"]

_IDENTITY = ("INSTRUME", "RAFTNAME", "SLOTNAME", "DETECTOR", "DET_NAME", "DET_SER", "TIMESYS")
_PREFIXES = ("CPP_INPUT_", "DATE-", "MJD-", "LSST CALIB RUN ", "LSST CALIB UUID ", "LSST CALIB DATE ")


def kernel_cards(
    table: Table,
    curve: PhotonTransferCurve,
    settings: KernelSettings,
    *,
    run: str,
    uuid: str,
    created: datetime,
) -> Metadata:
    """Cards of the kernels.

    Parameters
    ----------
    table, curve
        The photon transfer curve they are solved from, as stored and as read.
    settings
        How they are solved.
    run, uuid
        Where that curve lies in the repository, and which dataset it is.
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
    if not any(key.startswith("CPP_INPUT_") for key in carried):
        pairs = curve.amplifiers[0].series.exposures.ravel()
        carried |= {f"CPP_INPUT_{i}": int(one) for i, one in enumerate(pairs)}
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
        "CALPROD BFK SOURCE": settings.source.value,
        "CALPROD BFK ZERO SUM": settings.zero_sum.value,
        "CALIBDATE": date,
        "CALIB_ID": " ".join(f"{key}={value}" for key, value in parts.items() if value is not None),
        **creation_cards(created),
    }
    return {key: value for key, value in finite_cards(cards).items() if value is not None}
