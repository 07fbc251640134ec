"""The correction of the gains of one detector."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from infra.images import Metadata

__all__ = ["MAP_SHAPE", "AmplifierAdjustment", "GainCorrection"]

MAP_SHAPE = (8, 4)
"""Rows and columns of the coarse picture of each amplifier's ratio."""


@dataclass(frozen=True, slots=True, eq=False)
class AmplifierAdjustment:
    """By how much the signal of one amplifier has moved."""

    name: str
    """Name of the amplifier."""
    adjustment: float
    """Factor by which its data are too high, and its gain is divided; 1 where nothing is to be corrected."""
    error: float
    """Standard error of the factor; NaN where none was measured."""
    n_bins: int
    """Bins that told it."""
    picture: npt.NDArray[np.float32]
    """Ratio of the two flats over the amplifier, shape `MAP_SHAPE`; NaN where there are no bins."""
    reason: str | None = None
    """Why it is not corrected; None when it is."""


@dataclass(frozen=True, slots=True, eq=False)
class GainCorrection:
    """By how much the signals of a detector's amplifiers have moved against each other."""

    amplifiers: tuple[AmplifierAdjustment, ...]
    """In the detector's order."""
    reference: str
    """Amplifier that the fit was relative to."""
    middle: str
    """Amplifier whose factor is 1: the middling one."""
    metadata: Metadata = field(default_factory=dict)
    """FITS cards."""

    @property
    def adjustments(self) -> dict[str, float]:
        """Factor of each amplifier, by its name."""
        return {one.name: one.adjustment for one in self.amplifiers}

    @property
    def reasons(self) -> dict[str, str]:
        """Why amplifiers are not corrected, by their names."""
        return {one.name: one.reason for one in self.amplifiers if one.reason is not None}
