"""What a dataset says, whichever day it was made on and whatever identifiers the Butler gave it."""

import hashlib
from typing import Any

import numpy as np
from astropy.table import MaskedColumn, Table
from lsst.daf.butler import Butler, DatasetRef

from infra.butler.images import calibration_image, image_digest, is_volatile, reading
from infra.errors import RepositoryError

__all__ = ["content_digest", "read_table", "table_digest"]

_VOLATILE = ("CALIBDATE", "CALIB_ID", "PTC_RUN", "PTC_UUID", "PTC_DATE")
"""Cards of tables alone that differ when the same is made again: when it was made, and the curve that a
linearizer was solved from."""


def content_digest(butler: Butler, ref: DatasetRef) -> str:
    """Return the sha256 of what a calibration says: pixels and header, or columns and metadata.

    Raises
    ------
    RepositoryError
        Its file is missing or damaged.
    """
    stored = _read(butler, ref)
    return table_digest(stored) if isinstance(stored, Table) else image_digest(calibration_image(stored))


def read_table(butler: Butler, ref: DatasetRef) -> Table:
    """Read a calibration that is a table.

    Raises
    ------
    RepositoryError
        Its file is missing or damaged.
    """
    stored = _read(butler, ref)
    if not isinstance(stored, Table):
        raise RepositoryError(f"{ref.datasetType.name} {ref.id} of {ref.run} is no table")
    return stored


def table_digest(table: Table) -> str:
    """Return the sha256 of a table's columns and metadata.

    Times of creation and the identifiers of other datasets are left out, so that two runs over the same raws
    with the same code and configuration give the same digest.
    """
    digest = hashlib.sha256()
    for name in table.colnames:
        column = table[name]
        digest.update(
            f"{name} {column.unit} {column.dtype.str if column.dtype != object else 'O'}\n".encode()
        )
        digest.update(_bytes(column))
    for key, value in sorted(table.meta.items()):
        if str(key) not in _VOLATILE and not is_volatile(str(key)):
            digest.update(f"{key}={value!r}\n".encode())
    return digest.hexdigest()


def _bytes(column: Any) -> bytes:
    values = column.filled() if isinstance(column, MaskedColumn) and column.dtype != object else column
    array = np.asarray(values)
    if array.dtype.kind in "biufc":
        return f"{array.shape}".encode() + np.ascontiguousarray(array).tobytes()
    return repr(array.tolist()).encode()  # text, and columns whose rows differ in length


def _read(butler: Butler, ref: DatasetRef) -> Any:
    with reading(ref):
        return butler.get(ref)
