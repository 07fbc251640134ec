"""The raws of a quantum, read one at a time, each once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lsst.daf.butler import DeferredDatasetHandle

from infra.errors import RawRejected
from infra.instruments.translators.identity import detector_exposure_id
from infra.raws import RawFile, raw_file_from_image
from tasks.isr.steps import has_overscan

__all__ = ["RawInput", "raw_inputs"]


@dataclass(frozen=True, slots=True)
class RawInput:
    """One raw with what the Butler knows of its exposure."""

    exposure: int
    """Exposure ID."""
    detector: int
    """Detector number."""
    day_obs: int
    """Observing day, YYYYMMDD."""
    physical_filter: str
    begin_mjd: float
    """Start (TAI, MJD)."""
    end_mjd: float
    """End (TAI, MJD)."""
    exposure_time: float
    """s"""
    dark_time: float
    """s"""
    raw: RawFile
    """Header, layout and pixels."""
    observation_type: str = ""
    """What the exposure was taken as: bias, dark, flat…"""

    @property
    def seed(self) -> int:
        """Seed for the random numbers of this frame: its packed detector-exposure ID, cut to 32 bits."""
        return detector_exposure_id(self.exposure, self.detector) & 0xFFFFFFFF

    @property
    def has_overscan(self) -> bool:
        """Whether every amplifier has a serial overscan, by which its level is known."""
        return has_overscan(self.raw.layout)


def raw_inputs(handles: Sequence[DeferredDatasetHandle]) -> Iterator[RawInput]:
    """Read raws in the order they were taken; only one is in memory at a time.

    Parameters
    ----------
    handles
        Deferred raws of one detector, with expanded data IDs.

    Raises
    ------
    RawRejected
        A raw cannot be read; names it.
    """
    for handle in sorted(handles, key=lambda one: int(one.dataId["exposure"])):
        record = handle.dataId.records["exposure"]
        if record is None or record.timespan is None:
            raise RawRejected(
                f"raw {handle.ref} has no exposure record", "ingest it again with: calprod ingest"
            )
        yield RawInput(
            exposure=int(handle.dataId["exposure"]),
            detector=int(handle.dataId["detector"]),
            day_obs=int(record.day_obs),
            physical_filter=str(record.physical_filter),
            begin_mjd=float(record.timespan.begin.tai.mjd),
            end_mjd=float(record.timespan.end.tai.mjd),
            exposure_time=float(record.exposure_time),
            dark_time=float(record.dark_time),
            raw=raw_file_from_image(handle.get()),
            observation_type=str(record.observation_type),
        )
