"""One exposure of a simulated night: what its header says, and what was really done."""

import datetime
from dataclasses import dataclass, field

from infra.instruments.geometry import DetectorModel
from infra.simulator.fault_models import ObservationType
from infra.simulator.sets import CameraState
from infra.simulator.sky import Sky, Stars
from infra.simulator.spots import Spots

__all__ = ["Conditions", "ScheduledExposure"]

_CAMERA_CODES = {"LATISS": "AT", "LSSTComCam": "CC", "LSSTCam": "MC"}


@dataclass(frozen=True, slots=True)
class Conditions:
    """What was really done in one exposure.

    Parameters
    ----------
    type, physical_filter
        What was exposed: the lamp is on in a flat only.
    exposure_time, dark_time
        Time with light, and time during which dark current is collected (s).
    lamp_factor
        Light of the lamp relative to normal.
    lamp_level
        Signal at the centre (electron) that replaces the lamp's rate times the exposure time, or None.
    leak
        Mean stray light (electron).
    temperature_rise
        Of the sensor above its usual set point (K).
    pedestal_steps
        (amplifier or None for all, adu) pairs.
    stripes, corner_glow
        Artefact of a first exposure (adu, electron).
    dead_amplifiers
        Amplifiers without signal.
    stuck_amplifiers
        (amplifier, number of all its pixels in adu) pairs.
    noise_factors, gain_factors
        (amplifier, factor) pairs.
    dust_shift
        How far the dust has moved, as a fraction of the width.
    nan_fraction, nan_amplifier
        Fraction of pixels that are NaN, of one amplifier or, with None, of all; above 0 the file holds
        floating-point numbers.
    kept_bytes
        Fraction of the file that is there.
    foreign
        Whether the file is of another camera.
    spots, sky, stars
        What is seen in an object exposure.
    fringe_phase
        Displacement of the fringes from where they should be, in their distance.
    pixels_of
        Detector whose pixels stand in the file, if not those of the one the header names.
    """

    type: ObservationType
    physical_filter: str
    exposure_time: float
    dark_time: float
    lamp_factor: float = 1.0
    lamp_level: float | None = None
    leak: float = 0.0
    temperature_rise: float = 0.0
    pedestal_steps: tuple[tuple[str | None, float], ...] = ()
    stripes: float = 0.0
    corner_glow: float = 0.0
    dead_amplifiers: tuple[str, ...] = ()
    stuck_amplifiers: tuple[tuple[str, int], ...] = ()
    noise_factors: tuple[tuple[str, float], ...] = ()
    gain_factors: tuple[tuple[str, float], ...] = ()
    dust_shift: float = 0.0
    nan_fraction: float = 0.0
    nan_amplifier: str | None = None
    kept_bytes: float = 1.0
    foreign: bool = False
    spots: Spots | None = None
    sky: Sky | None = None
    stars: Stars | None = None
    fringe_phase: float = 0.0
    pixels_of: int | None = None


@dataclass(frozen=True, slots=True)
class ScheduledExposure:
    """One exposure of the night, as one detector takes it.

    Parameters
    ----------
    instrument, detector
        Camera and detector.
    day_obs, seq_num
        Observing day and sequence number.
    set_name, index, count
        Name of its set, its place in it from 0, and the size of the set.
    declared_type, declared_filter, declared_time, declared_dark_time
        What the header says: type, physical filter, exposure time (s), dark time (s).
    state
        State of the camera, as the header says.
    missing_key
        Card left out of the header.
    begin
        Begin (TAI).
    group
        GROUPID: begin of the set.
    reason, program, target
        REASON, PROGRAM and OBJECT.
    conditions
        What was really done, which the header need not tell.
    faults
        Names of the faults planted.
    """

    instrument: str
    detector: DetectorModel
    day_obs: int
    seq_num: int
    set_name: str
    index: int
    count: int
    declared_type: ObservationType
    declared_filter: str
    declared_time: float
    declared_dark_time: float
    state: CameraState
    missing_key: str | None
    begin: datetime.datetime
    group: str
    reason: str | None
    program: str | None
    target: str | None
    conditions: Conditions
    faults: tuple[str, ...] = field(default=())

    @property
    def exposure_id(self) -> int:
        """Exposure number in the Butler."""
        return self.day_obs * 100000 + self.seq_num

    @property
    def end(self) -> datetime.datetime:
        """End (TAI) of the collection of charge."""
        return self.begin + datetime.timedelta(seconds=round(self.conditions.dark_time, 3))

    @property
    def camera_code(self) -> str:
        """CAMCODE, such as "AT"."""
        return _CAMERA_CODES[self.instrument]

    @property
    def observation_id(self) -> str:
        """OBSID, such as "AT_O_20240318_000001"."""
        return f"{self.camera_code}_O_{self.day_obs}_{self.seq_num:06d}"

    @property
    def raft_and_slot(self) -> tuple[str, str]:
        """RAFTBAY and CCDSLOT."""
        return ("R00", "S00") if self.instrument == "LATISS" else (self.detector.raft, self.detector.slot)

    @property
    def file_name(self) -> str:
        """Name of the raw file."""
        return f"{self.observation_id}_{'_'.join(self.raft_and_slot)}.fits"
