"""What a report is made from: everything the board must see, given by the caller, nothing looked up."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from infra.errors import CalprodError
from infra.images.model import CalibrationImage
from tasks.reporting.amplifiers import AmplifierTest
from tasks.reporting.figure import Figure
from tasks.verification.model import DetectorStatistics, ExposureGroup, Verdict, calibration_type

__all__ = ["BinnedImage", "CalibrationContents", "DatasetEntry", "Intermediate", "ReportContents", "Residual"]


def _nothing() -> Mapping[Any, Any]:
    return MappingProxyType({})


_LIT = frozenset({"flat", "fringe", "sky"})
"""Calibrations whose residuals keep the light of the exposure: what is left of its structure is shown."""


@dataclass(frozen=True, slots=True, eq=False)
class BinnedImage:
    """A combined image that the caller has binned already."""

    image: npt.NDArray[np.float32]
    """Block means, shape (ny, nx), in the unit of the calibration; NaN where nothing is known."""
    binning: int = 8
    """Side of a block (pixel)."""


@dataclass(frozen=True, slots=True, eq=False)
class Residual:
    """What is left of one exposure of one detector under the calibration, binned."""

    exposure: int
    """Exposure ID."""
    group: ExposureGroup
    """Whether the exposure is an input of the calibration."""
    observed_mjd: float
    """Mid-time of the exposure (TAI, MJD)."""
    image: npt.NDArray[np.float32]
    """Block means, shape (ny, nx), in the unit of the residuals; NaN where nothing is known."""

    @classmethod
    def from_table(cls, table: Any) -> tuple[Self, ...]:
        """Return the rows of a verification quantum's residual table, in its order.

        Parameters
        ----------
        table
            Table with the columns ``exposure``, ``group``, ``observed`` (TAI, MJD) and ``residual``
            (shape (n, ny, nx)): an `astropy.table.Table` or a mapping of columns.
        """
        columns = (table["exposure"], table["group"], table["observed"], table["residual"])
        return tuple(
            cls(int(exposure), ExposureGroup(str(group)), float(observed), np.asarray(image, np.float32))
            for exposure, group, observed, image in zip(*columns, strict=True)
        )


@dataclass(frozen=True, slots=True)
class DatasetEntry:
    """One dataset of a candidate calibration."""

    detector: int
    """Detector number."""
    uuid: str
    """UUID in the Butler."""
    image_digest: str = ""
    """Digest over the pixels, the same for every run that makes the same image; empty when not read."""
    sha256: str = ""
    """Checksum of the file."""


@dataclass(frozen=True, slots=True)
class Intermediate:
    """A product that only serves others of the campaign: neither verified nor certified."""

    key: str
    """Calibration key, such as ``biasBootstrap``."""
    state: str
    """State in the campaign."""
    exposures: tuple[int, ...]
    """Exposures it was made from."""
    run: str
    """RUN that holds it."""
    detectors: int
    """Of how many detectors it was made."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CalibrationContents:
    """One calibration of the campaign."""

    key: str
    """Calibration key, such as ``flat-r``."""
    label: str = ""
    """What it is in words, such as ``photon transfer curve``; empty for one whose key says it."""
    made_from: tuple[str, ...] = ()
    """Calibrations it was made from, where it reads no exposures of its own."""
    state: str
    """State in the campaign, such as ``awaiting-approval``."""
    verdict: Verdict
    """What verification says."""
    unit: str
    """Unit of the combined image: ``electron``, ``electron/s``, or empty for a ratio."""
    statistics: tuple[DetectorStatistics, ...] = ()
    """What verification measured: one or more records per detector."""
    amplifier_tests: tuple[AmplifierTest, ...] = ()
    """Worst result of each test of each amplifier, as `summarise_amplifiers` makes them of all results."""
    combined: Mapping[int, CalibrationImage | BinnedImage] = field(default_factory=_nothing)
    """Combined image by detector number. May read on demand: only the detectors of `figured_detectors` are
    asked for, and each once."""
    figures: Mapping[int, tuple[Figure, ...]] = field(default_factory=_nothing)
    """Figures of the calibration by detector number; drawn on demand like ``combined``."""
    overview: tuple[Figure, ...] = ()
    """Figures of all detectors together."""
    thumbnails: Mapping[int, BinnedImage] = field(default_factory=_nothing)
    """Combined image of every detector of a camera with many, coarsely binned, for a picture of the focal
    plane; may be left out."""
    residuals: Mapping[int, tuple[Residual, ...]] = field(default_factory=_nothing)
    """Residuals by detector number; read on demand like ``combined``. Only the exposures of `first_and_next`
    are shown."""
    residual_unit: str = "electron"
    """Unit of the residuals."""
    residual_binning: int = 8
    """Side of a block of the residuals (pixel)."""
    residual_keeps_level: bool | None = None
    """Whether the residual keeps the level of the light, as a flat divided by its calibration does; it is
    then shown in percent of its median. By default true for flats."""
    generation: tuple[int, ...] = ()
    """Exposures that were combined."""
    verification: tuple[int, ...] = ()
    """Exposures it was tested on besides its inputs."""
    priors: Mapping[str, str] = field(default_factory=_nothing)
    """UUID of each calibration applied while this one was made, by dataset type; other inputs by name.
    May grow while images are read."""
    collections: Mapping[str, str] = field(default_factory=_nothing)
    """Collections by what they are, such as ``{"generation RUN": "LATISS/calib/…"}``."""
    datasets: Collection[DatasetEntry] = ()
    """Datasets that would be certified. Looked at again once the figures are drawn, so that it may tell the
    digests of just those images that were read for them."""
    gate_digest: str | None = None
    """Digest that a decision is bound to; None when the gate has not opened."""

    def __post_init__(self) -> None:
        if self.verdict.calibration != self.key:
            raise CalprodError(
                f"the verdict on {self.verdict.calibration} cannot stand under {self.key}",
                "give each calibration its own verdict",
            )

    @property
    def keeps_level(self) -> bool:
        """Whether the residuals keep the level of the light."""
        if self.residual_keeps_level is None:
            return calibration_type(self.key) in _LIT
        return self.residual_keeps_level


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReportContents:
    """All that the report of a campaign shows."""

    campaign: str
    """Name of the campaign: ``INSTRUMENT/TICKET/TAG/RERUN``."""
    instrument: str
    """Instrument."""
    day_obs: int
    """Observing day, YYYYMMDD."""
    producer: str
    """Who asked for it."""
    when: str
    """When the report was made, with its time scale, such as ``2024-03-27 16:35:18 TAI``."""
    calibrations: tuple[CalibrationContents, ...]
    """The calibrations, in the order made."""
    intermediates: tuple[Intermediate, ...] = ()
    """Products that only served them, in the order made."""
    plan: Mapping[str, Any] = field(default_factory=_nothing)
    """The plan as JSON values: ``sets``, ``exposures``, ``shortages``, ``warnings``, ``digest``."""
    versions: Mapping[str, str] = field(default_factory=_nothing)
    """Version of each package that took part."""
    replay_script: str = ""
    """The replay script."""
    repository: str = ""
    """Repository as the reader would name it on the command line; left out of commands when empty."""
