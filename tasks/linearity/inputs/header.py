"""Header of a linearizer: what it was made from, and when."""

from datetime import datetime

import numpy as np
import numpy.typing as npt
from astropy.table import Table

from infra.images import Metadata
from tasks.combine.table_metadata import cards_from_curve

__all__ = ["ABSCISSA", "linearizer_cards"]

ABSCISSA = "CALPROD LINEARITY ABSCISSA"
"""Card that says what stands for the light: exposureTime or photodiode."""


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
    return {
        **cards_from_curve(curve, run=run, uuid=uuid, created=created, exposures=pairs.ravel().tolist()),
        ABSCISSA: abscissa,
    }
