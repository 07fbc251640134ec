"""The exposures of a night, one after another: what each header says and what was really done."""

import datetime

from infra.instruments.geometry import DetectorModel
from infra.simulator.faults import plant
from infra.simulator.scheduled import Conditions, ScheduledExposure
from infra.simulator.sets import SetSpec
from infra.simulator.specification import NightSpec

__all__ = ["schedule_night"]

_READOUT = 2.31
"""Time to read the detector (s)."""

_OVERHEAD = 0.35
"""Further time between two exposures of a set (s)."""

_DARK_TIME_LAG = 0.0096
"""By how much the charge is collected longer than the shutter is open (s)."""


def schedule_night(specification: NightSpec, detector: int | None = None) -> tuple[ScheduledExposure, ...]:
    """Return all exposures in the order taken, with the faults planted.

    Parameters
    ----------
    specification
        The night.
    detector
        Detector whose part of the exposures is meant; the night's first when None.
    """
    model = specification.detector_models[0]
    if detector is not None:
        model = next(one for one in specification.detector_models if one.id == detector)
    clock = datetime.datetime.combine(specification.day, specification.start)
    if specification.start < datetime.time(12):
        clock += datetime.timedelta(days=1)
    seq_num = specification.first_seq_num
    exposures = []
    for a_set in specification.sets:
        clock += datetime.timedelta(seconds=a_set.gap)
        group = _iso(clock - datetime.timedelta(milliseconds=86))
        for index, time in enumerate(a_set.times):
            exposure = _clean_exposure(specification, model, a_set, index, time, seq_num, clock, group)
            for fault in specification.faults:
                if fault.is_in(a_set.name, index, model.id):
                    exposure = plant(exposure, fault)
            exposures.append(exposure)
            clock += datetime.timedelta(seconds=round(time + _READOUT + _OVERHEAD, 3))
            seq_num += 1
    return tuple(exposures)


def _clean_exposure(
    specification: NightSpec,
    detector: DetectorModel,
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
    physical_filter = specification.filter_of(a_set)
    return ScheduledExposure(
        instrument=specification.instrument,
        detector=detector,
        day_obs=specification.day_obs,
        seq_num=seq_num,
        set_name=a_set.name,
        index=index,
        count=len(a_set.times),
        declared_type=a_set.type,
        declared_filter=physical_filter,
        declared_time=time,
        declared_dark_time=dark_time,
        state=a_set.state or specification.state,
        missing_key=None,
        begin=begin,
        group=group,
        reason=a_set.reason,
        program=a_set.program or specification.program,
        target=a_set.target,
        conditions=Conditions(
            type=a_set.type,
            physical_filter=physical_filter,
            exposure_time=time,
            dark_time=dark_time,
            stripes=artefact.stripes if artefact else 0.0,
            corner_glow=artefact.corner_glow if artefact else 0.0,
            spots=a_set.spots_seen,
            sky=a_set.sky,
            stars=a_set.stars,
        ),
    )


def _iso(moment: datetime.datetime) -> str:
    """Write a time as headers do, to the millisecond."""
    return moment.isoformat(timespec="milliseconds")
