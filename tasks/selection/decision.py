"""What a plan is made from, and what is decided for one calibration."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from infra.naming import CalibrationKey
from infra.settings.profile import CalibrationSettings
from tasks.selection.entries import ExcludedExposure
from tasks.selection.explicit import Overrides
from tasks.selection.model import ExposureRecord, ExposureSet, PlannedExposure, Role, Shortage
from tasks.selection.state import CameraState

__all__ = ["Decision", "Material"]


@dataclass(frozen=True, slots=True)
class Material:
    """What is given to plan a day from."""

    day: Sequence[ExposureRecord]
    """Every exposure of the day, in the order taken."""
    other_days: Sequence[ExposureRecord]
    """Exposures of other days, in the order taken."""
    day_obs: int
    state_keys: tuple[str, ...]
    """Header cards that must agree."""
    exclusions: Sequence[ExcludedExposure]
    """Exclusions that hold now."""
    bands: Mapping[str, str | None]
    """Band of every physical filter."""
    overrides: Overrides | None
    """Exposures named by a person."""
    calibrations: Sequence[CalibrationSettings]
    """What is planned."""

    def has_pairs(self, observation_type: str | None) -> bool:
        """Tell whether a calibration of the plan is made from pairs of exposures of a type."""
        rules = [rule for rule in self.calibrations if rule.observation_type == observation_type]
        return any(rule.selection.pairs is not None for rule in rules)

    def has_sets(self, observation_type: str | None) -> bool:
        """Tell whether a calibration of the plan is made from an even set of exposures of a type."""
        rules = [rule for rule in self.calibrations if rule.observation_type == observation_type]
        return any(rule.selection.pairs is None for rule in rules)


@dataclass(slots=True)
class Decision:
    """What is decided on the exposures for one calibration."""

    key: CalibrationKey
    rows: list[PlannedExposure]
    usable: int = 0
    """Exposures that could be combined, whether or not they suffice."""
    state: CameraState | None = None
    """Camera state of what is combined; None when nothing is."""
    shortage: Shortage | None = None
    warnings: list[str] = field(default_factory=list)
    sets: list[ExposureSet] = field(default_factory=list)
    """Sequences found, where they are not sets of one exposure time."""

    def exposures(self, role: Role) -> list[int]:
        """Return the exposures of a role, in the order of the rows."""
        return [row.exposure for row in self.rows if row.role is role and row.exposure is not None]
