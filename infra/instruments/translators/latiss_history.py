"""What was wrong in LATISS headers, and until when."""

import math
from collections.abc import MutableMapping
from typing import Any

from infra.instruments.translators import cards
from infra.instruments.translators.rubin import tai_mjd

__all__ = ["repair"]

type _Header = MutableMapping[str, Any]

_SENSOR_068_SINCE = tai_mjd("2019-06-24T00:00:00")
_IMGTYPE_FILLED_SINCE = tai_mjd("2019-11-07T00:00:00")
_OBJECT_MEANS_OBJECT_SINCE = tai_mjd("2020-01-27T20:00:00")
_RADEC_IN_DEGREES_SINCE = tai_mjd("2020-01-28T22:00:00")
_DATE_END_GOOD_SINCE = tai_mjd("2020-02-01T00:00:00")
_RASTART_USABLE_SINCE = tai_mjd("2020-05-01T00:00:00")
_ROTPA_TURNED = (tai_mjd("2020-11-19T00:00:00"), tai_mjd("2021-10-29T00:00:00"))
_RASTART_IN_DEGREES_SINCE = tai_mjd("2021-02-11T18:45:00")
_RASTART_IN_TAI_SINCE = tai_mjd("2021-02-12T00:00:00")
_PLAIN_TARGETS_SINCE = tai_mjd("2022-07-10T00:00:00")

_TAI_MINUS_UTC_DEGREES = 37.0 / 3600.0 * 15.0


def repair(header: _Header, begin: float) -> None:
    """Correct a LATISS header in place for everything that was wrong at its time.

    Parameters
    ----------
    header
        Primary header.
    begin
        Beginning of the exposure (TAI, MJD).
    """
    if begin > _SENSOR_068_SINCE:
        header["LSST_NUM"] = "ITL-3800C-068"
    if begin < _DATE_END_GOOD_SINCE:  # in UTC or TAI, before or after the beginning: nobody can tell
        header["DATE-END"] = header["MJD-END"] = None
    if begin < _IMGTYPE_FILLED_SINCE:
        _take_type_from_group(header)
    if begin < _OBJECT_MEANS_OBJECT_SINCE and header.get("IMGTYPE") == "OBJECT":
        header["IMGTYPE"] = "ENGTEST"
    if cards.value_of(header, "SHUTTIME"):  # the shutter's report, if it is not a plain 0
        header["SHUTTIME"] = None
    _repair_target(header, begin)
    _repair_pointing(header, begin)


def _take_type_from_group(header: _Header) -> None:
    """Move the type of observation to its place from GROUPID: "bias_0027_0100", "focus3", "dark"."""
    group = header.get("GROUPID")
    if not isinstance(group, str) or not group or group.startswith("test"):
        return
    if cards.text(header, "IMGTYPE") is not None:
        if header["IMGTYPE"] == group:
            header["GROUPID"] = None
    elif "_" in group:
        header["IMGTYPE"] = group.partition("_")[0]
    elif group.upper().startswith("FOCUS") and group.upper() != "FOCUS":
        header["IMGTYPE"] = "FOCUS"
    else:
        header["IMGTYPE"], header["GROUPID"] = group, None


def _repair_target(header: _Header, begin: float) -> None:
    if header.get("IMGTYPE") == "OBJECT":
        header.setdefault("OBJECT", "NOTSET")
    target = header.get("OBJECT")
    if begin < _PLAIN_TARGETS_SINCE and isinstance(target, str):
        header["OBJECT"] = target.replace("spec:", "")


def _repair_pointing(header: _Header, begin: float) -> None:
    if header.get("RADESYS") == "":
        header["RADESYS"] = "ICRS"
    if header.get("TRACKSYS") in ("", "SIDEREAL"):
        header["TRACKSYS"] = "RADEC" if header["TRACKSYS"] else None
    if begin < _RADEC_IN_DEGREES_SINCE:
        _change(header, ("RA", "DEC"), 180.0 / math.pi)
    if begin < _RASTART_USABLE_SINCE:  # reckoned for the wrong place
        header.update(dict.fromkeys(("RASTART", "DECSTART", "RAEND", "DECEND")))
    elif begin < _RASTART_IN_DEGREES_SINCE:
        _change(header, ("RASTART", "RAEND"), 15.0)
    if _RASTART_USABLE_SINCE < begin < _RASTART_IN_TAI_SINCE:
        _change(header, ("RASTART", "RAEND"), 1.0, _TAI_MINUS_UTC_DEGREES)
    if _ROTPA_TURNED[0] < begin < _ROTPA_TURNED[1]:
        _change(header, ("ROTPA",), 1.0, -180.0)
    height = header.get("OBSGEO-Z")
    if isinstance(height, int | float) and height > 0:
        header["OBSGEO-Z"] = -height


def _change(header: _Header, keywords: tuple[str, ...], factor: float, summand: float = 0.0) -> None:
    for keyword in keywords:
        value = header.get(keyword)
        if isinstance(value, int | float) and not isinstance(value, bool):
            header[keyword] = value * factor + summand
