"""What an observation is, told by the header of a described camera."""

import functools
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import astropy.units as u
from astro_metadata_translator import ObservationInfo
from astropy.time import Time, TimeDelta

from infra.errors import RawRejected
from infra.instruments.described.description import BeginTime, CameraDescription, ObservationDescription
from infra.instruments.described.detectors import told_by
from infra.instruments.described.sources import failed_condition, stated
from infra.instruments.translators.identity import exposure_id, visit_id
from infra.instruments.translators.observation import check_widths

__all__ = ["described_observation"]

_FIRST_MJD, _LAST_MJD = 47892.0, 88069.0  # 1990 and 2100
_MOST_NUMBER = 99_999
_ASTROPY_FORMATS = {"mjd": "mjd", "jd": "jd"}
_TIME: Callable[..., Time] = Time


def described_observation(
    description: CameraDescription, header: Mapping[str, Any], path: Path
) -> ObservationInfo:
    """Return what the header of a described camera's frame says of its observation.

    Parameters
    ----------
    description
        The camera.
    header
        Cards of the frame.
    path
        The file; its name may tell type and number.

    Raises
    ------
    infra.errors.RawRejected
        If a card that is needed is missing or holds nonsense; the message names the card, and the key of the
        description that asks for it.
    """
    rules, name = description.observation, path.name
    exposure_time = _exposure_time(rules, header, name)
    begin = _begin(rules.begin, header, exposure_time)
    day, seconds = _observing_day(begin, rules.day_begins)
    number = _number(rules, header, name, seconds)
    kind = _observation_type(rules, header, name)
    exposure = exposure_id(day, number)
    detector = told_by(description, header)
    info = ObservationInfo.makeObservationInfo(
        instrument=description.instrument,
        telescope=description.title or description.instrument,
        exposure_id=exposure,
        observation_id=f"{description.instrument}_{day}_{number:05d}",
        observing_day=day,
        observing_day_offset=TimeDelta(rules.day_begins * 3600.0, format="sec", scale="tai"),
        observation_counter=number,
        observation_type=kind,
        observation_reason=rules.reason.text(header, name, kind),
        science_program=rules.program.text(header, name, "unknown"),
        object=rules.target.text(header, name, "unknown"),
        physical_filter=rules.filter.text(header, name, "unknown"),
        datetime_begin=begin,
        datetime_end=begin + TimeDelta(exposure_time, format="sec", scale="tai"),
        exposure_time=exposure_time * u.s,
        exposure_time_requested=exposure_time * u.s,
        dark_time=_dark_time(rules, header, name, exposure_time) * u.s,
        exposure_group=str(exposure),
        group_counter_start=number,
        group_counter_end=number,
        visit_id=visit_id(str(exposure)),
        has_simulated_content=False,
        detector_num=detector.id,
        detector_name=detector.name,
        detector_group="",
        detector_unique_name=detector.name,
        detector_serial=detector.serial,
    )
    check_widths(info)
    return info


def _exposure_time(rules: ObservationDescription, header: Mapping[str, Any], name: str) -> float:
    found = rules.exposure_time.seconds(header, name)
    if found is None:
        raise RawRejected(
            f"the exposure time is missing: {rules.exposure_time.places} holds nothing",
            "name its card in observation.exposure_time of the camera's description",
        )
    return found


def _dark_time(
    rules: ObservationDescription, header: Mapping[str, Any], name: str, exposure_time: float
) -> float:
    found = rules.dark_time.seconds(header, name)
    return exposure_time if found is None else found


def _observation_type(rules: ObservationDescription, header: Mapping[str, Any], name: str) -> str:
    for rule in rules.type:
        if failed_condition(rule.when, header, name) is None:
            return rule.then
    cards = dict.fromkeys(keyword for rule in rules.type for keyword in rule.when if keyword != "filename")
    said = ", ".join(f"{keyword} is {stated(header, keyword)!r}" for keyword in cards)
    raise RawRejected(
        f"no rule tells the observation type: {said or 'no card is asked'}, the file name is {name!r}",
        "add a rule to observation.type of the camera's description",
    )


def _begin(begin: BeginTime, header: Mapping[str, Any], exposure_time: float) -> Time:
    """Return the begin of the exposure (TAI)."""
    keyword, value = _first(begin.cards, header)
    if begin.time:
        time_keyword, time = _first(begin.time, header)
        keyword, value = f"{keyword} with {time_keyword}", f"{str(value).strip()[:10]}T{str(time).strip()}"
    try:
        moment = _moment(value, begin.format, begin.scale)
        if not _FIRST_MJD < float(moment.mjd) < _LAST_MJD:
            raise ValueError
    except (ValueError, TypeError):
        raise RawRejected(
            f"header card {keyword} is {value!r}, no date of our time in the format {begin.format}",
            "see observation.begin of the camera's description",
        ) from None
    before = {"begin": 0.0, "middle": 0.5, "end": 1.0}[begin.marks] * exposure_time
    return moment - TimeDelta(before, format="sec", scale="tai")


def _first(keywords: tuple[str, ...], header: Mapping[str, Any]) -> tuple[str, Any]:
    for keyword in keywords:
        value = stated(header, keyword)
        if value is not None:
            return keyword, value
    raise RawRejected(
        f"header card {' or '.join(keywords)} is missing: the time of the exposure",
        "name its card in observation.begin of the camera's description",
    )


def _moment(value: Any, form: str, scale: str) -> Time:
    if form == "iso":
        text = str(value).strip().replace(" ", "T", 1).removesuffix("Z")
        if "T" not in text:
            raise ValueError("a date without a time")
        return _TIME(text, format="isot", scale=scale).tai
    return _TIME(float(value), format=_ASTROPY_FORMATS[form], scale=scale).tai


def _observing_day(begin: Time, day_begins: float) -> tuple[int, float]:
    """Return the observing day YYYYMMDD and the time since it began (s)."""
    shifted = begin - TimeDelta(day_begins * 3600.0, format="sec", scale="tai")
    midnight = math.floor(float(shifted.mjd))
    # The two-part time keeps the millisecond, one MJD in double precision does so barely.
    seconds = (shifted - _day(midnight)).to_value(u.s)
    return int(shifted.strftime("%Y%m%d")), float(seconds)


@functools.cache
def _day(mjd: int) -> Time:
    return _TIME(float(mjd), format="mjd", scale="tai")


def _number(
    rules: ObservationDescription, header: Mapping[str, Any], name: str, seconds_of_day: float
) -> int:
    """Return the number of the exposure in its day."""
    if not rules.number.is_given:
        return min(int(seconds_of_day + 5e-4), _MOST_NUMBER)
    value, place = rules.number.find(header, name)
    try:
        if value is None or isinstance(value, bool) or int(float(value)) != float(value):
            raise ValueError
        number = int(float(value))
    except (ValueError, OverflowError):
        number = -1
    if not 0 <= number <= _MOST_NUMBER:
        what = f"{place} is {value!r}" if value is not None else f"{rules.number.places} holds nothing"
        raise RawRejected(
            f"the exposure has no number: {what}; expected a whole number from 0 to {_MOST_NUMBER}",
            "see observation.number of the camera's description",
        )
    return number
