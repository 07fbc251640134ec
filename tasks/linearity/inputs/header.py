"""Header of a linearizer: what it was made from, and when."""

from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
from astropy.table import Table

from infra.images import Metadata, finite_cards
from tasks.combine.metadata import creation_cards
from tasks.combine.table_metadata import STATE_CARDS

__all__ = ["ABSCISSA", "linearizer_cards"]

ABSCISSA = "CALPROD LINEARITY ABSCISSA"
"""Card that says what stands for the light: exposureTime or photodiode."""

_IDENTITY = ("INSTRUME", "RAFTNAME", "SLOTNAME", "DETECTOR", "DET_NAME", "DET_SER", "TIMESYS")
_PREFIXES = ("CPP_INPUT_", "DATE-", "MJD-", "LSST CALIB RUN ", "LSST CALIB UUID ", "LSST CALIB DATE ")


def linearizer_cards(
    curve: Table,
    *,
    run: str,
    uuid: str,
    created: datetime,
    pairs: npt.NDArray[np.int64],
    abscissa: str = "exposureTime",
) -> Metadata:
    """Cards of a linearizer.

    Parameters
    ----------
    curve
        Table of the photon transfer curve it is solved from.
    run, uuid
        Where that table lies in the repository, and which dataset it is.
    created
        With a time zone.
    pairs
        Exposure IDs of the pairs, shape (n, 2).
    abscissa
        What stands for the light.

    Returns
    -------
    cards
        Keys as in ip_isr's IsrCalib: detector, camera state, exposures and calibrations carried over from the
        curve; ``PTC_RUN``, ``PTC_UUID`` and ``PTC_DATE`` name it.
    """
    carried: Metadata = {
        str(key): value
        for key, value in curve.meta.items()
        if (key in _IDENTITY or key in STATE_CARDS or str(key).startswith(_PREFIXES))
        and isinstance(value, str | int | float | bool)
    }
    if not any(key.startswith("CPP_INPUT_") for key in carried):
        carried |= {f"CPP_INPUT_{i}": int(one) for i, one in enumerate(pairs.ravel())}
    date = created.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    parts = {
        "instrument": carried.get("INSTRUME"),
        "raftName": carried.get("RAFTNAME"),
        "detectorName": carried.get("SLOTNAME"),
        "detector": carried.get("DETECTOR"),
        "calibDate": date,
    }
    made = curve.meta.get("CALIB_CREATION_DATETIME", curve.meta.get("CALIBDATE", ""))
    cards: Metadata = {
        **carried,
        ABSCISSA: abscissa,
        "PTC_RUN": run,
        "PTC_UUID": uuid,
        "PTC_DATE": str(made),
        "CALIBDATE": date,
        "CALIB_ID": " ".join(f"{key}={value}" for key, value in parts.items() if value is not None),
        **creation_cards(created),
    }
    return {key: value for key, value in finite_cards(cards).items() if value is not None}
