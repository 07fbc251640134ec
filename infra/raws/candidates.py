"""Files that may be raws, looked at one by one before the Butler hears of them."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.errors import RawRejected
from infra.instruments.identify import instrument_of
from infra.instruments.translators import EXPOSURE_PROPERTIES, observation_info
from infra.raws.cards import Header, HeaderValue
from infra.raws.fits_file import primary_header
from infra.raws.quick_statistics import QuickStatistics, quick_statistics
from infra.raws.reader import RawReader
from infra.raws.report import RefusedRaw

if TYPE_CHECKING:
    from infra.instruments.described.description import CameraDescription

__all__ = ["RAW_SUFFIXES", "Candidate", "find_files", "inspect_files"]

RAW_SUFFIXES = (".fits", ".fits.gz", ".fits.fz", ".fit", ".fit.gz", ".fts", ".fts.gz", ".fz")
"""How names of raws end, in lower case."""

_MOST_THREADS = 8


@dataclass(frozen=True, slots=True)
class Candidate:
    """A raw that could be read and makes sense.

    Parameters
    ----------
    path
        The file, absolute.
    instrument
        Instrument's name in the Butler.
    exposure, detector, day_obs
        Exposure id, detector number, observing day.
    observation
        All that the header says of the observation (`astro_metadata_translator.ObservationInfo`).
    header_values
        Cards of the camera's state.
    statistics
        The quick look, if asked for.
    """

    path: Path
    instrument: str
    exposure: int
    detector: int
    day_obs: int
    observation: Any
    header_values: Mapping[str, HeaderValue]
    statistics: QuickStatistics | None

    def refused(self, reason: str) -> RefusedRaw:
        """Return why this raw is not taken after all."""
        return RefusedRaw(self.path, reason, self.exposure, self.day_obs)


def find_files(paths: Iterable[str | os.PathLike[str]]) -> Iterator[Path]:
    """Yield files as given, and the FITS files in folders (not deeper) by their names, each once."""
    seen: set[Path] = set()
    for given in paths:
        path = Path(os.path.abspath(given))
        found = [path]
        if path.is_dir():
            found = sorted(file for file in path.iterdir() if file.name.lower().endswith(RAW_SUFFIXES))
        for file in found:
            if file not in seen:
                seen.add(file)
                yield file


def inspect_files(
    files: Sequence[Path],
    *,
    statistics: bool,
    state_keys: Sequence[str],
    description: "CameraDescription | None" = None,
    n_threads: int | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> tuple[list[Candidate], list[RefusedRaw]]:
    """Read files and tell raws from what is none.

    Parameters
    ----------
    files
        Absolute paths.
    statistics
        Decode the pixels, which finds corrupt ones, and take a quick look at them. Otherwise only headers and
        the extent of the compressed data are checked.
    state_keys
        Header cards to keep.
    description
        The described camera that frames may come from, besides Rubin's.
    n_threads
        Files read at the same time; as many as processors when None.
    on_progress
        Called with the number of files done and the number of all.
    """
    if statistics:
        from infra.raws.rice import warm

        warm()  # once, not in every thread
    threads = n_threads or min(_MOST_THREADS, os.cpu_count() or 1)
    candidates: list[Candidate] = []
    refused: list[RefusedRaw] = []
    with ThreadPoolExecutor(threads, thread_name_prefix="raws") as pool:
        looked_at = pool.map(lambda path: _inspect(path, statistics, state_keys, description), files)
        for number, result in enumerate(looked_at, start=1):
            if isinstance(result, Candidate):
                candidates.append(result)
            else:
                refused.append(result)
            if on_progress is not None:
                on_progress(number, len(files))
    return candidates, refused


def _inspect(
    path: Path, statistics: bool, state_keys: Sequence[str], description: "CameraDescription | None"
) -> Candidate | RefusedRaw:
    observation: Any = None
    try:
        description = _of_its_frames(path, description)
        with RawReader(path, description=description) as reader:
            raw = reader.headers
            observation = _observation(raw.primary_header, path, description)
            look = None
            if statistics:
                look = quick_statistics(reader.read())
            else:
                reader.check_extents()
    except RawRejected as error:
        return _refused(path, str(error).removeprefix(f"{path}: "), observation, description)
    return Candidate(
        path=path,
        instrument=raw.instrument,
        exposure=observation.exposure_id,
        detector=raw.layout.id,
        day_obs=observation.observing_day,
        observation=observation,
        header_values={key: raw.primary_header.get(key) for key in state_keys},
        statistics=look,
    )


def _of_its_frames(path: Path, description: "CameraDescription | None") -> "CameraDescription | None":
    """Return the description, unless the file is of one of Rubin's cameras."""
    if description is None:
        return None
    try:
        instrument_of(primary_header(path))
    except RawRejected:
        return description
    return None


def _observation(
    header: Header,
    path: Path,
    description: "CameraDescription | None",
    properties: frozenset[str] = EXPOSURE_PROPERTIES,
) -> Any:
    if description is None:
        return observation_info(header, str(path), properties=properties)
    from infra.instruments.described.translation import described_observation

    return described_observation(description, header, path)


def _refused(
    path: Path, reason: str, observation: Any, description: "CameraDescription | None"
) -> RefusedRaw:
    """Return why a file is refused, with the exposure it claims to be where its first header survived."""
    if observation is None:
        try:
            observation = _observation(primary_header(path), path, description, frozenset())
        except RawRejected:
            return RefusedRaw(path, reason)
    return RefusedRaw(path, reason, observation.exposure_id, observation.observing_day)
