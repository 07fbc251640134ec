"""What flats of many levels show of one amplifier: its signals and overscans, by rising signal."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from infra.errors import CalprodError
from tasks.isr.cti_statistics import CtiStatistics

__all__ = ["FAINTEST", "AmplifierLevels", "levels_of"]

type FloatArray = npt.NDArray[np.float64]


FAINTEST = 10.0
"""Signal (electron) that a flat must have: what is fainter is the noise of a dark one."""


@dataclass(frozen=True, slots=True, eq=False)
class AmplifierLevels:
    """Flats of one amplifier in the order of their signal, electron; NaN where nothing was measured.

    Raises
    ------
    CalprodError
        Two arrays are not of the same flats.
    """

    name: str
    """Amplifier."""
    signals: FloatArray
    """Mean of the data pixels, shape (n,), rising."""
    last_columns: FloatArray
    """Mean of the last data column, shape (n,)."""
    serial: FloatArray
    """Mean of each column of the serial overscan, shape (n, n_columns)."""
    serial_errors: FloatArray
    """Standard error of each; NaN where unknown."""
    parallel: FloatArray
    """Mean of each row of the parallel overscan, shape (n, n_rows)."""
    parallel_errors: FloatArray
    """Standard error of each; NaN where unknown."""
    gain: float
    """electron/adu"""
    turnoff: float
    """Signal above which the response is lost; infinite where it is not known."""

    def __post_init__(self) -> None:
        n = self.signals.shape
        arrays = (
            self.last_columns,
            self.serial[:, 0] if self.serial.shape[1] else self.signals,
            self.signals,
        )
        if any(one.shape != n for one in arrays) or self.parallel.shape[0] != n[0]:
            raise CalprodError(
                f"signals and overscans of amplifier {self.name} are not of the same flats",
                "measure every flat once",
            )

    def between(self, chosen: npt.NDArray[np.bool_]) -> "AmplifierLevels":
        """Return some of the flats, chosen by a mask of shape (n,)."""
        return AmplifierLevels(
            self.name,
            self.signals[chosen],
            self.last_columns[chosen],
            self.serial[chosen],
            self.serial_errors[chosen],
            self.parallel[chosen],
            self.parallel_errors[chosen],
            self.gain,
            self.turnoff,
        )


def levels_of(name: str, flats: Sequence[CtiStatistics]) -> AmplifierLevels:
    """Levels of one amplifier out of the statistics of its flats.

    Parameters
    ----------
    name
        Of the amplifier.
    flats
        Statistics of every flat, in any order.

    Notes
    -----
    A flat whose signal is no number, or none to speak of, is left out. Where some flats have a
    narrower overscan, all are cut to the narrowest.
    """
    lit = [one for one in flats if np.isfinite(one.image_mean) and one.image_mean > FAINTEST]
    lit.sort(key=lambda one: one.image_mean)
    turnoffs = [one.input_turnoff for one in lit if np.isfinite(one.input_turnoff)]
    gains = [one.input_gain for one in lit]
    return AmplifierLevels(
        name=name,
        signals=np.array([one.image_mean for one in lit], np.float64),
        last_columns=np.array([one.last_column_mean for one in lit], np.float64),
        serial=_stacked([one.serial_overscan for one in lit]),
        serial_errors=_stacked([one.serial_overscan_error for one in lit]),
        parallel=_stacked([one.parallel_overscan for one in lit]),
        parallel_errors=_stacked([one.parallel_overscan_error for one in lit]),
        gain=float(np.median(gains)) if gains else float("nan"),
        turnoff=min(turnoffs, default=float("inf")),
    )


def _stacked(rows: Sequence[FloatArray]) -> FloatArray:
    """Rows above each other, cut to the shortest."""
    narrowest = min((one.size for one in rows), default=0)
    return np.array([one[:narrowest] for one in rows], np.float64).reshape(len(rows), narrowest)
