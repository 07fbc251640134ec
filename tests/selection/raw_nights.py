"""Exposure records of simulated raws, read the way ingest reads them."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType

from infra.naming import safe_label
from infra.raws.candidates import Candidate, find_files, inspect_files
from infra.raws.report import RefusedRaw
from infra.simulator.loading import builtin_nights, load_night_spec
from infra.simulator.night import simulate_night
from infra.simulator.specification import NightSpec
from infra.simulator.truth import NightTruth
from tasks.selection import ExposureRecord
from tests.selection.nights import STATE_KEYS

__all__ = ["RawNight", "builtin", "read_night"]


@dataclass(frozen=True)
class Refusal:
    """What the ledger keeps of a refused raw."""

    path: str
    reason: str
    exposure: int | None
    day_obs: int | None


@dataclass(frozen=True)
class RawNight:
    """A simulated night as selection sees it, with its truth."""

    truth: NightTruth
    records: tuple[ExposureRecord, ...]
    refusals: tuple[Refusal, ...]


def builtin(name: str) -> NightSpec:
    """Return one of the night specifications that come with calprod."""
    return load_night_spec(builtin_nights()[name])


def read_night(specification: NightSpec) -> RawNight:
    """Simulate a night, read it back and forget the files."""
    with TemporaryDirectory(prefix=safe_label("night")) as folder:
        truth = simulate_night(specification, folder)
        files = [path for path in find_files([folder]) if path.parent == Path(folder)]
        candidates, refused = inspect_files(files, statistics=True, state_keys=STATE_KEYS, n_threads=1)
    return RawNight(truth, tuple(map(_record, candidates)), tuple(map(_refusal, refused)))


@cache
def builtin_night(name: str) -> RawNight:
    """Return a night that comes with calprod, simulated once."""
    return read_night(builtin(name))


def _refusal(one: RefusedRaw) -> Refusal:
    return Refusal(str(one.path), one.reason, one.exposure_id, one.day_obs)


def _record(candidate: Candidate) -> ExposureRecord:
    info = candidate.observation
    return ExposureRecord(
        exposure=candidate.exposure,
        day_obs=candidate.day_obs,
        seq_num=info.observation_counter,
        observation_type=info.observation_type,
        observation_reason=info.observation_reason,
        physical_filter=info.physical_filter,
        exposure_time=float(info.exposure_time.to_value("s")),
        dark_time=float(info.dark_time.to_value("s")),
        begin_tai=float(info.datetime_begin.tai.mjd),
        end_tai=float(info.datetime_end.tai.mjd),
        group=str(info.exposure_group),
        has_simulated=bool(info.has_simulated_content),
        obs_id=info.observation_id,
        state=MappingProxyType(dict(candidate.header_values)),
        statistics=candidate.statistics,
    )
