"""Header translation of the cameras of the Simonyi Survey Telescope: LSSTComCam and LSSTCam."""

from collections.abc import MutableMapping
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from astro_metadata_translator import cache_translation
from astropy.time import Time, TimeDelta

from infra.instruments import CAMERAS
from infra.instruments.translators import cards
from infra.instruments.translators.corrections import correct_known_frames
from infra.instruments.translators.rubin import RubinTranslator, tai_mjd

__all__ = ["LsstCamTranslator", "LsstComCamTranslator"]

_COMCAM_TO_CHILE = tai_mjd("2020-03-13T00:00:00")
_ROTPA_OFF_BY_90 = (20250302, 20250421)
_ROTPA_OFF_BY_180 = (20250422, 250)
# Days on which the program T417 was written without its letter.
_T417_DAYS = frozenset(
    {20250415, 20250416, 20250417, 20250418, 20250421, 20250423, 20250424, 20250425, 20250503, 20250504}
    | {20250512, 20250522, 20250524, 20250826, 20250827, 20250828}
)


class LsstCamTranslator(RubinTranslator):
    """Header translation of LSSTCam, from its integration in 2019 on."""

    name = "calprod LSSTCam"
    supported_instrument = "LSSTCam"
    camera = "LSSTCam"
    on_telescope_since = tai_mjd("2025-03-01T00:00:00")
    shipped_in: ClassVar[int] = 202405
    """Year and month in which the camera left its laboratory, which counted days by Pacific time."""

    @classmethod
    def fix_header(
        cls, header: MutableMapping[str, Any], instrument: str, obsid: str, filename: str | None = None
    ) -> bool:
        """Correct, in place, what is known to be wrong in the headers."""
        before = dict(header)
        identity = cls(header)
        day_obs, seq_num = identity.to_observing_day(), identity.to_observation_counter()
        cls._repair(header, day_obs, seq_num)
        correct_known_frames(header, cls.camera, day_obs, seq_num)
        return dict(header) != before

    @classmethod
    def _repair(cls, header: MutableMapping[str, Any], day_obs: int, seq_num: int) -> None:
        if "FILTER" not in header and cards.value_of(header, "FILTER2") is not None:
            header["FILTER2"] = None
        if day_obs in _T417_DAYS and header.get("PROGRAM") == "BLOCK-417":
            header["PROGRAM"] = "BLOCK-T417"
        rotation = header.get("ROTPA")
        if isinstance(rotation, int | float):
            if _ROTPA_OFF_BY_90[0] <= day_obs <= _ROTPA_OFF_BY_90[1]:  # the commissioning camera's zero point
                header["ROTPA"] = rotation - 90.0
            if day_obs == _ROTPA_OFF_BY_180[0] and seq_num <= _ROTPA_OFF_BY_180[1]:
                header["ROTPA"] = rotation % 360.0 - 180.0

    @classmethod
    def observing_date_to_offset(cls, observing_date: Time) -> TimeDelta | None:
        """Return how long after midnight TAI the observing day begins: Pacific midnight in the laboratory."""
        if int(observing_date.strftime("%Y%m")) >= cls.shipped_in:
            return super().observing_date_to_offset(observing_date)
        local = observing_date.utc.to_datetime(timezone=ZoneInfo("America/Los_Angeles"))
        return TimeDelta(-local.utcoffset().total_seconds(), format="sec", scale="tai")

    @cache_translation
    def to_can_see_sky(self) -> bool | None:
        """Tell whether sky light could reach the detector; never in the laboratory."""
        return super().to_can_see_sky() if self._is_on_telescope() else False


class LsstComCamTranslator(LsstCamTranslator):
    """Header translation of LSSTComCam, from its first frames of 2019 on."""

    name = "calprod LSSTComCam"
    supported_instrument = "LSSTComCam"
    camera = "LSSTComCam"
    on_telescope_since = tai_mjd("2024-08-24T00:00:00")
    shipped_in = 202003

    @classmethod
    def _repair(cls, header: MutableMapping[str, Any], day_obs: int, seq_num: int) -> None:
        stated = header.get("FILTER")
        if stated != "" and cards.value_of(header, "FILTER") is None:
            header["FILTER"] = "unknown"
        elif stated in ("r", ""):  # the band for the filter in the laboratory, nothing at all in Chile
            is_in_chile = cls(header).to_datetime_begin().mjd > _COMCAM_TO_CHILE
            header["FILTER"] = "empty" if is_in_chile else "r_03"

    def to_detector_serial(self) -> str:
        """Return the sensor's serial number, which follows from the slot where the header is silent."""
        stated = cards.text(self._header, "LSST_NUM", "DETSER")
        return stated or CAMERAS[self.camera].detector_named(self.to_detector_unique_name()).serial
