"""A campaign as its stages see it: which calibrations, from which exposures, into which collections."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from infra.errors import UsageError
from infra.ledger import Campaign
from infra.naming import CalibrationKey, CampaignName, run_timestamp
from infra.settings import CalibrationSettings
from tasks.selection.model import Plan

__all__ = ["CampaignRecord", "PlannedCalibration", "campaign_parameters"]


_SAMPLE = 15
"""Exposures that test what is made from other calibrations: five each of bias, dark and flat."""


@dataclass(frozen=True, slots=True)
class PlannedCalibration:
    """One calibration of a campaign and the exposures chosen for it."""

    key: CalibrationKey
    generation: tuple[int, ...]
    """Exposures it is made from, sorted."""
    verification: tuple[int, ...]
    """Exposures to test it on besides its inputs, sorted."""
    derived: bool = False
    """Whether it reads no raws but the calibrations made from them."""

    @property
    def exposures(self) -> tuple[int, ...]:
        """Every exposure that verification reads, sorted.

        Of one that is made from other calibrations only a sample of the exposures behind those: the sets
        stand one after another, so every n-th holds some of each. Two neighbours are taken each time, since
        flats come in pairs.
        """
        step = max(1, len(self.generation) // _SAMPLE) if self.derived else 1
        sample = (one for place, one in enumerate(self.generation) if place // 2 % step == 0)
        return tuple(sorted({*sample, *self.verification}))

    @property
    def tested_inputs(self) -> tuple[int, ...]:
        """Exposures it is made from that verification reads as well, sorted."""
        return tuple(sorted(set(self.generation) & set(self.exposures)))

    def serves(self, other: "PlannedCalibration") -> bool:
        """Tell whether another calibration can be made with this one, as far as filters go.

        A flat serves what is made in its own filter, and what is made for all filters.
        """
        return len({self.key.physical_filter, other.key.physical_filter} - {None}) <= 1


@dataclass(frozen=True, slots=True)
class CampaignRecord:
    """What was decided when the campaign was opened; it never changes afterwards."""

    name: CampaignName
    day_obs: int
    """Observing day, YYYYMMDD."""
    timestamp: str
    """Last part of the names of its RUNs, such as ``20240327T163518Z``."""
    producer: str
    """Who asked for it."""
    calibrations: tuple[PlannedCalibration, ...]
    """What to make, in the order to make it."""
    plan: Mapping[str, Any]
    """The whole plan as JSON values: sets, exposures, reasons."""
    plan_digest: str
    """sha256 of the plan."""

    @classmethod
    def from_ledger(cls, campaign: Campaign) -> "CampaignRecord":
        """Read the record from the entry that opened the campaign."""
        parameters = campaign.parameters
        calibrations = tuple(
            PlannedCalibration(
                key=CalibrationKey(entry["calibration"], entry["physical_filter"], entry["label"]),
                generation=tuple(entry["generation"]),
                verification=tuple(entry["verification"]),
                derived=bool(entry.get("derived", False)),
            )
            for entry in parameters["calibrations"]
        )
        return cls(
            name=CampaignName(campaign.instrument, campaign.ticket, campaign.tag, campaign.rerun),
            day_obs=campaign.day_obs,
            timestamp=parameters["timestamp"],
            producer=campaign.who,
            calibrations=calibrations,
            plan=parameters["plan"],
            plan_digest=parameters["plan"]["digest"],
        )

    def calibration(self, key: str) -> PlannedCalibration:
        """Return the calibration with that key, such as ``flat-r``.

        Raises
        ------
        UsageError
            The campaign has no such calibration.
        """
        for planned in self.calibrations:
            if str(planned.key) == key:
                return planned
        known = ", ".join(str(planned.key) for planned in self.calibrations)
        raise UsageError(f"campaign {self.name} has no calibration '{key}'", f"it has {known}")

    def before(self, planned: PlannedCalibration) -> tuple[PlannedCalibration, ...]:
        """Return the calibrations that are made before one of the campaign."""
        return self.calibrations[: self.calibrations.index(planned)]

    def select(self, wanted: tuple[str, ...]) -> tuple[PlannedCalibration, ...]:
        """Return the calibrations that ``wanted`` names, all when it is empty.

        Raises
        ------
        UsageError
            A name matches nothing.
        """
        for name in wanted:
            if not any(planned.key.matches(name) for planned in self.calibrations):
                self.calibration(name)
        return tuple(
            planned
            for planned in self.calibrations
            if not wanted or any(planned.key.matches(name) for name in wanted)
        )

    def generation_run(self, key: CalibrationKey) -> str:
        """RUN that the calibration is made in."""
        return f"{self.name.generation(key)}/{self.timestamp}"

    def verification_run(self, key: CalibrationKey) -> str:
        """RUN that its verification writes to."""
        return f"{self.name.verification(key)}/{self.timestamp}"


def campaign_parameters(plan: Plan, order: Sequence[CalibrationSettings], opened: datetime) -> dict[str, Any]:
    """Return what the entry that opens a campaign must hold, as JSON values.

    Parameters
    ----------
    plan
        The plan of the day.
    order
        Calibrations of the profile in the order to make them.
    opened
        When the campaign is opened (UTC); names its RUNs.
    """
    place = {settings.name: position for position, settings in enumerate(order)}
    derived = {settings.name for settings in order if settings.observation_type is None}
    keys = sorted(plan.keys(), key=lambda key: (place[key.calibration], str(key)))
    return {
        "timestamp": run_timestamp(opened),
        "calibrations": [
            {
                "calibration": key.calibration,
                "physical_filter": key.physical_filter,
                "label": key.label,
                "generation": list(plan.generation(key)),
                "verification": list(plan.verification(key)),
                "derived": key.calibration in derived,
            }
            for key in keys
        ],
        "plan": plan.to_json(),
    }
