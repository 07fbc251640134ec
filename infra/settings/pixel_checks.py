"""Limits of the checks that the pixels of a raw must pass before it is combined."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["PixelCheckLimits"]

type Fraction = Annotated[float, Field(ge=0, le=1)]
type Positive = Annotated[float, Field(gt=0)]


class PixelCheckLimits(BaseModel):
    """Limits of the pixel checks of one calibration; the ``quality`` block of its selection rules.

    A frame is compared with the median of its set. It deviates when it is further off than ``n_sigma`` robust
    standard deviations (1.4826 × median absolute deviation) of the set *and* further than the floor named here,
    so that a very steady set raises no false alarm.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    n_sigma: Positive = 8.0
    """Robust standard deviations that a deviating frame is off by."""
    saturated_fraction: Fraction = 0.01
    """Largest fraction of saturated pixels."""
    nan_fraction: Fraction = 1e-4
    """Largest fraction of pixels that are not finite."""
    lit_level: Positive = 100.0
    """Level (adu) below which a frame cannot have seen the lamp."""
    unlit_level: Positive = 300.0
    """Level (adu) above which a bias or dark must have seen light."""
    level_tolerance: Fraction = 0.05
    """Flats: fractional change of the illumination that one frame may show against its set."""
    drift_tolerance: Fraction = 0.10
    """Flats: fractional change of the illumination that a set may show from its first frame to its last."""
    gradient_tolerance: Fraction = 0.02
    """Flats: change of the fractional gradient that one frame may show against its set."""
    amplifier_tolerance: Fraction = 0.05
    """Flats: fractional change of one amplifier against the rest of the detector."""
    level_floor: Positive = 4.0
    """Bias and dark: change of the level (adu), of a detector or an amplifier, that is never an alarm."""
    gradient_floor: Positive = 4.0
    """Bias and dark: change of the level between halves of the detector (adu) that is never an alarm."""
    corner_floor: Positive = 6.0
    """Bias and dark: change of the corners against the rest (adu) that is never an alarm."""
    pedestal_floor: Positive = 20.0
    """Change of an amplifier's overscan level (adu) that is never an alarm."""
    noise_ratio: Annotated[float, Field(gt=1)] = 1.5
    """Largest ratio of an amplifier's overscan noise to its median over the set."""
