"""The Butler's records of exposures: made from headers, compared with those it holds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import astropy.units as u
from astropy.time import Time, TimeDelta
from lsst.daf.butler import Butler, DimensionRecord, Timespan
from lsst.daf.butler.registry import ConflictingDefinitionError

from infra.raws.candidates import Candidate
from infra.raws.report import RefusedRaw

__all__ = ["agreeing_candidates", "register_exposures"]

_TIME_TOLERANCE = 1.0  # s; the sensors' controllers of one camera need not agree to better
_TEXT_WIDTHS = {"target_name": 64, "science_program": 64, "observation_reason": 68}
_MOST_NAMES = 900  # values in one query


@dataclass(frozen=True, slots=True)
class _Identity:
    """What all raws of one exposure must say."""

    obs_id: str
    day_obs: int
    seq_num: int
    observation_type: str
    physical_filter: str
    begin: float
    exposure_time: float

    def differences(self, other: "_Identity") -> str:
        """Return where another differs, in words; empty if nowhere."""
        names = ("obs_id", "day_obs", "seq_num", "observation_type", "physical_filter")
        found = [
            f"{name} {getattr(self, name)!r} instead of {getattr(other, name)!r}"
            for name in names
            if getattr(self, name) != getattr(other, name)
        ]
        for name, scale in (("begin", 86400.0), ("exposure_time", 1.0)):
            mine, its = getattr(self, name), getattr(other, name)
            if abs(mine - its) * scale > _TIME_TOLERANCE:
                found.append(f"{name} {mine} instead of {its}")
        return ", ".join(found)


def agreeing_candidates(
    butler: Butler, instrument: str, candidates: Sequence[Candidate]
) -> tuple[list[Candidate], list[RefusedRaw]]:
    """Return the raws that agree with their exposure, and those that do not.

    Parameters
    ----------
    butler
        The repository, which may hold the exposures already.
    instrument
        Instrument of all candidates.
    candidates
        Raws in the order given; where the repository does not know the exposure, its first raw decides.
    """
    identities = {
        record.id: _of_record(record)
        for record in _held_exposures(butler, instrument, {candidate.exposure for candidate in candidates})
    }
    agreeing: list[Candidate] = []
    refused: list[RefusedRaw] = []
    for candidate in candidates:
        identity = _of_observation(candidate.observation)
        differences = identity.differences(identities.setdefault(candidate.exposure, identity))
        if differences:
            reason = f"exposure {candidate.exposure} is another one already: this file says {differences}"
            refused.append(candidate.refused(reason))
        else:
            agreeing.append(candidate)
    return agreeing, refused


def register_exposures(
    butler: Butler, instrument: str, candidates: Sequence[Candidate]
) -> tuple[list[Candidate], list[RefusedRaw]]:
    """Write the records that the exposures of some raws need, in one transaction.

    Parameters
    ----------
    butler
        A writeable Butler that knows the instrument.
    instrument
        Instrument of all candidates.
    candidates
        Raws that agree with their exposures.

    Notes
    -----
    A physical filter that the instrument does not register, such as a laboratory's, is added without a band.
    """
    first_of: dict[int, Candidate] = {}
    for candidate in candidates:
        first_of.setdefault(candidate.exposure, candidate)
    held = {record.id for record in _held_exposures(butler, instrument, first_of)}
    failed: dict[int, str] = {}
    with butler.registry.transaction():
        _register_filters(butler, instrument, {one.observation.physical_filter for one in first_of.values()})
        for exposure, candidate in first_of.items():
            if exposure in held:
                continue
            try:
                for element, record in _records(instrument, candidate.observation):
                    butler.registry.syncDimensionData(element, record)
            except ConflictingDefinitionError as error:
                failed[exposure] = f"its records contradict those of the repository: {error}"
    good = [candidate for candidate in candidates if candidate.exposure not in failed]
    bad = [candidate for candidate in candidates if candidate.exposure in failed]
    return good, [candidate.refused(failed[candidate.exposure]) for candidate in bad]


def _held_exposures(butler: Butler, instrument: str, exposures: Iterable[int]) -> list[DimensionRecord]:
    wanted = sorted(exposures)
    held: list[DimensionRecord] = []
    for start in range(0, len(wanted), _MOST_NAMES):
        with butler.query() as query:
            chosen = query.where(
                "exposure IN (:exposures)",
                bind={"exposures": wanted[start : start + _MOST_NAMES]},
                instrument=instrument,
            )
            held.extend(chosen.dimension_records("exposure"))
    return held


def _register_filters(butler: Butler, instrument: str, names: set[str]) -> None:
    records = butler.query_dimension_records("physical_filter", instrument=instrument, explain=False)
    for name in sorted(names - {record.name for record in records}):
        record = {"instrument": instrument, "name": name, "band": "unknown"}
        butler.registry.syncDimensionData("physical_filter", record)


def _of_record(record: Any) -> _Identity:
    return _Identity(
        obs_id=record.obs_id,
        day_obs=record.day_obs,
        seq_num=record.seq_num,
        observation_type=record.observation_type,
        physical_filter=record.physical_filter,
        begin=float(record.timespan.begin.tai.mjd),
        exposure_time=float(record.exposure_time),
    )


def _of_observation(observation: Any) -> _Identity:
    return _Identity(
        obs_id=observation.observation_id,
        day_obs=observation.observing_day,
        seq_num=observation.observation_counter,
        observation_type=observation.observation_type,
        physical_filter=observation.physical_filter,
        begin=float(observation.datetime_begin.tai.mjd),
        exposure_time=float(observation.exposure_time.to_value(u.s)),
    )


def _records(instrument: str, observation: Any) -> Iterable[tuple[str, dict[str, Any]]]:
    """Yield the records of one exposure in the order in which they refer to each other."""
    yield "group", {"instrument": instrument, "name": observation.exposure_group}
    yield "day_obs", _day_record(instrument, observation)
    yield "exposure", _exposure_record(instrument, observation)


def _day_record(instrument: str, observation: Any) -> dict[str, Any]:
    day = str(observation.observing_day)
    midnight = Time(f"{day[:4]}-{day[4:6]}-{day[6:]}T00:00:00", format="isot", scale="tai")
    begin = midnight + observation.observing_day_offset
    end = begin + TimeDelta(1, format="jd", scale="tai")
    return {"instrument": instrument, "id": observation.observing_day, "timespan": Timespan(begin, end)}


def _exposure_record(instrument: str, observation: Any) -> dict[str, Any]:
    radec, altaz = observation.tracking_radec, observation.altaz_begin
    rotation = observation.boresight_rotation_angle
    is_sky_angle = observation.boresight_rotation_coord == "sky" and rotation is not None
    record = {
        "instrument": instrument,
        "id": observation.exposure_id,
        "obs_id": observation.observation_id,
        "physical_filter": observation.physical_filter,
        "group": observation.exposure_group,
        "day_obs": observation.observing_day,
        "exposure_time": float(observation.exposure_time.to_value(u.s)),
        "dark_time": float(observation.dark_time.to_value(u.s)),
        "observation_type": observation.observation_type,
        "observation_reason": observation.observation_reason,
        "seq_num": observation.observation_counter,
        "seq_start": observation.group_counter_start,
        "seq_end": observation.group_counter_end,
        "target_name": observation.object,
        "science_program": observation.science_program,
        "tracking_ra": None if radec is None else float(radec.icrs.ra.degree),
        "tracking_dec": None if radec is None else float(radec.icrs.dec.degree),
        "sky_angle": float(rotation.to_value(u.deg)) if is_sky_angle else None,
        "azimuth": None if altaz is None else float(altaz.az.to_value(u.deg)),
        "zenith_angle": None if altaz is None else float(altaz.zen.to_value(u.deg)),
        "has_simulated": observation.has_simulated_content,
        "can_see_sky": observation.can_see_sky,
        # A bias has no duration; Timespan makes it one nanosecond, so that it lies in validity ranges.
        "timespan": Timespan(observation.datetime_begin, observation.datetime_end),
    }
    return record | {name: record[name][:width] for name, width in _TEXT_WIDTHS.items()}
