"""What is stored beside the curve: its header, and the binned images of its flats."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np
from astropy.table import Table

from infra.images import Metadata
from tasks.combine.table_metadata import TableKind, table_cards
from tasks.flat_pairs.binned_flat import BinGrid
from tasks.flat_pairs.curve.table import LAYOUT_VERSION
from tasks.flat_pairs.pairing import UnpairedExposure
from tasks.flat_pairs.sequence import BinnedExposure, MeasuredSequence
from tasks.ptc.solve.gain_ratio import AdjustedGains

__all__ = ["EDGE", "PTC_TABLE", "UNPAIRED", "adjustment_cards", "binned_table", "curve_cards"]

PTC_TABLE = TableKind(
    obstype="PTC",
    schema="Gen3 Photon Transfer Curve",
    version=LAYOUT_VERSION,
    calibcls="lsst.ip.isr.ptcDataset.PhotonTransferCurveDataset",
)

EDGE = "CALPROD PTC EDGE"
"""Card with the width of the border of each amplifier that took no part (pixels)."""

UNPAIRED = "CALPROD PTC UNPAIRED "
"""Beginning of the cards of exposures that are in no pair; the exposure ID follows."""


def curve_cards(
    sequence: MeasuredSequence,
    unpaired: Sequence[UnpairedExposure],
    edge: int,
    created: datetime,
) -> Metadata:
    """Cards of a photon transfer curve.

    Parameters
    ----------
    sequence
        What it was made from.
    unpaired
        Exposures that are in no pair: one card each, with the reason.
    edge
        Border of each amplifier that took no part (pixels).
    created
        Time of creation, with a time zone.
    """
    cards = table_cards(
        PTC_TABLE,
        sequence.inputs,
        instrument=sequence.instrument,
        layout=sequence.layout,
        created=created,
    )
    return cards | {EDGE: edge} | {f"{UNPAIRED}{one.exposure}": one.reason for one in unpaired}


def adjustment_cards(adjusted: AdjustedGains) -> Metadata:
    """Cards that say whether the gains were adjusted to each other, and if not why."""
    cards: Metadata = {"CALPROD PTC ADJUSTED": adjusted.reference is not None}
    if adjusted.reference is None:
        return cards | {"CALPROD PTC NOT ADJUSTED": adjusted.reason}
    return cards | {
        "CALPROD PTC REFERENCE AMP": adjusted.reference,
        "CALPROD PTC MEDIAN CORRECTION": adjusted.median_correction,
        "CALPROD PTC ADJUSTMENT FLATS": len(adjusted.flats),
    }


def binned_table(grid: BinGrid, exposures: Sequence[BinnedExposure]) -> Table:
    """Binned images of a sequence, one row per bin.

    Parameters
    ----------
    grid
        The bins.
    exposures
        Their values.

    Returns
    -------
    table
        ``amp_index`` (int16, place of the amplifier in the rows of the curve's table), ``xd`` and ``yd``
        (float32, middle of the bin in the trimmed image, pixels), and for each exposure a column
        ``value_<exposure ID>`` (float32, mean of the bin, adu; NaN where too few pixels are usable).
    """
    columns = {"amp_index": grid.amplifier, "xd": grid.x, "yd": grid.y}
    for one in exposures:
        columns[f"value_{one.exposure}"] = one.values
    return Table({name: np.asarray(column) for name, column in columns.items()})
