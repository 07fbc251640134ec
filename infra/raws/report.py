"""What an ingest did with every file it was given."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.raws.cards import HeaderValue
from infra.raws.quick_statistics import QuickStatistics

__all__ = ["CAMERA_STATE_KEYS", "IngestReport", "IngestedExposure", "RefusedRaw", "TakenRaw"]

CAMERA_STATE_KEYS = (
    "SEQNAME",
    "SEQFILE",
    "SEQCKSUM",
    "ODP",
    "AP0_RC",
    "TEMP_SET",
    "CCDTEMP",
    "LSST_NUM",
    "TSTAND",
)
"""Header cards kept of every raw by default: what the camera was set to, and what it was."""


@dataclass(frozen=True, slots=True)
class TakenRaw:
    """A file that the Butler holds.

    Parameters
    ----------
    path
        The file given.
    instrument
        Instrument's name in the Butler.
    exposure
        Exposure id.
    detector
        Detector number.
    day_obs
        Observing day, YYYYMMDD.
    dataset
        UUID of the raw; the same in every repository.
    """

    path: Path
    instrument: str
    exposure: int
    detector: int
    day_obs: int
    dataset: str

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "path": str(self.path),
            "instrument": self.instrument,
            "exposure": self.exposure,
            "detector": self.detector,
            "day_obs": self.day_obs,
            "dataset": self.dataset,
        }


@dataclass(frozen=True, slots=True)
class RefusedRaw:
    """A file that was not taken.

    Parameters
    ----------
    path
        The file given.
    reason
        Why.
    exposure_id, day_obs
        As far as the header tells.
    """

    path: Path
    reason: str
    exposure_id: int | None = None
    day_obs: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "path": str(self.path),
            "reason": self.reason,
            "exposure": self.exposure_id,
            "day_obs": self.day_obs,
        }


@dataclass(frozen=True, slots=True)
class IngestedExposure:
    """What one raw said and showed.

    Parameters
    ----------
    exposure
        Exposure id.
    detector
        Detector number.
    path
        The file given.
    header_values
        Cards of the camera's state; None where the card is missing.
    statistics
        The quick look at its pixels; None if it was not asked for.
    day_obs
        Observing day, YYYYMMDD.
    instrument
        Instrument's name in the Butler.
    """

    exposure: int
    detector: int
    path: Path
    header_values: Mapping[str, HeaderValue]
    statistics: QuickStatistics | None
    day_obs: int
    instrument: str


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What became of the files.

    Parameters
    ----------
    ingested
        Raws taken now.
    skipped
        Raws the Butler held already.
    refused
        Files not taken, with the reason.
    observations
        What the raws said and showed, taken now or before.
    """

    ingested: tuple[TakenRaw, ...]
    skipped: tuple[TakenRaw, ...]
    refused: tuple[RefusedRaw, ...]
    observations: tuple[IngestedExposure, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain values, as ``calprod ingest --json`` prints them."""
        return {
            "ingested": [raw.to_json() for raw in self.ingested],
            "skipped": [raw.to_json() for raw in self.skipped],
            "refused": [raw.to_json() for raw in self.refused],
        }
