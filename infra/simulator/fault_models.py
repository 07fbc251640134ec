"""The faults that can be planted by name in a simulated night."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from infra.settings.base import SettingsModel

__all__ = ["FAULT_NAMES", "Fault", "StateKey"]

type StateKey = Literal["SEQNAME", "SEQFILE", "SEQCKSUM", "ODP", "AP0_RC", "TEMP_SET"]
type Positive = Annotated[float, Field(gt=0)]
type Index = Annotated[int, Field(ge=0)]
type ObservationType = Literal["bias", "dark", "flat", "object"]


class PlantedInExposures(SettingsModel):
    """Where a fault is planted."""

    set: str
    """Name of the set."""
    index: Index | Annotated[tuple[Index, ...], Field(min_length=1)]
    """Place in the set, counted from 0, or a list of places."""
    detector: Index | None = None
    """The only detector concerned; all when null."""

    @property
    def indices(self) -> tuple[int, ...]:
        """Every place in the set that has the fault."""
        return (self.index,) if isinstance(self.index, int) else self.index

    @property
    def detectors(self) -> tuple[int, ...]:
        """Detectors named; none when all are concerned."""
        return () if self.detector is None else (self.detector,)

    def is_in(self, set_name: str, index: int, detector: int) -> bool:
        """Tell whether a detector's part of an exposure has the fault."""
        return self.set == set_name and index in self.indices and detector in (self.detectors or (detector,))


class Mislabelled(PlantedInExposures):
    """The header says what the set says; the light on the sensor is that of another type, filter or both."""

    fault: Literal["mislabelled"]
    true_type: Literal["bias", "dark", "flat"] | None = None
    """What the exposure really is."""
    true_filter: str | None = None
    """Physical filter that was really in the beam."""

    @model_validator(mode="after")
    def _says_something(self) -> "Mislabelled":
        if self.true_type is None and self.true_filter is None:
            raise ValueError("needs true_type or true_filter")
        return self


class OtherSequencer(PlantedInExposures):
    """Read out with another sequencer program."""

    fault: Literal["other-sequencer"]
    sequencer: str = "FP_ITL_2s_ir2_v27_no_RG.seq"
    """SEQNAME and SEQFILE of that program."""
    checksum: str = "2918240771"
    """SEQCKSUM of that program."""


class WrongTemperature(PlantedInExposures):
    """Taken at another set point; the dark current follows."""

    fault: Literal["wrong-temperature"]
    temperature: float = -94.15
    """Set point (deg C)."""


class MissingStateKey(PlantedInExposures):
    """A card that tells the camera's state is absent."""

    fault: Literal["missing-state-key"]
    key: StateKey
    """The card."""


class LightLeak(PlantedInExposures):
    """Light reaches the sensor from one side while it should be dark."""

    fault: Literal["light-leak"]
    level: Positive = 400.0
    """Mean extra signal (electron); it falls linearly to nothing from right to left."""


class Saturated(PlantedInExposures):
    """Lit beyond the full well."""

    fault: Literal["saturated"]
    level: Positive = 400000.0
    """Signal at the centre (electron)."""


class LampDrop(PlantedInExposures):
    """The lamp gives less light."""

    fault: Literal["lamp-drop"]
    factor: Annotated[float, Field(ge=0, lt=1)] = 0.6
    """What is left of the light."""


class PedestalJump(PlantedInExposures):
    """The bias pedestal stands elsewhere, overscan included."""

    fault: Literal["pedestal-jump"]
    step: float = 200.0
    """Size of the jump (adu)."""
    amplifier: str | None = None
    """The only amplifier concerned; all when null."""


class NotANumber(PlantedInExposures):
    """Written as floating-point numbers, some of them NaN."""

    fault: Literal["nan"]
    fraction: Annotated[float, Field(gt=0, le=1)] = 0.01
    """Fraction of pixels that are NaN."""
    amplifier: str | None = None
    """The only amplifier concerned; all when null."""


class Truncated(PlantedInExposures):
    """The file ends too early."""

    fault: Literal["truncated"]
    kept: Annotated[float, Field(gt=0, lt=1)] = 0.6
    """Fraction of the bytes that is there."""


class WrongExposureTime(PlantedInExposures):
    """EXPTIME and DARKTIME tell another time than the true one."""

    fault: Literal["wrong-exposure-time"]
    header_time: Annotated[float, Field(ge=0)]
    """What the header says (s)."""


class Foreign(PlantedInExposures):
    """A file of another camera under this camera's name."""

    fault: Literal["foreign"]


class FirstExposure(PlantedInExposures):
    """The artefact of a first exposure, wherever planted: stripes along the rows and a glowing corner."""

    fault: Literal["first-exposure"]
    stripes: Annotated[float, Field(ge=0)] = 12.0
    """Amplitude of the stripes at the first row read (adu)."""
    corner_glow: Annotated[float, Field(ge=0)] = 150.0
    """Extra signal in the lower left corner (electron)."""


class DeadAmplifier(PlantedInExposures):
    """An amplifier gives its pedestal and noise only, or one number everywhere."""

    fault: Literal["dead-amplifier"]
    amplifier: str
    """Its name."""
    stuck_at: Index | None = None
    """The one number (adu) of all its pixels, overscan included."""


class NoisyAmplifier(PlantedInExposures):
    """An amplifier's read noise is higher."""

    fault: Literal["noisy-amplifier"]
    amplifier: str
    """Its name."""
    factor: Positive = 2.0
    """Read noise relative to normal."""


class GainStep(PlantedInExposures):
    """An amplifier's gain is another one."""

    fault: Literal["gain-step"]
    amplifier: str
    """Its name."""
    factor: Positive = 1.05
    """Gain (electron/adu) relative to normal."""


class DustMoved(PlantedInExposures):
    """The dust shadows have moved."""

    fault: Literal["dust-moved"]
    shift: float = 0.1
    """Shift to the right, as a fraction of the detector's width."""


class FringeShifted(PlantedInExposures):
    """The fringes stand elsewhere than in the others, so that a fringe frame made of those is stale."""

    fault: Literal["fringe-shifted"]
    phase: float = 0.25
    """Displacement, in the distance of the fringes; 0.25 leaves nothing in common with the others."""


class SwappedDetector(PlantedInExposures):
    """Two detectors have exchanged their pixels under right headers, as when cables are exchanged."""

    fault: Literal["swapped-detector"]
    detector: Index
    """One of the two."""
    other: Index
    """The other one, a sensor of the same maker."""

    @property
    def detectors(self) -> tuple[int, ...]:
        """Both detectors."""
        return self.detector, self.other


type Fault = Annotated[
    Mislabelled
    | OtherSequencer
    | WrongTemperature
    | MissingStateKey
    | LightLeak
    | Saturated
    | LampDrop
    | PedestalJump
    | NotANumber
    | Truncated
    | WrongExposureTime
    | Foreign
    | FirstExposure
    | DeadAmplifier
    | NoisyAmplifier
    | GainStep
    | DustMoved
    | FringeShifted
    | SwappedDetector,
    Field(discriminator="fault"),
]
"""A planted fault; ``fault`` tells which."""

FAULT_NAMES = (
    *("mislabelled", "other-sequencer", "wrong-temperature", "missing-state-key", "light-leak", "saturated"),
    *("lamp-drop", "pedestal-jump", "nan", "truncated", "wrong-exposure-time", "foreign", "first-exposure"),
    *("dead-amplifier", "noisy-amplifier", "gain-step", "dust-moved", "fringe-shifted"),
    "swapped-detector",
)
"""Every fault by name."""
