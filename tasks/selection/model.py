"""What selection works on and what it decides: exposures, sets of exposures, and the plan of a day."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from infra.naming import CalibrationKey

__all__ = [
    "AmplifierLevels",
    "Evidence",
    "EvidenceValue",
    "ExposureRecord",
    "ExposureSet",
    "FrameStatistics",
    "Plan",
    "PlannedExposure",
    "Role",
    "Shortage",
    "StateValue",
]

type StateValue = str | float | int | None
"""Value of one camera-state header card; None when the card is missing."""

type EvidenceValue = str | int | float | bool | list[str] | list[int] | None
"""One number, name or list of names behind a reason."""

type Evidence = Mapping[str, EvidenceValue]
"""Numbers and names behind a reason; every pixel value stands beside its limit and unit."""


class AmplifierLevels(Protocol):
    """What the quick look at one amplifier gives (adu)."""

    @property
    def level(self) -> float:
        """Median of the data less the median of the serial overscan (adu)."""

    @property
    def overscan_level(self) -> float:
        """Median of the serial overscan (adu)."""

    @property
    def overscan_noise(self) -> float:
        """Scatter of the serial overscan (adu)."""


class FrameStatistics(Protocol):
    """What the quick look at one raw frame gives; `infra.raws.quick_statistics` makes it."""

    @property
    def amplifiers(self) -> Mapping[str, AmplifierLevels]:
        """Levels by amplifier name."""

    @property
    def level(self) -> float:
        """Level of the whole detector above its overscan (adu)."""

    @property
    def gradient_x(self) -> float:
        """Right half less left half, as a fraction of the level."""

    @property
    def gradient_y(self) -> float:
        """Upper half less lower half, as a fraction of the level."""

    @property
    def corner_excess(self) -> float:
        """Level of the corners above that of the rest (adu)."""

    @property
    def saturated_fraction(self) -> float:
        """Fraction of pixels at or above saturation."""

    @property
    def nan_fraction(self) -> float:
        """Fraction of pixels that are not finite."""

    @property
    def bright_fraction(self) -> float:
        """Fraction of pixels far above their amplifier's level: bright stars; NaN where not counted."""


@dataclass(frozen=True, slots=True)
class ExposureRecord:
    """One exposure: its dimension record, its camera state, and the quick look at its pixels."""

    exposure: int
    """Exposure ID."""
    day_obs: int
    """Observing day, YYYYMMDD."""
    seq_num: int
    """Number within the day."""
    observation_type: str
    """Type as the header declares it: ``bias``, ``dark``, ``flat``, ``science``."""
    observation_reason: str
    """Reason as the header declares it."""
    physical_filter: str
    """Physical filter, such as ``SDSSr_65mm~empty``."""
    exposure_time: float
    """Exposure time (s)."""
    dark_time: float
    """Time between clearing and reading the detector (s)."""
    begin_tai: float
    """Start of the exposure (TAI, MJD)."""
    end_tai: float
    """End of the exposure (TAI, MJD)."""
    group: str = ""
    """Name that frames of one sequence share; some cameras give every frame its own."""
    science_program: str = ""
    target: str = ""
    has_simulated: bool = False
    """Whether the pixels are simulated."""
    obs_id: str = ""
    """Name of the observation, such as ``AT_O_20240326_000012``."""
    state: Mapping[str, StateValue] = field(default_factory=dict)
    """Camera-state cards by key; an absent key counts as missing, like None."""
    statistics: FrameStatistics | None = None
    """The quick look at the pixels; None when nobody has looked."""
    ra: float | None = None
    """Right ascension of the boresight (ICRS, degrees); None where not known."""
    dec: float | None = None
    """Declination of the boresight (ICRS, degrees); None where not known."""


class Role(StrEnum):
    """What an exposure does for one calibration."""

    GENERATION = "generation"
    """It is combined into the calibration."""
    VERIFICATION = "verification"
    """The calibration is applied to it and tested, but it is not combined."""
    EXCLUDED = "excluded"
    """It is not used."""


@dataclass(frozen=True, slots=True)
class ExposureSet:
    """Exposures taken as one sequence: one type, filter and exposure time, or a ramp of flats."""

    name: str
    """Name within the plan, such as ``20240326-flat-SDSSr_65mm_empty-2``."""
    day_obs: int
    observation_type: str
    physical_filter: str | None
    """Filter of the set; None for types on which the filter has no influence."""
    exposure_time: float | None
    """Median exposure time (s); None of a ramp, and where the headers do not tell."""
    exposures: tuple[int, ...]
    """Exposure IDs in the order taken; the first is never combined."""
    begin_tai: float
    """Start of the first exposure (TAI, MJD)."""
    end_tai: float
    """End of the last exposure (TAI, MJD)."""
    group: str | None = None
    """Group that the frames share; None when they share none."""


