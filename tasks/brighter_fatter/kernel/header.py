"""Header of the kernels: what they were made from, and when."""

from datetime import datetime

from astropy.table import Table

from infra.images import Metadata
from tasks.brighter_fatter.kernel.settings import KernelSettings
from tasks.combine.table_metadata import cards_from_curve
from tasks.flat_pairs.curve.model import PhotonTransferCurve

__all__ = ["kernel_cards"]


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
    exposures = curve.amplifiers[0].series.exposures.ravel()
    return {
        **cards_from_curve(table, run=run, uuid=uuid, created=created, exposures=exposures.tolist()),
        "LSST CALIB RUN PTC": run,
        "LSST CALIB UUID PTC": uuid,
        "CALPROD BFK SOURCE": settings.source.value,
        "CALPROD BFK ZERO SUM": settings.zero_sum.value,
    }
