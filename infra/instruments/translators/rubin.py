"""Header translation that Rubin's cameras share."""

import math
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import astropy.units as u
from astro_metadata_translator import MetadataTranslator, cache_translation
from astropy.coordinates import EarthLocation
from astropy.time import Time, TimeDelta

from infra.errors import RawRejected
from infra.instruments.identify import detector_of, instrument_of
from infra.instruments.translators import cards
from infra.instruments.translators.identity import (
    SIMULATED_CONTROLLERS,
    detector_exposure_id,
    exposure_id,
    observing_day,
    visit_id,
)
from infra.instruments.translators.pointing import PointingTranslator

__all__ = ["RubinTranslator", "tai_mjd"]

# A clock that was never set says 1970; a date that far off would make a nonsensical timespan.
_FIRST_MJD, _LAST_MJD = 47892.0, 88069.0  # 1990 and 2100


def tai_mjd(utc: str) -> float:
    """Return a date and time (UTC, ISO 8601) as TAI modified Julian date."""
    return float(Time(utc, scale="utc").tai.mjd)


class RubinTranslator(PointingTranslator):
    """Header translation that LATISS, LSSTComCam and LSSTCam share.

    Notes
    -----
    The class of a header is chosen by `infra.instruments.translators.observation_info` and passed on by name:
    where Rubin's own translators are installed as well, two classes claim the same header, and
    `can_translate` leaves it to theirs.
    """

    camera: ClassVar[str]
    """Instrument's name in the Butler."""
    site: ClassVar[EarthLocation] = EarthLocation.from_geodetic(-70.749417, -30.244639, 2663.0)
    """Where the telescope stands, for headers that do not say it."""
    on_telescope_since: ClassVar[float]
    """When the camera came to the telescope (TAI, MJD); before, it was in a laboratory."""
    obstype_tells_sky: ClassVar[bool] = False
    """Whether the type of an observation says if it could see the sky, where the header does not."""

    _non_sky_observation_types: tuple[str, ...] = ("bias", "dark", "flat")

    @classmethod
    def can_translate(cls, header: Mapping[str, Any], filename: str | None = None) -> bool:
        """Tell whether the header is this camera's, and no translator of Rubin's own takes it."""
        try:
            is_ours = instrument_of(header) == cls.camera
        except RawRejected:
            return False
        return is_ours and not any(
            other.__module__.startswith("lsst.") and other.can_translate(header, filename)
            for other in MetadataTranslator.translators.values()
        )

    @classmethod
    def observing_date_to_offset(cls, observing_date: Time) -> TimeDelta | None:
        """Return how long after midnight TAI the observing day begins: 12 hours."""
        return TimeDelta(12 * 3600, format="sec", scale="tai")

    def to_instrument(self) -> str:
        """Return the instrument's name in the Butler."""
        return self.camera

    def to_telescope(self) -> str:
        """Return the telescope's name."""
        return "Simonyi Survey Telescope"

    @cache_translation
    def to_datetime_begin(self) -> Time:
        """Return the beginning of the exposure (TAI)."""
        for keyword in ("MJD-BEG", "DATE-BEG", "MJD-OBS", "DATE-OBS"):
            value = cards.value_of(self._header, keyword)
            if value is None:
                continue
            try:
                begin = _mjd(value) if keyword.startswith("MJD") else _fits_date(value, "tai")
                if not _FIRST_MJD < begin.mjd < _LAST_MJD:
                    raise ValueError
            except (ValueError, TypeError):
                raise RawRejected(f"header card {keyword} is {value!r}, no date of our time") from None
            return begin
        raise RawRejected("none of the header cards MJD-BEG, DATE-BEG, MJD-OBS and DATE-OBS holds a date")

    def _begin_mjd(self) -> float:
        return float(self.to_datetime_begin().mjd)

    @cache_translation
    def to_datetime_end(self) -> Time:
        """Return the end of the exposure (TAI); never before its beginning."""
        begin = self.to_datetime_begin()
        end = begin + self.to_exposure_time()
        value = cards.value_of(self._header, "DATE-END")
        if value is not None:
            scale = (cards.text(self._header, "TIMESYS") or "utc").lower()
            try:
                stated = _fits_date(value, scale)
                # A clock that ran backwards would make a timespan without bounds, valid for ever.
                return stated if stated >= begin else end
            except (ValueError, TypeError):
                raise RawRejected(f"header card DATE-END is {value!r}, not a date") from None
        return end

    @cache_translation
    def to_exposure_time_requested(self) -> u.Quantity:
        """Return the requested exposure time."""
        requested = cards.seconds(self._header, "EXPTIME")
        if requested is None:
            raise RawRejected("header card EXPTIME is missing or empty")
        return requested * u.s

    @cache_translation
    def to_exposure_time(self) -> u.Quantity:
        """Return the exposure time: how long the shutter was open, if it says so."""
        open_time = cards.value_of(self._header, "SHUTTIME")
        if isinstance(open_time, int | float) and open_time > 0 and math.isfinite(open_time):
            return float(open_time) * u.s
        return self.to_exposure_time_requested()

    @cache_translation
    def to_dark_time(self) -> u.Quantity:
        """Return the time in which dark current gathered."""
        dark_time = cards.seconds(self._header, "DARKTIME")
        return self.to_exposure_time() if dark_time is None else dark_time * u.s

    @cache_translation
    def to_observation_type(self) -> str:
        """Return the type of observation, such as "bias"; it stays "unknown" where the header is silent."""
        stated = cards.text(self._header, *self._observation_type_cards())
        if stated is None:
            return "bias" if self.to_exposure_time().value == 0 else "unknown"
        kind = stated.lower()
        return "science" if kind in ("skyexp", "object") else kind

    def _observation_type_cards(self) -> tuple[str, ...]:
        return ("IMGTYPE",)

    @cache_translation
    def to_observation_reason(self) -> str:
        """Return the reason of the observation."""
        reason = cards.text(self._header, "REASON", "TESTTYPE")
        if reason is not None:
            return reason.lower()
        return "science" if self.to_observation_type() == "science" else "unknown"

    def to_science_program(self) -> str:
        """Return the observing program, or in the laboratory the run number."""
        return cards.text(self._header, "PROGRAM", "RUNNUM") or "unknown"

    def to_object(self) -> str:
        """Return the target's name."""
        return cards.text(self._header, "OBJECT") or "UNKNOWN"

    @cache_translation
    def to_observation_id(self) -> str:
        """Return the observation's name, such as AT_O_20240624_000106."""
        stated = cards.text(self._header, "OBSID", "IMGNAME")
        if stated is None:
            raise RawRejected("header card OBSID is missing or empty")
        return stated

    @cache_translation
    def to_observing_day(self) -> int:
        """Return the observing day, YYYYMMDD."""
        stated = cards.text(self._header, "DAYOBS")
        if stated is not None:
            return observing_day(stated)
        begin = self.to_datetime_begin()
        return self.observing_date_to_observing_day(begin, self.observing_date_to_offset(begin))

    @cache_translation
    def to_observation_counter(self) -> int:
        """Return the number of the exposure in its day."""
        seq_num = cards.whole(self._header, "SEQNUM")
        if seq_num is None:
            raise RawRejected("header card SEQNUM is missing or empty")
        return seq_num

    @cache_translation
    def to_exposure_id(self) -> int:
        """Return the Butler's number of the exposure."""
        if "CALIB_ID" in self._header:
            raise RawRejected("header card CALIB_ID: this is a combined calibration, not an exposure")
        return exposure_id(self.to_observing_day(), self.to_observation_counter(), self._controller())

    def _controller(self) -> str | None:
        return cards.text(self._header, "CONTRLLR")

    @cache_translation
    def to_exposure_group(self) -> str:
        """Return the group: what the observatory calls one request for exposures."""
        return cards.text(self._header, "GROUPID") or str(self.to_exposure_id())

    def to_visit_id(self) -> int:
        """Return the number of the visit that the group makes."""
        return visit_id(self.to_exposure_group())

    def to_group_counter_start(self) -> int:
        """Return the number in the day of the first exposure of the group."""
        index = cards.whole(self._header, "CURINDEX")
        return self.to_observation_counter() - (0 if index is None else index - 1)

    def to_group_counter_end(self) -> int:
        """Return the number in the day of the last exposure of the group."""
        index, last = cards.whole(self._header, "CURINDEX"), cards.whole(self._header, "MAXINDEX")
        return self.to_observation_counter() + (0 if index is None or last is None else last - index)

    @cache_translation
    def to_physical_filter(self) -> str:
        """Return all filters in the beam, joined by "~"; "unknown" if the header is silent."""
        wheels = (cards.text(self._header, keyword) for keyword in ("FILTER", "FILTER1", "FILTER2"))
        joined = "~".join(name for name in wheels if name is not None) or "unknown"
        joined = joined.replace("NONE", "none")
        while joined.endswith("~empty"):
            joined = joined.removesuffix("~empty")
        return joined

    @cache_translation
    def to_has_simulated_content(self) -> bool:
        """Tell whether a simulator took part: some card "SIMULATE …" is set, or the controller is one."""
        flags = (keyword for keyword in self._header if "SIMULATE" in keyword)
        if any(cards.value_of(self._header, keyword) for keyword in flags):
            return True
        return self._controller() in SIMULATED_CONTROLLERS

    @cache_translation
    def to_detector_unique_name(self) -> str:
        """Return raft and slot, such as R22_S11."""
        return detector_of(self._header, self.camera)

    def to_detector_group(self) -> str:
        """Return the raft."""
        return self.to_detector_unique_name().partition("_")[0]

    def to_detector_name(self) -> str:
        """Return the slot in the raft."""
        return self.to_detector_unique_name().partition("_")[2]

    @cache_translation
    def to_detector_num(self) -> int:
        """Return the detector's number in the camera."""
        from infra.instruments import CAMERAS
        from infra.instruments.lsstcam import CORNER_DETECTORS

        full_name = self.to_detector_unique_name()
        numbers = {detector.full_name: detector.id for detector in CAMERAS[self.camera].detectors}
        if self.camera == "LSSTCam":
            numbers |= CORNER_DETECTORS
        if full_name not in numbers:
            raise RawRejected(f"{self.camera} has no detector {full_name} (header cards RAFTBAY and CCDSLOT)")
        return numbers[full_name]

    def to_detector_serial(self) -> str:
        """Return the sensor's serial number."""
        return cards.text(self._header, "LSST_NUM", "DETSER") or "unknown"

    def to_detector_exposure_id(self) -> int:
        """Return one number for this detector's part of the exposure."""
        return detector_exposure_id(self.to_exposure_id(), self.to_detector_num())


_DATE: Callable[..., Time] = Time


def _mjd(value: Any) -> Time:
    return _DATE(float(value), format="mjd", scale="tai")


def _fits_date(value: Any, scale: str) -> Time:
    return _DATE(str(value).strip(), format="fits", scale=scale)
