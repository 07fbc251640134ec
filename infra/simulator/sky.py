"""Settings of what the telescope sees: the sky and the stars in it."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from infra.settings.base import SettingsModel, wrong_at

__all__ = ["Sky", "Stars"]

type NonNegative = Annotated[float, Field(ge=0)]
type Positive = Annotated[float, Field(gt=0)]


class Sky(SettingsModel):
    """The glow of the night sky; its fringes are those of the camera."""

    level: NonNegative = 300.0
    """Mean signal (electron) of an exposure."""
    scatter: NonNegative = 0.1
    """Fractional scatter of the level from exposure to exposure."""
    gradient: float = 0.0
    """Fractional change from the left edge of each detector to the right."""
    structure: NonNegative = 0.0
    """Standard deviation of a smooth fixed pattern that follows the sky but not the lamp, as a fraction."""


class Stars(SettingsModel):
    """A field of stars, the same in all exposures of a set but for the dithers."""

    count: Annotated[int, Field(ge=1)] = 60
    """Mean number of stars seen by a detector."""
    flux: tuple[Positive, Positive] = (2.0e3, 1.0e6)
    """Total signal (electron) of the faintest and of the brightest star; what is too bright saturates."""
    slope: Positive = 0.3
    """Growth of the number of stars with magnitude: log10 of their number by magnitude."""
    profile: Literal["moffat", "gaussian"] = "moffat"
    """Form of their images."""
    fwhm: Positive = 3.0
    """Mean full width at half maximum of the images (pixel)."""
    fwhm_scatter: NonNegative = 0.05
    """Fractional scatter of the width from exposure to exposure."""
    beta: Annotated[float, Field(gt=1)] = 3.0
    """Exponent of the Moffat profile."""
    dither: NonNegative = 30.0
    """Largest displacement (pixel), in x and in y, of an exposure from the pointing of the set."""
    bleeding: bool = True
    """Whether the charge of a full pixel runs over along its column; otherwise it is lost."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.flux[0] >= self.flux[1]:
            raise wrong_at(("flux",), f"expected the fainter star first, not {list(self.flux)}")
        return self
