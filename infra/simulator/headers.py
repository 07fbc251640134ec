"""The exposure-level header of a raw: primary HDU and REB_COND."""

import datetime
import hashlib

from infra.simulator import latiss_header, simonyi_header
from infra.simulator.fits_writing import Card
from infra.simulator.random_streams import detector_seed, random_stream
from infra.simulator.scheduled import ScheduledExposure
from infra.simulator.star_field import pointing_offset

__all__ = ["primary_cards", "telemetry_cards"]

_MJD_ZERO = datetime.datetime(1858, 11, 17)
_SETTLED = 3.13
"""How much warmer the sensor is than its set point (K)."""
_SIMULATED_PARTS = {
    **{"SIMULATE ATMCS": None, "SIMULATE ATHEXAPOD": 0, "SIMULATE ATPNEUMATICS": None},
    **{"SIMULATE ATDOME": 0, "SIMULATE ATSPECTROGRAPH": 0},
}
"""The flags by which LATISS tells which parts of its telescope were simulated."""


def primary_cards(exposure: ScheduledExposure, band: str, seed: int) -> list[Card]:
    """Return the cards of the primary header after EXTEND, in the order the camera writes them.

    Parameters
    ----------
    exposure
        What the header says.
    band
        Band of its filter.
    seed
        Seed of the small scatter of temperatures and weather.
    """
    own = latiss_header if exposure.instrument == "LATISS" else simonyi_header
    stars = exposure.conditions.stars
    offset = (0.0, 0.0) if stars is None else pointing_offset(seed, exposure.exposure_id, stars)
    values = {
        **own.electronics(exposure),
        **_times(exposure),
        **own.site_and_pointing(exposure, offset),
        **_observation(exposure),
        **own.wheels(exposure, band, seed),
        **_weather(exposure, seed),
    }
    if exposure.instrument == "LATISS":
        values |= _SIMULATED_PARTS
    own_seed = detector_seed(seed, exposure.detector.id)
    scatter = random_stream(own_seed, "temperature", exposure.exposure_id).normal(0.0, 0.004)
    values["CCDTEMP"] = round(exposure.state.temperature + _SETTLED + scatter, 3)
    values.pop(exposure.missing_key or "", None)
    return [Card(key, value) for key, value in values.items()]


type _Values = dict[str, str | int | float | bool | None]


def _times(exposure: ScheduledExposure) -> _Values:
    """Begin and end; the file is written, and the readout triggered, at the end."""
    begin, end = exposure.begin, exposure.end
    trigger = end - datetime.timedelta(milliseconds=3)
    return {
        **{"DATE": _iso(end), "MJD": _mjd(end), "IMGTYPE": exposure.declared_type.upper()},
        **{
            "DATE-OBS": _iso(begin),
            "MJD-OBS": _mjd(begin),
            "DATE-TRG": _iso(trigger),
            "MJD-TRG": _mjd(trigger),
        },
        **{"OBSID": exposure.observation_id, "DATE-BEG": _iso(begin), "MJD-BEG": _mjd(begin)},
        **{"DATE-END": _iso(end), "MJD-END": _mjd(end), "GROUPID": exposure.group, "BUNIT": "adu"},
        "TIMESYS": "TAI",
    }


def _observation(exposure: ScheduledExposure) -> _Values:
    """Say what was taken, and as part of what."""
    tag = hashlib.sha256(exposure.observation_id.encode()).hexdigest()[:16]
    return {
        **{"TESTTYPE": exposure.declared_type.upper(), "CAMCODE": exposure.camera_code, "CONTRLLR": "O"},
        **{"DAYOBS": str(exposure.day_obs), "SEQNUM": exposure.seq_num, "PROGRAM": exposure.program},
        **{"REASON": exposure.reason, "CURINDEX": exposure.index + 1, "MAXINDEX": exposure.count},
        **{
            "TSTAND": None,
            "IMAGETAG": tag,
            "OBSANNOT": "simulated by calprod",
            "TEMP_SET": exposure.state.temperature,
        },
    }


def _weather(exposure: ScheduledExposure, seed: int) -> _Values:
    """Weather and file name."""
    drawn = random_stream(seed, "weather", exposure.exposure_id).standard_normal(5)
    return {
        "AIRTEMP": round(8.0 + 0.2 * float(drawn[0]), 3),
        "PRESSURE": round(74200.0 + 10.0 * float(drawn[1]), 1),
        "HUMIDITY": round(25.0 + 0.5 * float(drawn[2]), 3),
        "WINDSPD": round(abs(6.0 + float(drawn[3])), 3),
        "WINDDIR": round(10.0 * float(drawn[4]) % 360.0, 3),
        **{"SEEING": None, "FILENAME": exposure.file_name, "HEADVER": 2},
    }


def telemetry_cards(exposure: ScheduledExposure, seed: int) -> list[Card]:
    """Return the cards of REB_COND: voltages, temperatures and settings of the readout board.

    Parameters
    ----------
    exposure
        Gives the state of the camera.
    seed
        Seed of the small scatter of what is measured.
    """
    own_seed = detector_seed(seed, exposure.detector.id)
    drawn = random_stream(own_seed, "telemetry", exposure.exposure_id).standard_normal(14)
    boards = [(f"TEMP{i}", round(float(30.0 + 0.5 * i + 0.05 * drawn[i]), 3)) for i in range(1, 11)]
    values: _Values = {
        "EXTNAME": "REB_COND",
        **dict(boards),
        "BSSVBS": round(float(-35.0 + 0.01 * drawn[11]), 3),
        "BSSIBS": round(float(0.4 + 0.01 * drawn[12]), 3),
        **{"ODP": exposure.state.output_drain, "OGP": -2.0, "RDP": 13.0, "GDP": 20.0},
        **{"PCLKUP": 2.0, "PCLKLOP": -8.0, "SCLKUP": 5.0, "SCLKLOP": -5.0, "RGUP": 8.0, "RGLOP": -2.0},
        **{f"AP{i}_RC": exposure.state.preamplifier_time for i in (0, 1)},
        **{f"AP{i}_GAIN": 0 for i in (0, 1)},
    }
    values.pop(exposure.missing_key or "", None)
    return [Card(key, value) for key, value in values.items()]


def _iso(moment: datetime.datetime) -> str:
    return moment.isoformat(timespec="milliseconds")


def _mjd(moment: datetime.datetime) -> float:
    """Return the Modified Julian date of a time, in the same scale."""
    return (moment - _MJD_ZERO) / datetime.timedelta(days=1)
