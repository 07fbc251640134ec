"""The specification of a set of exposures."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from infra.settings.base import SettingsModel
from infra.simulator.fault_models import ObservationType
from infra.simulator.sky import Sky, Stars
from infra.simulator.spots import Spots

__all__ = ["CameraState", "FirstExposureArtefact", "SetSpec"]

type Seconds = Annotated[float, Field(ge=0)]


class CameraState(SettingsModel):
    """The state of the camera that calibrations depend on."""

    sequencer: str = "FP_ITL_2s_ir2_v26_no_RG.seq"
    """SEQNAME and SEQFILE."""
    sequencer_checksum: str = "1477162166"
    """SEQCKSUM."""
    output_drain: float = 25.5
    """ODP (V)."""
    preamplifier_time: int = 14
    """AP0_RC."""
    temperature: float = -104.15
    """TEMP_SET (deg C)."""


class FirstExposureArtefact(SettingsModel):
    """What the first exposure of a set shows and the others do not."""

    stripes: Annotated[float, Field(ge=0)] = 12.0
    """Amplitude of stripes along the rows at the first row read (adu); it decays with the row."""
    corner_glow: Annotated[float, Field(ge=0)] = 150.0
    """Extra signal in the lower left corner (electron)."""


class SetSpec(SettingsModel):
    """A set: exposures of one type and filter, taken one after another."""

    name: str
    """Name that faults refer to."""
    type: ObservationType
    """IMGTYPE."""
    count: Annotated[int, Field(ge=1)] | None = None
    """Number of exposures, all of ``exposure_time``."""
    exposure_time: Seconds | None = None
    """Exposure time (s); a bias needs none."""
    exposure_times: Annotated[tuple[Seconds, ...], Field(min_length=1)] | None = None
    """Exposure times (s) of a ramp, in the order taken, instead of count and exposure_time."""
    repeat: Annotated[int, Field(ge=1)] = 1
    """How often each time of a ramp is taken, in succession: 2 makes pairs."""
    filter: str | None = None
    """Physical filter; none in the beam when null."""
    gap: Seconds = 120.0
    """Pause before the set (s)."""
    reason: str | None = None
    """REASON."""
    program: str | None = None
    """PROGRAM; the night's when null."""
    state: CameraState | None = None
    """State of the camera; the night's when null."""
    first_exposure: FirstExposureArtefact | None = None
    """Artefact of the first exposure; none when null."""
    target: str | None = None
    """OBJECT of a set of type object; the camera's usual one when null."""
    spots: Spots | None = None
    """Spots seen in a set of type object."""
    sky: Sky | None = None
    """Sky seen in a set of type object."""
    stars: Stars | None = None
    """Stars seen in a set of type object. Where all three are null, the default spots are seen."""

    @model_validator(mode="after")
    def _one_way_to_give_times(self) -> Self:
        if (self.exposure_times is None) == (self.count is None):
            raise ValueError("needs either count or exposure_times")
        if self.exposure_times is not None and self.exposure_time is not None:
            raise ValueError("has both exposure_time and exposure_times")
        if self.type == "bias" and any(self.times):
            raise ValueError("a bias has no exposure time")
        if self.type != "bias" and not all(self.times):
            raise ValueError(f"a {self.type} needs an exposure time above 0")
        for name in ("spots", "sky", "stars"):
            if getattr(self, name) is not None and self.type != "object":
                raise ValueError(f"a {self.type} shows no {name}; the type of such a set is object")
        return self

    @property
    def times(self) -> tuple[float, ...]:
        """Exposure time of each exposure (s)."""
        if self.exposure_times is not None:
            return tuple(time for time in self.exposure_times for _ in range(self.repeat))
        return (self.exposure_time or 0.0,) * (self.count or 0)

    @property
    def spots_seen(self) -> Spots | None:
        """The spots in its exposures, if any."""
        if self.type != "object" or self.sky is not None or self.stars is not None:
            return self.spots
        return self.spots or Spots()
