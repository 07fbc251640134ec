"""Defects as tables, in both forms that Rubin's ip_isr reads."""

from collections.abc import Mapping, Sequence

import numpy as np
from astropy.table import Table

from infra.errors import CalprodError
from infra.images import Metadata, MetadataValue
from tasks.defects.steps.model import Defect, DefectReason, reason_from_name, reason_name
from tasks.isr.defects import boxes_of_table

__all__ = ["defects_from_table", "defects_to_region_table", "defects_to_table"]

_CARDS: Metadata = {
    "OBSTYPE": "defects",
    "DEFECTS_SCHEMA": "",
    "DEFECTS_VERSION": 2.0,
    "CALIBCLS": "lsst.ip.isr.defects.Defects",
}
"""Cards by which ip_isr knows the table."""


def defects_to_table(defects: Sequence[Defect], metadata: Mapping[str, MetadataValue] | None = None) -> Table:
    """Table with columns x0, y0, width, height (pixels of the trimmed image, 0-based) and reason.

    Parameters
    ----------
    defects
        The defects.
    metadata
        Cards besides those that name the kind of table; None values are left out.
    """
    boxes = np.array(
        [(one.box.x0, one.box.y0, one.box.width, one.box.height) for one in defects], np.int64
    ).reshape(-1, 4)
    table = Table({name: boxes[:, i] for i, name in enumerate(("x0", "y0", "width", "height"))})
    table["reason"] = _reasons(defects)
    table.meta.update(_header(metadata))
    return table


def defects_to_region_table(
    defects: Sequence[Defect], metadata: Mapping[str, MetadataValue] | None = None
) -> Table:
    """Table in the form of the FITS region standard, and the reason.

    Parameters
    ----------
    defects
        The defects.
    metadata
        Cards besides those that name the kind of table; None values are left out.

    Returns
    -------
    table
        X, Y: centre, 1-based (pixel); SHAPE: POINT for one pixel, otherwise BOX; R: width and height; ROTANG:
        0; COMPONENT: running number.
    """
    boxes = [one.box for one in defects]
    sizes = np.array([(box.width, box.height) for box in boxes], np.float64).reshape(-1, 2)
    table = Table(
        {
            "X": np.array([box.x0 + (box.width - 1) / 2 + 1.0 for box in boxes], np.float64),
            "Y": np.array([box.y0 + (box.height - 1) / 2 + 1.0 for box in boxes], np.float64),
            "SHAPE": np.array(["POINT" if box.area == 1 else "BOX" for box in boxes], "U16"),
            # ECSV gives no empty column of pairs back.
            "R": sizes if boxes else np.zeros(0),
            "ROTANG": np.zeros(len(boxes)),
            "COMPONENT": np.arange(len(boxes)),
        }
    )
    table["REASON"] = _reasons(defects)
    table.meta.update(_header(metadata))
    return table


def defects_from_table(table: Table) -> tuple[Defect, ...]:
    """Defects of a table of either form.

    Parameters
    ----------
    table
        Without a column of reasons, as Rubin writes it, all defects are MANUAL: somebody gave them.

    Raises
    ------
    CalprodError
        The columns are missing; a shape or a reason is unknown; a box has no pixels.
    """
    boxes = boxes_of_table(table)
    column = next((name for name in table.colnames if name.lower() == "reason"), None)
    if column is None:
        return tuple(Defect(box, DefectReason.MANUAL) for box in boxes)
    try:
        reasons = [reason_from_name(str(name)) for name in table[column]]
    except KeyError as unknown:
        known = ", ".join(str(reason_name(one)) for one in DefectReason)
        raise CalprodError(f"a table of defects gives the reason {unknown}", f"known are {known}") from None
    return tuple(Defect(box, reason) for box, reason in zip(boxes, reasons, strict=True))


def _reasons(defects: Sequence[Defect]) -> np.ndarray[tuple[int], np.dtype[np.str_]]:
    """Column of reasons, of a width that does not depend on the contents."""
    return np.array([reason_name(one.reason) for one in defects], "U64")


def _header(metadata: Mapping[str, MetadataValue] | None) -> dict[str, MetadataValue]:
    """Cards of a table."""
    return {key: value for key, value in {**(metadata or {}), **_CARDS}.items() if value is not None}
