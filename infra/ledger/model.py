"""What goes into the ledger and what comes out of it: frozen records."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from infra.errors import LedgerError

__all__ = [
    "Campaign",
    "Decision",
    "Entry",
    "Exclusion",
    "Metric",
    "Observation",
    "Refusal",
    "Status",
    "Step",
]

type Status = Literal["started", "done", "failed"]
"""How far a step has come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Something that is happening or has happened, to be recorded."""

    step: str
    """Stage: ``select``, ``generate``, ``verify``, ``approve``, ``certify``, …"""
    status: Status
    """How far it has come."""
    who: str
    """Person or service."""
    campaign: str | None = None
    """Campaign; None for what concerns the whole repository."""
    calibration: str | None = None
    """Calibration key, such as ``flat-r``; None for what concerns the whole campaign."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """What the step was asked to do. ``site`` names the site of a ``sync``."""
    command: str | None = None
    """Public command that does the same."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """Version of each package that took part."""
    inputs: tuple[Any, ...] = ()
    """Exposures, dataset UUIDs or files it used."""
    outcome: str | None = None
    """How it ended: a word such as ``verified``, or the reason of a failure."""
    digest: str | None = None
    """SHA-256 of what it made or decided on."""
    when: datetime | None = None
    """When it happened (aware); by default now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One row of the ledger, which nothing changes any more."""

    sequence: int
    """Number, from 1 without gaps."""
    campaign: str | None
    calibration: str | None
    step: str
    status: str
    who: str
    when_utc: str
    """When it happened, ``2024-03-27T16:35:18.000000Z``."""
    when_tai: str
    """The same in TAI, without ``Z``."""
    parameters: Mapping[str, Any]
    command: str | None
    versions: Mapping[str, str]
    inputs: tuple[Any, ...]
    outcome: str | None
    digest: str | None
    previous_hash: str
    """Hash of the entry before; 64 zeros for the first."""
    hash: str
    """SHA-256 over everything above."""

    @property
    def site(self) -> str | None:
        """Site the step was about, if any."""
        site = self.parameters.get("site")
        return None if site is None else str(site)


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """One attempt to make the calibrations of an observing day."""

    name: str
    """``INSTRUMENT/TICKET/TAG/RERUN``."""
    instrument: str
    ticket: str
    tag: str
    rerun: str
    """Observing day and a letter, such as ``20240326a``."""
    day_obs: int
    """Observing day, YYYYMMDD."""
    who: str
    """Producer: the one who opened it."""
    opened: str
    """When it was opened (UTC)."""
    parameters: Mapping[str, Any]
    """What it was opened with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What one reviewer says of calibrations of a campaign."""

    campaign: str
    """Campaign."""
    reviewer: str
    """Who decides."""
    decision: Literal["approve", "reject"]
    """Which way."""
    calibrations: tuple[str, ...]
    """Calibration keys decided on."""
    digest: str
    """Digest of what the reviewer saw; the decision is void for anything else."""
    begin_day_obs: int | None = None
    """First observing day of validity, YYYYMMDD; needed to approve."""
    end_day_obs: int | None = None
    """Last observing day of validity; None for open."""
    accepted_failures: str | None = None
    """Why known failures are tolerable; needed to approve what failed verification."""
    reason: str | None = None
    """Why; needed to reject."""
    when_utc: str | None = None
    """When (UTC); filled by the ledger."""
    sequence: int | None = None
    """Number of its entry; filled by the ledger."""

    def __post_init__(self) -> None:
        if not self.reviewer.strip():
            raise LedgerError("a decision needs a reviewer", "say who decides")
        if not self.calibrations:
            raise LedgerError("a decision needs the calibrations it is about", "name at least one")
        if self.decision == "approve" and self.begin_day_obs is None:
            raise LedgerError("an approval needs the first day of validity", "give it as day_obs, YYYYMMDD")
        if self.decision == "reject" and not (self.reason or "").strip():
            raise LedgerError("a rejection needs a reason", "say why in words")
        if self.begin_day_obs and self.end_day_obs and self.end_day_obs < self.begin_day_obs:
            raise LedgerError(
                f"validity ends on {self.end_day_obs}, before it begins on {self.begin_day_obs}",
                "give the last day covered, or none",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusion:
    """An exposure, or a detector or amplifier of it or of all, that must not be used."""

    instrument: str
    """Instrument."""
    reason: str
    """Why."""
    author: str
    """Who says so."""
    exposure: int | None = None
    """Exposure ID; None for every exposure."""
    detector: int | None = None
    """Detector number; None for all."""
    amplifier: str | None = None
    """Amplifier name; None for all."""
    calibration: str | None = None
    """Dataset type it matters for; None for all."""
    expires: datetime | None = None
    """When it ends (aware); None for never."""
    sequence: int | None = None
    """Number of its entry, by which it can be lifted; filled by the ledger."""

    def __post_init__(self) -> None:
        if self.exposure is None and self.detector is None:
            raise LedgerError("an exclusion of everything", "name an exposure, a detector, or both")
        if self.amplifier is not None and self.detector is None:
            raise LedgerError(f"amplifier {self.amplifier} of which detector?", "name the detector")
        if not self.reason.strip() or not self.author.strip():
            raise LedgerError("an exclusion needs a reason and an author", "say why, and who says so")


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One measured number."""

    campaign: str
    calibration: str
    """Calibration key, such as ``flat-r``."""
    metric: str
    """``calibration.quantity``, such as ``bias.mean``."""
    value: float
    """In ``unit``; may be NaN."""
    unit: str
    """Such as ``electron``; empty for a ratio."""
    exposure: int | None = None
    detector: int | None = None
    amplifier: str | None = None
    observed: str | None = None
    """When the exposure was taken (TAI, ISO 8601); None for combined images."""
    group: str | None = None
    """``generation`` or ``verification``; None for combined images."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What a raw said and showed when it was ingested."""

    instrument: str
    exposure: int
    detector: int
    day_obs: int
    path: str
    """File it was read from."""
    header_values: Mapping[str, str | float | int | None]
    """Camera-state cards; None for one that is missing."""
    statistics: Mapping[str, Any]
    """Quick statistics of the pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A file that was not ingested."""

    path: str
    reason: str
    exposure: int | None = None
    day_obs: int | None = None
    when_utc: str | None = None
    """When (UTC); filled by the ledger."""
