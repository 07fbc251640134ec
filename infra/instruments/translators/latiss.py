"""Header translation of LATISS."""

import math
from collections.abc import MutableMapping
from typing import Any

import astropy.units as u
from astro_metadata_translator import cache_translation
from astropy.coordinates import AltAz, EarthLocation

from infra.instruments.translators import cards
from infra.instruments.translators.corrections import correct_known_frames
from infra.instruments.translators.latiss_history import repair
from infra.instruments.translators.rubin import RubinTranslator, tai_mjd

__all__ = ["LatissTranslator"]


class LatissTranslator(RubinTranslator):
    """Header translation of LATISS, from its first laboratory frames of 2018 on."""

    name = "calprod LATISS"
    supported_instrument = "LATISS"
    camera = "LATISS"
    site = EarthLocation.from_geodetic(-70.747698, -30.244728, 2663.0)
    on_telescope_since = tai_mjd("2020-01-01T00:00:00")
    obstype_tells_sky = True

    @classmethod
    def fix_header(
        cls, header: MutableMapping[str, Any], instrument: str, obsid: str, filename: str | None = None
    ) -> bool:
        """Correct, in place, what is known to be wrong in LATISS headers."""
        before = dict(header)
        _fill_identity(header, obsid)
        identity = cls(header)
        correct_known_frames(
            header, cls.camera, identity.to_observing_day(), identity.to_observation_counter()
        )
        if str(header.get("DATE-OBS")).startswith("1970"):
            _replace_zero_dates(header)
        repair(header, float(cls(header).to_datetime_begin().mjd))
        return dict(header) != before

    def to_telescope(self) -> str:
        """Return the telescope's name."""
        return "Rubin Auxiliary Telescope"

    @cache_translation
    def to_exposure_time(self) -> u.Quantity:
        """Return the requested exposure time: the shutter's own report is not to be trusted."""
        return self.to_exposure_time_requested()

    @cache_translation
    def to_dark_time(self) -> u.Quantity:
        """Return the time in which dark current gathered: never less than the exposure time."""
        dark_time = cards.seconds(self._header, "DARKTIME")
        return max(dark_time or 0.0, self.to_exposure_time().value) * u.s

    def _observation_type_cards(self) -> tuple[str, ...]:
        return ("OBSTYPE", "IMGTYPE")

    @cache_translation
    def to_observation_type(self) -> str:
        """Return the type of observation; in the laboratory, an object is none on the sky."""
        kind = super().to_observation_type()
        stated = (cards.text(self._header, *self._observation_type_cards()) or "").lower()
        return "labobject" if stated == "object" and not self._is_on_telescope() else kind

    def to_science_program(self) -> str:
        """Return the observing program."""
        return cards.text(self._header, "PROGRAM") or "unknown"

    @cache_translation
    def to_physical_filter(self) -> str:
        """Return "filter~grating"; empty places of the wheels are numbered, and called "empty" here."""
        wheel_filter, grating = (cards.text(self._header, keyword) for keyword in ("FILTER", "GRATING"))
        if wheel_filter is not None and wheel_filter.lower().rstrip("0123456789") in ("empty", "empty_"):
            wheel_filter = "empty"
        if grating is not None and grating.lower().startswith("empty"):
            grating = "empty"
        return f"{wheel_filter or 'unknown'}~{grating or 'unknown'}"

    @cache_translation
    def to_altaz_end(self) -> AltAz | None:
        """Return altitude and azimuth at the end, which for more than a year had wrong names."""
        if "AELEND" in self._header and "ELEND" not in self._header:
            return None
        return super().to_altaz_end()

    def _missing_rotation(self) -> float:
        return math.nan


def _fill_identity(header: MutableMapping[str, Any], obsid: str) -> None:
    """Set what early headers leave out and the observation's name tells: AT_O_20190329_000022."""
    header.setdefault("OBSID", obsid)
    parts = obsid.split("_")
    day, seq_num = (parts[2], parts[3]) if len(parts) == 4 else ("", "")
    if cards.value_of(header, "DAYOBS") is None and (day or header.get("OBS-NITE")):
        header["DAYOBS"] = day or header["OBS-NITE"]
    if cards.value_of(header, "SEQNUM") is None and seq_num.isdigit():
        header["SEQNUM"] = int(seq_num)


def _replace_zero_dates(header: MutableMapping[str, Any]) -> None:
    """Take the file's date for that of the exposure, where a clock stood at 1970."""
    header["DATE-OBS"] = header["DATE-BEG"] = header.get("DATE")
    header["MJD-OBS"] = header["MJD-BEG"] = header.get("MJD")
    header["DATE-END"] = header["MJD-END"] = None
