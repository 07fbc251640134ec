"""Binned images of a ramp out of their table."""

import numpy as np
import numpy.typing as npt
from astropy.table import Table

from infra.errors import CalprodError
from tasks.linearity.fitting.reference import BinnedImages

__all__ = ["binned_images"]

_VALUE = "value_"
"""Beginning of the names of columns with one exposure each; its ID follows."""


def binned_images(table: Table, exposures: npt.NDArray[np.int64]) -> BinnedImages:
    """Binned images of the exposures of a ramp.

    Parameters
    ----------
    table
        One row per bin: ``amp_index``, and ``value_<exposure ID>`` (adu) for each exposure.
    exposures
        Exposure IDs, shape (n,), in the order of the ramp.

    Raises
    ------
    CalprodError
        An exposure has no image; names it.
    """
    missing = [str(one) for one in exposures if f"{_VALUE}{one}" not in table.colnames]
    if missing or "amp_index" not in table.colnames:
        raise CalprodError(
            f"the binned images lack {', '.join(missing[:5]) or 'amp_index'}",
            "make them with the photon transfer curve that the linearizer is solved from",
        )
    values = np.stack([np.ma.filled(table[f"{_VALUE}{one}"], np.nan) for one in exposures])
    return BinnedImages(np.asarray(table["amp_index"], np.int64), values)
