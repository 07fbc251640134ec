"""Settings of the light's way to the sensors: lamp, focal plane, fringes, and how the pixels answer."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from infra.settings.base import SettingsModel, wrong_at

__all__ = ["FocalPlaneLight", "Fringes", "Illumination"]

type NonNegative = Annotated[float, Field(ge=0)]
type Positive = Annotated[float, Field(gt=0)]
type Fraction = Annotated[float, Field(ge=0, le=1)]


class FocalPlaneLight(SettingsModel):
    """Light over the focal plane, relative to its middle, in the form in which Rubin cp_pipe fits it.

    At (x, y), of distance r from the centre of the profile, it is
    profile(r) * (itl_ratio on a sensor of ITL) / (1 + gradient_x * x + gradient_y * y).
    """

    radii: Annotated[tuple[NonNegative, ...], Field(min_length=3)] = (0.0, 100.0, 200.0, 275.0, 317.0, 350.0)
    """Nodes of the radial profile (mm)."""
    profile: Annotated[tuple[NonNegative, ...], Field(min_length=3)] = (1.0, 0.99, 0.96, 0.92, 0.88, 0.3)
    """Light at the nodes, relative to the middle; an Akima spline between them, nothing outside."""
    centre: tuple[float, float] = (0.0, 0.0)
    """Middle of the profile (x, y) in the focal plane (mm)."""
    gradient: tuple[float, float] = (0.0, 0.0)
    """Gradient_x and gradient_y (1/mm)."""
    itl_ratio: Positive = 1.0
    """Response of sensors of ITL relative to those of E2V."""
    vignetting_radius: Positive | None = None
    """Distance (mm) from the middle of the focal plane beyond which there is no light at all."""

    @model_validator(mode="after")
    def _nodes_in_order(self) -> Self:
        if len(self.radii) != len(self.profile):
            raise wrong_at(("profile",), f"expected {len(self.radii)} values, one for each of the radii")
        if any(b <= a for a, b in zip(self.radii, self.radii[1:], strict=False)):
            raise wrong_at(("radii",), f"expected radii in ascending order, not {list(self.radii)}")
        return self


class Illumination(SettingsModel):
    """The flat-field lamp, the light's way to the sensor, and the response of the pixels."""

    lamp_rate: dict[str, Positive] = Field(default_factory=dict)
    """Signal at the centre (electron/s) by physical filter; see ``default_lamp_rate``."""
    default_lamp_rate: Positive = 5000.0
    """Signal at the centre (electron/s) for physical filters not listed."""
    lamp_jitter: NonNegative = 0.003
    """Fractional scatter of the lamp from exposure to exposure, the same on all detectors."""
    vignetting: Fraction = 0.08
    """Fraction of the light lost in the corners of each detector."""
    gradient: float = 0.015
    """Fractional change of the illumination from the left edge of each detector to the right."""
    dust: Annotated[int, Field(ge=0)] = 7
    """Number of dust shadows on a detector."""
    dust_depth: Fraction = 0.03
    """Mean depth of a dust shadow."""
    pixel_response: NonNegative = 0.006
    """Scatter of the pixels' response; a third of it differs from filter to filter."""
    focal_plane: FocalPlaneLight | None = None
    """Light over the focal plane, on top of each detector's own; when null, all detectors have the same."""


class Fringes(SettingsModel):
    """Interference of the narrow lines of the night sky in the sensor, whose thickness varies."""

    amplitude: dict[str, NonNegative]
    """Mean amplitude by band, as a fraction of the sky; bands not listed have none."""
    scatter: NonNegative = 0.2
    """Fractional scatter of the amplitude from exposure to exposure, as the sky's lines change."""
    cycles: Positive = 4.0
    """Fringes to a change of the thickness by its standard deviation, at 0.97 µm."""
    lamp: bool = False
    """Whether the lamp makes fringes too, of the mean amplitude; lamps have no lines, so it should not."""
