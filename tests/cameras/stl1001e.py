"""The real series of an SBIG STL-1001E as its shipped description reads it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.instruments.described import CameraDescription, load_description
from infra.raws.candidates import Candidate, inspect_files
from infra.raws.reader import read_raw
from tasks.combine.raw_inputs import RawInput

__all__ = ["DAY", "Series", "read_series"]

DAY = 20170908
"""Observing day of all frames but one."""


@dataclass(frozen=True)
class Series:
    """Frames that were taken in."""

    description: CameraDescription
    candidates: tuple[Candidate, ...]

    def of(self, kind: str, temperature: float, seconds: float | None = None) -> list[RawInput]:
        """Return the raws of one kind and set temperature (degree Celsius), in the order they were taken."""
        return [
            self._raw_input(one)
            for one in self.candidates
            if (one.observation.observation_type, one.header_values["TEMP_SET"], one.day_obs)
            == (kind, temperature, DAY)
            and seconds in (None, one.observation.exposure_time.to_value("s"))
        ]

    def _raw_input(self, one: Candidate) -> RawInput:
        observation: Any = one.observation
        return RawInput(
            exposure=one.exposure,
            detector=one.detector,
            day_obs=one.day_obs,
            physical_filter=observation.physical_filter,
            begin_mjd=float(observation.datetime_begin.mjd),
            end_mjd=float(observation.datetime_end.mjd),
            exposure_time=float(observation.exposure_time.to_value("s")),
            dark_time=float(observation.dark_time.to_value("s")),
            raw=read_raw(one.path, description=self.description),
        )


def read_series(folder: Path) -> Series:
    """Take in every frame of the series."""
    description = load_description("stl1001e")
    candidates, refused = inspect_files(
        sorted((folder / "frames" / "stl1001").iterdir()),
        statistics=True,
        state_keys=["TEMP_SET", "CCDTEMP"],
        description=description,
    )
    assert not refused
    return Series(description, tuple(sorted(candidates, key=lambda one: one.exposure)))
