"""Where the telescope pointed, and the weather: cards that calibrations need least and that fail most."""

import math
from typing import Any, ClassVar

import astropy.units as u
from astro_metadata_translator import FitsTranslator, cache_translation
from astropy.coordinates import AltAz, EarthLocation, SkyCoord

from infra.instruments.translators import cards

__all__ = ["PointingTranslator"]


class PointingTranslator(FitsTranslator):
    """Pointing and environment of Rubin's telescopes."""

    site: ClassVar[EarthLocation]
    on_telescope_since: ClassVar[float]
    obstype_tells_sky: ClassVar[bool]

    def _controller(self) -> str | None:
        raise NotImplementedError

    def _begin_mjd(self) -> float:
        raise NotImplementedError

    def _is_on_telescope(self) -> bool:
        """Tell whether the camera was at the telescope (simulated sky frames, controller H, always are)."""
        return self._controller() == "H" or self._begin_mjd() > self.on_telescope_since

    @cache_translation
    def _is_on_sky(self) -> bool:
        is_local = (cards.text(self._header, "TRACKSYS") or "").lower() == "local"
        is_dome = self.to_observation_type() in self._non_sky_observation_types
        return not is_local and not is_dome and self._is_on_telescope()

    def _number(self, keyword: str) -> float | None:
        """Return a card as a number; None where it is none, for nothing here is worth losing a frame."""
        value = cards.value_of(self._header, keyword)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            return None
        return float(value)

    @cache_translation
    def to_location(self) -> EarthLocation | None:
        """Return where the telescope stands; None in the laboratory."""
        if not self._is_on_telescope():
            return None
        coordinates = [self._number(f"OBSGEO-{axis}") for axis in "XYZ"]
        if any(coordinate is None for coordinate in coordinates):
            return self.site
        return EarthLocation.from_geocentric(*coordinates, unit=u.m)

    @cache_translation
    def to_can_see_sky(self) -> bool | None:
        """Tell whether sky light could reach the detector; None if nobody knows."""
        if self._number("SHUTTIME") == 0.0:
            return False
        vignetting = cards.text(self._header, "VIGN_MIN")
        if vignetting is not None:
            return {"FULLY": False, "UNKNOWN": None}.get(vignetting, True)
        if not self.obstype_tells_sky and self._controller() != "H":
            return None
        kind = self.to_observation_type()
        if kind in ("science", "object"):
            return True
        return False if kind in self._non_sky_observation_types else None

    @cache_translation
    def to_tracking_radec(self) -> SkyCoord | None:
        """Return the tracked position; None where the telescope did not track one.

        Notes
        -----
        The observatory may report tracking during biases and flats, which means nothing; darks are at times
        taken while tracking, to test stability.
        """
        tracking = cards.text(self._header, "TRACKSYS")
        kind = self.to_observation_type()
        if (kind != "dark" and kind in self._non_sky_observation_types) or tracking not in (None, "RADEC"):
            return None
        if self._date_was_made_up():
            altaz = self.to_altaz_begin()
            return None if altaz is None else SkyCoord(altaz).icrs
        frame = (cards.text(self._header, "RADESYS") or "icrs").lower()
        for ra_card, dec_card in (("RASTART", "DECSTART"), ("RA", "DEC")):
            ra, dec = self._number(ra_card), self._number(dec_card)
            if ra is None or dec is None or not -90 <= dec <= 90:
                continue
            if frame not in ("icrs", "fk5", "fk4"):
                return None
            return SkyCoord(ra, dec, unit=u.deg, frame=frame)
        return None

    def _date_was_made_up(self) -> bool:
        """Tell whether the date of observation is that of the file: coordinates derived from it are wrong."""
        date = cards.text(self._header, "DATE-OBS")
        return date is not None and date == cards.text(self._header, "DATE")

    @cache_translation
    def to_altaz_begin(self) -> AltAz | None:
        """Return altitude and azimuth at the beginning."""
        return self._altaz("AZSTART", "ELSTART")

    @cache_translation
    def to_altaz_end(self) -> AltAz | None:
        """Return altitude and azimuth at the end."""
        return self._altaz("AZEND", "ELEND")

    def _altaz(self, azimuth_card: str, altitude_card: str) -> AltAz | None:
        azimuth, altitude = self._number(azimuth_card), self._number(altitude_card)
        if azimuth is None or altitude is None or not self._is_on_telescope():
            return None
        if azimuth < -360 or altitude < -90:
            return None
        altitude = min(max(altitude, -5.55), 90.0)  # the telescope can lean back a little over the zenith
        return AltAz(
            az=azimuth * u.deg,
            alt=altitude * u.deg,
            obstime=self.to_datetime_begin(),
            location=self.to_location(),
        )

    @cache_translation
    def to_boresight_airmass(self) -> float | None:
        """Return the airmass at the beginning; None off the sky."""
        if not self._is_on_sky():
            return None
        stated = self._number("AMSTART")
        if stated is not None:
            return stated
        altaz = self.to_altaz_begin()
        return 1.0 if altaz is None else float(altaz.secz.to_value())

    def to_boresight_rotation_angle(self) -> Any:
        """Return the angle of the camera on the sky."""
        from astropy.coordinates import Angle

        stated = self._number("ROTPA")
        stated = self._number("ROTANGLE") if stated is None else stated
        return Angle((self._missing_rotation() if stated is None else stated) * u.deg)

    def _missing_rotation(self) -> float:
        return 0.0

    def to_boresight_rotation_coord(self) -> str:
        """Return what the angle refers to; "unknown" off the sky."""
        return (cards.text(self._header, "ROTCOORD") if self._is_on_sky() else None) or "unknown"

    def to_focus_z(self) -> u.Quantity:
        """Return how far the camera is out of focus."""
        return (self._number("FOCUSZ") or 0.0) * u.mm

    def to_temperature(self) -> u.Quantity | None:
        """Return the air temperature."""
        stated = self._number("AIRTEMP")
        return None if stated is None else u.Quantity(stated, u.deg_C)

    def to_pressure(self) -> u.Quantity | None:
        """Return the air pressure, which some headers give in hPa and some in Pa."""
        stated = self._number("PRESSURE")
        return None if stated is None else stated * (u.Pa if stated > 10_000 else u.hPa)

    def to_relative_humidity(self) -> Any:
        """Return the relative humidity (%)."""
        return self._number("HUMIDITY")
