"""What is stored of a measurement: the matrix with its header, and the ratios where they are asked for."""

from collections.abc import Iterable
from datetime import datetime

import numpy as np
from astropy.table import Table

from infra.images import Metadata
from tasks.combine.table_metadata import table_cards
from tasks.crosstalk.algorithm import CROSSTALK_KIND, CrosstalkMatrix, CrosstalkRatios, matrix_to_table
from tasks.crosstalk.run.measure import MeasuredExposures

__all__ = ["SOURCES", "SOURCE_PIXELS", "WITHOUT_SOURCES", "crosstalk_table", "ratio_table"]

SOURCE_PIXELS = "CALPROD CROSSTALK SOURCE PIXELS "
"""Beginning of the cards with the number of bright pixels of an amplifier, whose name follows."""

SOURCES = "CALPROD CROSSTALK SOURCES "
"""Beginning of the cards with the number of sources on an amplifier, whose name follows."""

WITHOUT_SOURCES = "CALPROD CROSSTALK WITHOUT SOURCES"
"""Card with the exposures that hold no bright pixel; absent where all do."""


def crosstalk_table(matrix: CrosstalkMatrix, measured: MeasuredExposures, created: datetime) -> Table:
    """Table of a matrix, as ip_isr reads it.

    Parameters
    ----------
    matrix
        The matrix.
    measured
        The exposures that it was solved from.
    created
        Time of creation, with a time zone.
    """
    cards: Metadata = table_cards(
        CROSSTALK_KIND,
        measured.inputs,
        instrument=measured.instrument,
        layout=measured.layout,
        created=created,
    )
    counts = {f"{SOURCE_PIXELS}{name}": count for name, count in measured.source_pixels.items()}
    counts |= {f"{SOURCES}{name}": count for name, count in measured.sources.items()}
    empty = {WITHOUT_SOURCES: ", ".join(map(str, one))} if (one := measured.without_sources) else {}
    return matrix_to_table(matrix, {**cards, **counts, **empty})


def ratio_table(ratios: Iterable[CrosstalkRatios]) -> Table:
    """Table with a row for each bright pixel and target: exposure, source, target, flux (electron), ratio.

    Parameters
    ----------
    ratios
        Of each exposure, with its ID.
    """
    columns: dict[str, list[np.ndarray]] = {
        name: [] for name in ("exposure", "source", "target", "flux", "ratio")
    }
    for one in ratios:
        for (target, source), values in one.ratios.items():
            n = values.size
            columns["exposure"].append(np.full(n, one.exposure or 0, np.int64))
            columns["source"].append(np.full(n, source, "U16"))
            columns["target"].append(np.full(n, target, "U16"))
            columns["flux"].append(one.fluxes[source])
            columns["ratio"].append(values)
    return Table({name: np.concatenate(parts or [np.empty(0)]) for name, parts in columns.items()})