@dataclass(frozen=True, slots=True)
class PlannedExposure:
    """The one decision on one exposure for one calibration, with its reason."""

    exposure: int | None
    """Exposure ID; None for a refused file too damaged to tell."""
    calibration: CalibrationKey | None
    """The calibration the row is about; None when the exposure serves none."""
    role: Role
    reason: str
    """Why, in one sentence."""
    evidence: Evidence = field(default_factory=dict)
    """Numbers and names behind the reason."""


@dataclass(frozen=True, slots=True)
class Shortage:
    """A calibration that cannot be made from the day, and what to take for it."""

    calibration: CalibrationKey
    usable: int
    """Frames that could be combined."""
    minimum: int
    """Fewest frames that may be combined."""
    frames_to_take: int
    """Length of the set to take, the dropped first frames included."""
    observation_type: str
    physical_filter: str | None
    exposure_time: float | None
    """Exposure time to take (s); None when the day gives no example."""
    reason: str
    """Why the day does not suffice."""
    advice: str
    """What to take next, in words."""

    def __str__(self) -> str:
        return f"{self.calibration}: {self.reason} — {self.advice}"


@dataclass(frozen=True, slots=True)
class Plan:
    """Every exposure of a day with its role and reason, for every calibration of the profile."""

    instrument: str
    day_obs: int
    sets: tuple[ExposureSet, ...]
    exposures: tuple[PlannedExposure, ...]
    """One row per exposure and calibration, sorted by calibration and exposure."""
    shortages: tuple[Shortage, ...] = ()
    warnings: tuple[str, ...] = ()
    """What a person should know although no frame was excluded for it."""

    def keys(self) -> tuple[CalibrationKey, ...]:
        """Return the calibrations that have generation exposures, in the order of the profile."""
        rows = (row for row in self.exposures if row.role is Role.GENERATION)
        return tuple(dict.fromkeys(row.calibration for row in rows if row.calibration is not None))

    def rows(self, key: CalibrationKey | str, role: Role | None = None) -> tuple[PlannedExposure, ...]:
        """Return the rows of one calibration, of one role or of all."""
        wanted = str(key)
        return tuple(
            row
            for row in self.exposures
            if row.calibration is not None and str(row.calibration) == wanted and role in (None, row.role)
        )

    def generation(self, key: CalibrationKey | str) -> tuple[int, ...]:
        """Return the exposures to combine into ``key``, sorted by exposure ID."""
        return self._exposures(key, Role.GENERATION)

    def verification(self, key: CalibrationKey | str) -> tuple[int, ...]:
        """Return the exposures on which ``key`` is tested besides its inputs, sorted by exposure ID."""
        return self._exposures(key, Role.VERIFICATION)

    def _exposures(self, key: CalibrationKey | str, role: Role) -> tuple[int, ...]:
        return tuple(sorted(row.exposure for row in self.rows(key, role) if row.exposure is not None))

    def explain(self, exposure: int) -> tuple[PlannedExposure, ...]:
        """Return every row of one exposure: one for each calibration it could serve."""
        return tuple(row for row in self.exposures if row.exposure == exposure)

    def content(self) -> dict[str, object]:
        """Return the plan as JSON values, without its digest."""
        return {
            "day_obs": self.day_obs,
            "instrument": self.instrument,
            "sets": [_set_content(one) for one in self.sets],
            "exposures": [
                {
                    "exposure": row.exposure,
                    "calibration": None if row.calibration is None else str(row.calibration),
                    "role": row.role.value,
                    "reason": row.reason,
                    "evidence": dict(row.evidence),
                }
                for row in self.exposures
            ],
            "shortages": [_shortage_content(one) for one in self.shortages],
            "warnings": list(self.warnings),
        }

    def digest(self) -> str:
        """Return the sha256 of the plan's canonical JSON: sorted keys, no spaces."""
        text = json.dumps(self.content(), sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def to_json(self) -> dict[str, object]:
        """Return the plan as JSON values, with its digest."""
        return {**self.content(), "digest": self.digest()}


def _set_content(one: ExposureSet) -> dict[str, object]:
    return {
        "name": one.name,
        "day_obs": one.day_obs,
        "observation_type": one.observation_type,
        "physical_filter": one.physical_filter,
        "exposure_time": one.exposure_time,
        "exposures": list(one.exposures),
        "begin_tai": one.begin_tai if math.isfinite(one.begin_tai) else None,
        "end_tai": one.end_tai if math.isfinite(one.end_tai) else None,
        "group": one.group,
    }


def _shortage_content(one: Shortage) -> dict[str, object]:
    return {
        "calibration": str(one.calibration),
        "usable": one.usable,
        "minimum": one.minimum,
        "frames_to_take": one.frames_to_take,
        "observation_type": one.observation_type,
        "physical_filter": one.physical_filter,
        "exposure_time": one.exposure_time,
        "reason": one.reason,
        "advice": one.advice,
    }
