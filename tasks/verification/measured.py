"""What verification measures, and what it was asked to measure: frozen, and plain when dumped.

Every model dumps with ``plain`` to nested dicts, lists, strings and Python numbers only, so that it can be
stored in the Butler as a ``StructuredDataDict`` and in the ledger as JSON, and read by ``model_validate``.
"""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from infra.images.model import MetadataValue

__all__ = ["DetectorStatistics", "ExposureGroup", "ExposureStatistics", "Number", "Plain", "PlannedFrame"]
__all__ += ["StatisticValues"]


def _plain_number(value: object) -> object:
    """Turn a numpy scalar into the Python number it stands for; YAML and JSON writers refuse numpy's."""
    item = getattr(value, "item", None)
    return item() if callable(item) else value


type Number = Annotated[float, BeforeValidator(_plain_number)]
"""A float that may be NaN, never a numpy scalar."""

type StatisticValues = dict[str, Number]
"""Value of each statistic by name, such as ``{"MEAN": 0.02}``; NaN where none could be formed."""


class ExposureGroup(StrEnum):
    """Whether an exposure went into the calibration under test."""

    GENERATION = "generation"
    """An input of the calibration: internal verification, do the inputs agree with each other."""
    VERIFICATION = "verification"
    """Not an input: external verification, is the camera still where it was."""


class Plain(BaseModel):
    """A frozen model that dumps to plain values."""

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="constants")

    def plain(self) -> dict[str, Any]:
        """Return the model as nested dicts and lists of Python values, for the Butler and the ledger."""
        return self.model_dump(mode="json")


class ExposureStatistics(Plain):
    """Statistics of one exposure of one detector, after the calibration under test has been applied."""

    exposure: int
    """Exposure ID."""
    group: ExposureGroup
    """Whether the exposure is an input of the calibration."""
    day_obs: int
    """Observing day, YYYYMMDD."""
    observed_mjd: Number
    """Mid-time of the exposure (TAI, MJD)."""
    exposure_time: Number
    """Exposure time (s)."""
    dark_time: Number
    """Time between clearing and reading the detector (s)."""
    physical_filter: str | None = None
    """Physical filter; None where it does not matter."""
    amplifiers: dict[str, StatisticValues] = Field(default_factory=dict)
    """Statistics by amplifier name, in the detector's order; units as documented with each statistic."""
    problems: dict[str, str] = Field(default_factory=dict)
    """Why processing gave up, by amplifier name; such an amplifier fails the PROCESSING test."""
    detector: StatisticValues = Field(default_factory=dict)
    """Statistics of the whole detector."""
    metadata: dict[str, MetadataValue] = Field(default_factory=dict)
    """FITS cards of the exposure that explain the statistics."""


class DetectorStatistics(Plain):
    """All that one verification quantum measured: many exposures of one detector with one calibration."""

    calibration: str
    """Calibration key, such as ``bias`` or ``flat-r``."""
    detector: int
    """Detector number."""
    detector_name: str = ""
    """Full name of the detector, such as ``RXX_S00``."""
    vendor: str = ""
    """Maker of the sensor, such as ``ITL``; limits may depend on it."""
    n_inputs: int | None = None
    """How many exposures the calibration under test was combined from; None when its header does not say."""
    calibration_uuids: dict[str, str] = Field(default_factory=dict)
    """UUID of every calibration really read, by dataset type: ``{"bias": "…", "dark": "…"}``."""
    candidate_uuid: str | None = None
    """UUID of the calibration that was to be verified; None when the quantum was not told."""
    exposures: tuple[ExposureStatistics, ...] = ()
    """One entry per exposure, in the order read."""
    product_amplifiers: dict[str, StatisticValues] = Field(default_factory=dict)
    """Statistics of the calibration itself by amplifier, every amplifier of the detector among them."""
    product_detector: StatisticValues = Field(default_factory=dict)
    """Statistics of the calibration itself for the whole detector."""
    product_problems: dict[str, str] = Field(default_factory=dict)
    """Why there is no calibration of an amplifier, by its name; such an amplifier fails PROCESSING."""
    product_metadata: dict[str, MetadataValue] = Field(default_factory=dict)
    """Cards of the calibration that say how the camera was set; limits may depend on them."""
    product_observed_mjd: Number | None = None
    """Mid-time of what the calibration was made from (TAI, MJD); None when it does not say."""

    @property
    def amplifiers(self) -> tuple[str, ...]:
        """Every amplifier seen in the calibration or any exposure, so that one missing elsewhere shows."""
        seen = (name for exposure in self.exposures for name in exposure.amplifiers)
        return tuple(dict.fromkeys((*self.product_amplifiers, *self.product_problems, *seen)))


class PlannedFrame(Plain):
    """One exposure of one detector that the plan says must be verified."""

    exposure: int
    """Exposure ID."""
    detector: int
    """Detector number."""
    group: ExposureGroup
    """Whether the exposure is an input of the calibration."""
    artefact: str | None = None
    """Known artefact of the exposure that is no fault of the calibration, such as ``first exposure of its
    set``: its failures are warnings."""
