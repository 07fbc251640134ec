"""What a pipeline may change of the measurement of crosstalk."""

import math
from typing import Literal

from lsst.pex.config import ChoiceField, Config, ConfigField, Field, FieldValidationError, RangeField

from tasks.crosstalk.algorithm import ExtractionSettings, SolveSettings
from tasks.isr.config import IsrConfig

__all__ = ["ExtractionConfig", "ResidualConfig", "SolutionConfig"]


class ExtractionConfig(Config):
    """Settings of the comparison of bright pixels with those read at the same moment."""

    isr = ConfigField[IsrConfig](dtype=IsrConfig, doc="Corrections applied to each exposure.")
    threshold = RangeField(
        dtype=float, default=30_000.0, min=0.0, doc="Signal from which a pixel is a source (electron)."
    )
    growth = RangeField(
        dtype=int,
        default=20,
        min=0,
        doc="Pixels around sources, and around the places of their crosstalk, that are no background.",
    )
    mesh = RangeField(dtype=int, default=128, min=8, doc="Size of a cell of the background (pixels).")
    maximum = RangeField(
        dtype=float,
        default=150_000.0,
        min=0.0,
        optional=True,
        doc="Signal above which what was measured is no longer in proportion to what causes crosstalk "
        "(electron); None relies on the flag SAT alone.",
    )
    star_threshold = RangeField(
        dtype=float,
        default=5.0,
        min=0.0,
        inclusiveMin=False,
        optional=True,
        doc="Standard deviations at which fainter stars are found, under which nothing is measured; None "
        "looks for none.",
    )

    def validate(self) -> None:
        """Refuse limits between which there is no source."""
        super().validate()
        if self.maximum is not None and not self.maximum > self.threshold:
            raise FieldValidationError(
                type(self).maximum, self, f"must be above the threshold of {self.threshold:g} electron"
            )

    def extraction_settings(self) -> ExtractionSettings:
        """Return the settings that the algorithm takes."""
        return ExtractionSettings(
            threshold=self.threshold,
            growth=self.growth,
            mesh=self.mesh,
            maximum=math.inf if self.maximum is None else self.maximum,
            star_threshold=self.star_threshold,
        )


class ResidualConfig(ExtractionConfig):
    """Settings of the measurement of what is left on corrected exposures."""

    fewest = RangeField(
        dtype=int, default=50, min=2, doc="Measurements of a pair of amplifiers below which it is not tested."
    )
    fewest_stars = RangeField(
        dtype=int,
        default=3,
        min=1,
        doc="Different stars of a pair of amplifiers below which it is not tested.",
    )


class SolutionConfig(Config):
    """Settings of the matrix that all exposures agree on."""

    n_sigma = RangeField(
        dtype=float, default=2.0, min=0.5, doc="Half-width of the clip (standard deviations)."
    )
    n_iterations = RangeField(dtype=int, default=3, min=1, doc="Number of clipping passes.")
    weighting = ChoiceField[str](
        dtype=str,
        default="signal",
        allowed={
            "signal": "Least squares of the signal in the target, whose noise is that of its background.",
            "equal": "The mean of the ratios, as Rubin's.",
        },
        doc="How much bright pixels count against faint ones, where the crosstalk is a constant fraction.",
    )
    flux_order = ChoiceField[int](
        dtype=int,
        default=0,
        allowed={
            0: "A constant fraction.",
            1: "A fraction, and a term in the square of the source's signal.",
        },
        doc="How the crosstalk depends on the signal of its source; 1 for LSSTCam and LSSTComCam.",
    )
    significance = RangeField(
        dtype=float,
        default=3.0,
        min=0.0,
        doc="Coefficients that exceed their error by this factor are valid.",
    )
    per_measurement = Field[bool](
        dtype=bool,
        default=False,
        doc="Take the scatter of the single measurements for the error, not that of their mean.",
    )
    reject_negative = Field[bool](dtype=bool, default=False, doc="Negative coefficients become 0.")
    drop_insignificant = Field[bool](
        dtype=bool, default=False, doc="Coefficients that are not valid become 0, their errors NaN."
    )
    fewest = RangeField(
        dtype=int,
        default=50,
        min=1,
        doc="Measurements of a pair of amplifiers below which it has no coefficient: the error of fewer is "
        "not known well enough to tell what is significant.",
    )
    fewest_stars = RangeField(
        dtype=int,
        default=3,
        min=1,
        doc="Different stars of a pair of amplifiers below which it has no coefficient: what lies under a "
        "single star, in all exposures of its field, passes for its crosstalk.",
    )

    def solve_settings(self) -> SolveSettings:
        """Return the settings that the algorithm takes."""
        order: Literal[0, 1] = 1 if self.flux_order else 0
        weighting: Literal["signal", "equal"] = "equal" if self.weighting == "equal" else "signal"
        return SolveSettings(
            n_iterations=self.n_iterations,
            n_sigma=self.n_sigma,
            weighting=weighting,
            flux_order=order,
            reject_negative=self.reject_negative,
            significance=self.significance,
            per_measurement=self.per_measurement,
            drop_insignificant=self.drop_insignificant,
            fewest=self.fewest,
            fewest_stars=self.fewest_stars,
        )
