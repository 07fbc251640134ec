"""The exposures of a night, one after another: what each header says and what was really done."""

import datetime
from dataclasses import dataclass, field

from infra.simulator.fault_models import ObservationType
from infra.simulator.faults import Conditions, plant
from infra.simulator.specification import CameraState, NightSpec, SetSpec

__all__ = ["ScheduledExposure", "schedule_night"]

_READOUT = 2.31
"""Time to read the detector (s)."""

_OVERHEAD = 0.35
"""Further time between two exposures of a set (s)."""

_DARK_TIME_LAG = 0.0096
"""By how much the charge is collected longer than the shutter is open (s)."""


@dataclass(frozen=True, slots=True)
class ScheduledExposure:
    """One exposure of the night.

    Parameters
    ----------
    day_obs, seq_num
        Observing day and sequence number.
    set_name, index, count
        Name of its set, its place in it from 0, and the size of the set.
    declared_type, declared_filter, declared_time, declared_dark_time
        What the header says: type, physical filter, exposure time (s), dark time (s).
    state
        State of the camera, as the header says.
    missing_key
        Card left out of the header.
    begin
        Begin (TAI).
    group
        GROUPID: begin of the set.
    reason, program
        REASON and PROGRAM.
    conditions
        What was really done, which the header need not tell.
    faults
        Names of the faults planted.
    """

    day_obs: int
    seq_num: int
    set_name: str
    index: int
    count: int
    declared_type: ObservationType
    declared_filter: str
    declared_time: float
    declared_dark_time: float
    state: CameraState
    missing_key: str | None
    begin: datetime.datetime
    group: str
    reason: str | None
    program: str | None
    conditions: Conditions
    faults: tuple[str, ...] = field(default=())

    @property
    def exposure_id(self) -> int:
        """Exposure number in the Butler."""
        return self.day_obs * 100000 + self.seq_num

    @property
    def end(self) -> datetime.datetime:
        """End (TAI) of the collection of charge."""
        return self.begin + datetime.timedelta(seconds=round(self.conditions.dark_time, 3))

    @property
    def observation_id(self) -> str:
        """OBSID, such as "AT_O_20240318_000001"."""
        return f"AT_O_{self.day_obs}_{self.seq_num:06d}"

    @property
    def file_name(self) -> str:
        """Name of the raw file."""
        return f"{self.observation_id}_R00_S00.fits"


def schedule_night(specification: NightSpec) -> tuple[ScheduledExposure, ...]:
    """Return all exposures in the order taken, with the faults planted."""
    clock = datetime.datetime.combine(specification.day, specification.start)
    if specification.start < datetime.time(12):
        clock += datetime.timedelta(days=1)
    seq_num = specification.first_seq_num
    exposures = []
    for a_set in specification.sets:
        clock += datetime.timedelta(seconds=a_set.gap)
        group = _iso(clock - datetime.timedelta(milliseconds=86))
        for index, time in enumerate(a_set.times):
            exposure = _clean_exposure(specification, a_set, index, time, seq_num, clock, group)
            for fault in specification.faults:
                if fault.set == a_set.name and index in fault.indices:
                    exposure = plant(exposure, fault)
            exposures.append(exposure)
            clock += datetime.timedelta(seconds=round(time + _READOUT + _OVERHEAD, 3))
            seq_num += 1
    return tuple(exposures)


def _clean_exposure(
    specification: NightSpec,
    a_set: SetSpec,
    index: int,
    time: float,
    seq_num: int,
    begin: datetime.datetime,
    group: str,
) -> ScheduledExposure:
    """Return the exposure as it is without faults."""
    dark_time = round(time + _DARK_TIME_LAG, 4)
    artefact = a_set.first_exposure if index == 0 else None
    return ScheduledExposure(
        day_obs=specification.day_obs,
        seq_num=seq_num,
        set_name=a_set.name,
        index=index,
        count=len(a_set.times),
        declared_type=a_set.type,
        declared_filter=a_set.filter,
        declared_time=time,
        declared_dark_time=dark_time,
        state=a_set.state or specification.state,
        missing_key=None,
        begin=begin,
        group=group,
        reason=a_set.reason,
        program=a_set.program or specification.program,
        conditions=Conditions(
            type=a_set.type,
            physical_filter=a_set.filter,
            exposure_time=time,
            dark_time=dark_time,
            stripes=artefact.stripes if artefact else 0.0,
            corner_glow=artefact.corner_glow if artefact else 0.0,
        ),
    )


def _iso(moment: datetime.datetime) -> str:
    """Write a time as headers do, to the millisecond."""
    return moment.isoformat(timespec="milliseconds")
