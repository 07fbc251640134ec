"""Numbers of each amplifier that tell charge transfer inefficiency: edges of the image and overscans."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from infra.images import Metadata
from tasks.combine.clipping import clipped_statistics_of_amplifier

__all__ = ["CtiStatistics", "cti_statistics", "read_cti_statistics"]

type FloatArray = npt.NDArray[np.float64]

_SCALARS = ("FIRST_COLUMN_MEAN", "LAST_COLUMN_MEAN", "FIRST_ROW_MEAN", "LAST_ROW_MEAN", "IMAGE_MEAN")


@dataclass(frozen=True, slots=True, eq=False)
class CtiStatistics:
    """Clipped means (3 σ, 3 times) of one amplifier of one exposure, in the unit of the image (electron).

    In readout order: the first column and row are those read out first, the overscans begin at the data.
    """

    first_column_mean: float
    """Of the data pixels, as the others."""
    last_column_mean: float
    first_row_mean: float
    last_row_mean: float
    image_mean: float
    """All data pixels."""
    serial_overscan: FloatArray
    """Mean of each column beside the data rows, shape (n_columns,)."""
    serial_overscan_error: FloatArray
    """Standard error of each."""
    parallel_overscan: FloatArray
    """Mean of each row above the data columns, shape (n_rows,)."""
    parallel_overscan_error: FloatArray
    """Standard error of each."""
    input_gain: float = float("nan")
    """electron/adu with which the image came to electrons."""
    input_turnoff: float = float("nan")
    """Turnoff of the amplifier (electron)."""

    def cards(self, amplifier: str) -> Metadata:
        """Cards ``LSST ISR CTI <name> <amp>`` of a header; a list is one card, parted by blanks."""
        scalars = {name: float(getattr(self, name.lower())) for name in _SCALARS}
        scalars |= {"INPUT_GAIN": self.input_gain, "INPUT_PTCTURNOFF": self.input_turnoff}
        cards: Metadata = {f"LSST ISR CTI {name} {amplifier}": value for name, value in scalars.items()}
        for name in ("SERIAL_OVERSCAN", "PARALLEL_OVERSCAN"):
            for suffix, field in (("VALUES", name.lower()), ("ERRORS", f"{name.lower()}_error")):
                values = " ".join(f"{value:.9g}" for value in getattr(self, field))
                cards[f"LSST ISR CTI {name}_{suffix} {amplifier}"] = values
        return cards


def cti_statistics(
    pixels: npt.NDArray[np.float32],
    *,
    prescan: int,
    data_columns: int,
    data_rows: int,
    flags: npt.NDArray[np.bool_] | None = None,
    gain: float = float("nan"),
    turnoff: float = float("nan"),
) -> CtiStatistics:
    """Measure one segment.

    Parameters
    ----------
    pixels
        Whole segment in readout orientation (the first pixel read out is [0, 0]), overscan levels subtracted,
        shape (ny, nx), electron.
    prescan
        Leading columns without charge of their own.
    data_columns, data_rows
        Of the light-sensitive pixels.
    flags
        Data pixels that count for no mean, shape (data_rows, data_columns); None for none. The first and last
        lines, where they are flagged as a whole, as at the edge of a sensor, are taken as they are: what they
        hold passes the register before the overscan does.
    gain, turnoff
        Recorded as they are: electron/adu, and the level (electron) where the response is lost.

    Notes
    -----
    Snyder et al. 2021 (JATIS 7, 048002). The parallel values are cut from the parallel overscan over the data
    columns; Rubin's ip_isr (2026) takes them from the first rows of the serial overscan.
    """
    columns = slice(prescan, prescan + data_columns)
    as_read = pixels[:data_rows, columns]
    data = np.array(as_read)
    if flags is not None:
        data[flags] = np.nan
    serial = pixels[:data_rows, prescan + data_columns :]
    parallel = pixels[data_rows:, columns]
    serial_means, serial_errors = _lines(serial.T)
    parallel_means, parallel_errors = _lines(parallel)
    return CtiStatistics(
        first_column_mean=_edge_mean(data[:, 0], as_read[:, 0]),
        last_column_mean=_edge_mean(data[:, -1], as_read[:, -1]),
        first_row_mean=_edge_mean(data[0], as_read[0]),
        last_row_mean=_edge_mean(data[-1], as_read[-1]),
        image_mean=_mean(data),
        serial_overscan=serial_means,
        serial_overscan_error=serial_errors,
        parallel_overscan=parallel_means,
        parallel_overscan_error=parallel_errors,
        input_gain=float(gain),
        input_turnoff=float(turnoff),
    )


def read_cti_statistics(header: Mapping[str, object]) -> dict[str, CtiStatistics]:
    """Statistics that stand in a header, by amplifier; those of an incomplete record are left out.

    Parameters
    ----------
    header
        With the cards of `CtiStatistics.cards`.
    """
    key = re.compile(r"LSST ISR CTI IMAGE_MEAN (\S+)")
    found = {}
    for amplifier in [match[1] for card in header if (match := key.fullmatch(card))]:

        def number(name: str, of: str = amplifier) -> float:
            """Return a number of a card, NaN without."""
            value = header.get(f"LSST ISR CTI {name} {of}")
            return float(value) if isinstance(value, int | float) else float("nan")

        def numbers(name: str, of: str = amplifier) -> FloatArray:
            """Return the list of a card, empty without."""
            return np.array(str(header.get(f"LSST ISR CTI {name} {of}", "")).split(), np.float64)

        found[amplifier] = CtiStatistics(
            **{name.lower(): number(name) for name in _SCALARS},
            serial_overscan=numbers("SERIAL_OVERSCAN_VALUES"),
            serial_overscan_error=numbers("SERIAL_OVERSCAN_ERRORS"),
            parallel_overscan=numbers("PARALLEL_OVERSCAN_VALUES"),
            parallel_overscan_error=numbers("PARALLEL_OVERSCAN_ERRORS"),
            input_gain=number("INPUT_GAIN"),
            input_turnoff=number("INPUT_PTCTURNOFF"),
        )
    return found


def _mean(pixels: npt.NDArray[np.float32]) -> float:
    """Clipped mean."""
    return float(clipped_statistics_of_amplifier(np.atleast_2d(pixels)).mean)


def _edge_mean(line: npt.NDArray[np.float32], as_read: npt.NDArray[np.float32]) -> float:
    """Clipped mean of a line at the edge; of the line as it was read, where all of it is flagged."""
    return _mean(line if np.isfinite(line).any() else as_read)


def _lines(lines: npt.NDArray[np.float32]) -> tuple[FloatArray, FloatArray]:
    """Clipped mean of each row of an array, and its standard error."""
    means, errors = np.full(lines.shape[0], np.nan), np.full(lines.shape[0], np.nan)
    for i, line in enumerate(lines):
        found = clipped_statistics_of_amplifier(np.ascontiguousarray(line)[None])
        means[i] = found.mean
        errors[i] = found.standard_error
    return means, errors
