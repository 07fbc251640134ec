"""The linearizer of a detector: for each amplifier its correction, and the evidence for it."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from infra.errors import CalprodError
from infra.images import Metadata
from infra.instruments.layout import Box
from tasks.isr.linearity import LinearityCorrection, LinearityType

__all__ = ["AmplifierLinearity", "Linearizer"]

type FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class AmplifierLinearity:
    """The correction of one amplifier and the fit it comes from.

    Fields of a bad amplifier are NaN, its type is "None" and ``reason`` says why.
    """

    name: str
    """Amplifier."""
    type: LinearityType
    """Kind of correction; "None" if there is none."""
    coefficients: FloatArray
    """See `tasks.isr.linearity.LinearityCorrection`."""
    box: Box
    """The amplifier in the trimmed detector image."""
    input_gain: float
    """Gain of the photon transfer curve (electron/adu)."""
    input_turnoff: float
    """Turnoff of the photon transfer curve (adu)."""
    abscissa: FloatArray
    """Exposure time (s) or charge (C) as it was fitted, shape (n,)."""
    ordinate: FloatArray
    """Level (adu) as it was fitted, shape (n,)."""
    mask: npt.NDArray[np.bool_]
    """Points that the fit used, shape (n,)."""
    groups: npt.NDArray[np.int64]
    """Group of each point, shape (n,), −1 for none."""
    normalization: FloatArray
    """What each exposure's light was multiplied by, shape (n,)."""
    fit_parameters: FloatArray
    """Parameters of the fit: of the polynomial, or [node values, slopes, nuisance parameters]."""
    fit_errors: FloatArray
    """Their standard errors."""
    reduced_chi_squared: float
    """Of the fit."""
    residuals: FloatArray
    """Linearised level minus line (adu), shape (n,); NaN where the point was not used."""
    residuals_unmasked: FloatArray
    """The same for every point that has a level, shape (n,)."""
    residual_model: FloatArray
    """The line (adu), shape (n,)."""
    residual_sigma: float
    """Scatter of residual over level, 1.4826 times its median absolute deviation."""
    line: tuple[float, float]
    """Intercept (adu) and slope (adu/s or adu/C)."""
    turnoff: float
    """Highest level (adu) to which the correction holds."""
    max_signal: float
    """Highest level (adu) the amplifier delivers."""
    reason: str | None = None
    """Why there is no correction; None if there is one."""
    remarks: tuple[str, ...] = ()
    """What limits the correction without spoiling it."""

    @property
    def is_bad(self) -> bool:
        """Whether there is no correction."""
        return self.type == "None"

    @property
    def max_residual(self) -> float:
        """Largest residual of a used point as a fraction of its level; NaN without any."""
        fractions = np.abs(self.residuals / self.ordinate)
        fractions = fractions[np.isfinite(fractions)]
        return float(fractions.max()) if fractions.size else float("nan")


@dataclass(frozen=True, slots=True, eq=False)
class Linearizer:
    """The linearity of one detector.

    Raises
    ------
    CalprodError
        Two amplifiers have one name.
    """

    detector: int
    """Detector number."""
    amplifiers: tuple[AmplifierLinearity, ...]
    """In the order of the detector's amplifiers."""
    table: npt.NDArray[np.float32] | None = None
    """Lookup table (adu), one row per amplifier in their order; None without."""
    reference_amplifier: str = ""
    """Amplifier that the double spline takes as its reference; empty without."""
    metadata: Metadata = field(default_factory=dict)
    """FITS cards: provenance."""

    def __post_init__(self) -> None:
        names = [one.name for one in self.amplifiers]
        if len(set(names)) != len(names):
            raise CalprodError(
                f"the linearizer of detector {self.detector} names an amplifier twice: {names}"
            )

    def amplifier(self, name: str) -> AmplifierLinearity:
        """Return one amplifier's linearity.

        Raises
        ------
        CalprodError
            There is no such amplifier.
        """
        for one in self.amplifiers:
            if one.name == name:
                return one
        known = ", ".join(one.name for one in self.amplifiers)
        raise CalprodError(
            f"the linearizer of detector {self.detector} has no amplifier {name}, only {known}"
        )

    def correction(self, name: str) -> LinearityCorrection:
        """Return what the instrument-signature removal needs for one amplifier.

        Raises
        ------
        CalprodError
            There is no such amplifier, or the lookup table lacks its row.
        """
        one = self.amplifier(name)
        if one.type != "LookupTable":
            return LinearityCorrection(one.type, one.coefficients)
        row = int(one.coefficients[0])
        if self.table is None or not 0 <= row < self.table.shape[0]:
            raise CalprodError(
                f"the linearizer of detector {self.detector} has no row {row} in its lookup table"
            )
        return LinearityCorrection(one.type, one.coefficients, self.table[row])

    @property
    def reasons(self) -> tuple[tuple[str, str], ...]:
        """Amplifiers without a correction, each with the reason."""
        return tuple((one.name, one.reason or "no reason given") for one in self.amplifiers if one.is_bad)
