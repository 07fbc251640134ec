"""A camera described by one YAML file."""

import functools
import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from infra.instruments.described.geometry import DetectorDescription
from infra.instruments.described.sources import (
    FILE_NAME,
    Conditions,
    DurationSource,
    Keywords,
    Source,
    failed_condition,
)
from infra.settings.base import SettingsModel, wrong_at

__all__ = ["BeginTime", "CameraDescription", "FilterDescription", "ObservationDescription", "TypeRule"]

_RUBIN = frozenset({"LATISS", "LSSTComCam", "LSSTCam"})


class FilterDescription(SettingsModel):
    """One filter."""

    name: Annotated[str, Field(min_length=1, max_length=32)]
    """Physical filter, as the Butler is to know it."""
    band: Annotated[str, Field(min_length=1, max_length=32)] = "unknown"
    """Band, such as ``r``; ``white`` for an open or clear one."""


class TypeRule(SettingsModel):
    """What kind of exposure a frame is."""

    when: Conditions = Field(default_factory=dict)
    """What must hold, all of it: patterns by header keyword, or by ``filename``."""
    then: Annotated[str, Field(pattern=r"^[a-z][A-Za-z0-9_]{0,15}$")]
    """Observation type: ``bias``, ``dark``, ``flat``, ``science`` or another."""


class BeginTime(SettingsModel):
    """Where the time of an exposure comes from."""

    cards: Annotated[Keywords, Field(min_length=1)]
    """Header cards with the date, and with the time where ``time`` does not name another; the first that
    holds anything counts."""
    time: Keywords = ()
    """Header cards with the time of day, where it has its own."""
    format: Literal["iso", "mjd", "jd"] = "iso"
    """How it is written: ISO 8601, or as (Modified) Julian Date."""
    scale: Literal["utc", "tai", "tt"]
    """Time scale of the cards; the Butler holds TAI."""
    marks: Literal["begin", "middle", "end"] = "begin"
    """The moment of the exposure that the cards tell."""


class ObservationDescription(SettingsModel):
    """How the header of a frame says what was observed."""

    type: Annotated[tuple[TypeRule, ...], Field(min_length=1)]
    """Rules for the type of observation; the first that fits counts."""
    exposure_time: DurationSource
    """Time for which the shutter was open, or would have been (s)."""
    dark_time: DurationSource = DurationSource()
    """Time in which dark current gathered (s); the exposure time where nothing says it."""
    begin: BeginTime
    """Begin of the exposure."""
    number: Source = Source()
    """Number of the exposure in its observing day, below 100 000 and never given twice; without cards and
    file name the whole seconds since the day began."""
    day_begins: Annotated[float, Field(ge=0, lt=24)] = 12.0
    """Hour (TAI) at which an observing day begins: about local noon, so that no night is parted."""
    filter: Source = Source()
    """Physical filter."""
    temperature: Source = Source()
    """Temperature of the detector (degree Celsius), kept as CCDTEMP."""
    target: Source = Source()
    """What was pointed at."""
    program: Source = Source()
    """Observing program."""
    reason: Source = Source()
    """Why it was observed; the observation type where nothing says it."""


class CameraDescription(SettingsModel):
    """A camera: how its files are laid out and what their headers mean."""

    instrument: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,15}$")]
    """Name of the instrument in the Butler: letters, digits and underscores, at most 16."""
    title: str = ""
    """What people call the camera."""
    identify: Annotated[Conditions, Field(min_length=1)]
    """Header cards by which a frame of this camera is known."""
    require: Conditions = Field(default_factory=dict)
    """Header cards that a frame must have to be laid out as described here, such as ``XBINNING: 1``."""
    header_hdus: Annotated[tuple[int | str, ...], Field(min_length=1)] = (0,)
    """HDUs whose cards speak of the exposure, by number or EXTNAME; later ones overrule earlier ones."""
    observation: ObservationDescription
    """What the header says of the observation."""
    state: dict[str, Source] = Field(default_factory=dict)
    """State of the camera, kept of every frame: name and header cards. A profile's camera_state_keys name
    those that must agree within a calibration."""
    filters: tuple[FilterDescription, ...] = ()
    """Filters; others are registered as they are met, without a band."""
    detectors: Annotated[tuple[DetectorDescription, ...], Field(min_length=1)]
    """Detectors."""

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 of what the description says, however it is written."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def misfit(self, header: Mapping[str, Any]) -> str | None:
        """Return why a frame is not of this camera, in words; None if it is."""
        return failed_condition(self.identify, header)

    @model_validator(mode="after")
    def _check_instrument(self) -> Self:
        if self.instrument in _RUBIN:
            raise wrong_at(("instrument",), f"{self.instrument} is built in; expected another name")
        return self

    @model_validator(mode="after")
    def _check_detectors(self) -> Self:
        for key in ("id", "name"):
            values = [getattr(one, key) for one in self.detectors]
            if len(set(values)) < len(values):
                raise wrong_at(("detectors",), f"expected every detector to have its own {key}")
        for number, one in enumerate(self.detectors):
            if len(self.detectors) > 1 and not one.when:
                raise wrong_at(
                    ("detectors", number),
                    f"expected 'when': the header cards that tell {one.name} from the others",
                )
        return self

    @model_validator(mode="after")
    def _check_cards_alone(self) -> Self:
        # The Butler may keep a raw under another name: what is needed to read one must stand in its cards.
        for key in ("identify", "require"):
            if FILE_NAME in getattr(self, key):
                raise wrong_at((key,), "expected header cards: the name of a file may change")
        for name, source in self.state.items():
            if source.filename is not None:
                raise wrong_at(("state", name), "expected header cards: the name of a file may change")
        return self

    @model_validator(mode="after")
    def _check_exposure_time(self) -> Self:
        if not self.observation.exposure_time.is_given:
            raise wrong_at(("observation", "exposure_time"), "expected the cards that hold it")
        if self.observation.temperature.filename is not None:
            raise wrong_at(("observation", "temperature"), "expected header cards")
        return self
