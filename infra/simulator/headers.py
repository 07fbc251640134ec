"""The exposure-level header of a LATISS raw: primary HDU and REB_COND."""

import datetime
import hashlib

from infra.simulator.fits_writing import Card
from infra.simulator.random_streams import random_stream
from infra.simulator.scheduled import ScheduledExposure

__all__ = ["primary_cards", "telemetry_cards"]

_MJD_ZERO = datetime.datetime(1858, 11, 17)
_SETTLED = 3.13
"""How much warmer the sensor is than its set point (K)."""

_FILTER_SLOTS = {
    "SDSSg_65mm": 0,
    "SDSSr_65mm": 1,
    "SDSSi_65mm": 2,
    "SDSSz_65mm": 3,
    "empty": 4,
    "SDSSy_65mm": 5,
}


def primary_cards(exposure: ScheduledExposure, band: str, seed: int) -> list[Card]:
    """Return the cards of the primary header after EXTEND, in the order LATISS writes them.

    Parameters
    ----------
    exposure
        What the header says.
    band
        Band of its filter.
    seed
        Seed of the small scatter of temperatures and weather.
    """
    values = {
        **_electronics(exposure),
        **_times(exposure),
        **_site_and_pointing(exposure),
        **_observation(exposure),
        **_wheels(exposure, band),
        **_weather(exposure, seed),
    }
    scatter = random_stream(seed, "temperature", exposure.exposure_id).normal(0.0, 0.004)
    values["CCDTEMP"] = round(exposure.state.temperature + _SETTLED + scatter, 3)
    values.pop(exposure.missing_key or "", None)
    return [Card(key, value) for key, value in values.items()]


type _Values = dict[str, str | int | float | bool | None]


def _electronics(exposure: ScheduledExposure) -> _Values:
    """Sensor, readout programs and versions."""
    state = exposure.state
    return {
        **{"CCD_MANU": "ITL", "CCD_TYPE": "3800C", "BINX": 1, "BINY": 1, "CCDGAIN": 1.0, "CCDNOISE": 10.0},
        **{"CCDSLOT": "S00", "RAFTBAY": "R00", "FIRMWARE": "11394008", "PLATFORM": "auxtel"},
        **{"CONTNUM": "189216ee", "DAQVERS": "R5-V8.1 2023-12-05T02:49:12Z (5acbb461)"},
        **{"DAQPART": "lat", "DAQFOLD": "raw", "SEQFILE": state.sequencer, "SEQNAME": state.sequencer},
        **{"SEQCKSUM": state.sequencer_checksum, "LSST_NUM": "ITL-3800C-068", "CCD_SERN": "20862"},
        **{"REBNAME": "Unknown", "RAFTNAME": "AuxTel-Raft", "FPVERS": "1.2.7", "IHVERS": "1.1.5"},
        **{"STUTTER ROWS": 0, "STUTTER DELAY": 0.0, "STUTTER NSHIFTS": 0, "FILTPOS": None, "CCDTEMP": None},
        "COMMENT": "---- Checksums ----",
    }


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


def _site_and_pointing(exposure: ScheduledExposure) -> _Values:
    """Observatory, telescope and dome: before the flat-field screen and closed, unless an object is seen."""
    return {
        **{"INSTRUME": "LATISS", "TELESCOP": "LSST AuxTelescope"},
        **{"OBS-LONG": -70.7476862, "OBS-LAT": -30.2447889, "OBS-ELEV": 2663.0},
        **{"OBSGEO-X": 1819093.52, "OBSGEO-Y": -5208408.1, "OBSGEO-Z": 3195186.45},
        **{"FACILITY": "Vera C. Rubin Observatory", "RA": 0.0, "DEC": 0.0, "RASTART": 0.0, "DECSTART": 0.0},
        **{"RAEND": 0.0, "DECEND": 0.0, "ROTPA": 0.0, "ROTCOORD": "sky", "HASTART": 0.0},
        **{"ELSTART": 38.992927174779474, "AZSTART": -171.23888407563265, "AMSTART": 0.0},
        **dict.fromkeys(("AHAEND", "AELEND", "AAZEND", "AAMEND", "TRACKSYS", "RADESYS")),
        **{"FOCUSZ": 0.0, "OBJECT": "FlatField position", "INSTPORT": 2, "ATM3PORT": None, "DOMEAZ": 2.58},
        **{"SHUTLOWR": 0.0, "SHUTUPPR": 0.0, "VIGNETTE": "FULLY", "VIGN_MIN": "FULLY", "WCSAXES": None},
        **dict.fromkeys(f"{key}{axis}" for key in ("CTYPE", "CUNIT", "CRVAL", "CRPIX") for axis in (1, 2)),
        **dict.fromkeys(("CD1_1", "CD1_2", "CD2_1", "CD2_2", "EQUINOX")),
        **(_on_sky() if exposure.declared_type == "object" else {}),
    }


def _on_sky() -> _Values:
    """Say that the telescope tracks the star cluster by which LATISS's crosstalk was measured."""
    return {
        **{"OBJECT": "NGC 4755", "TRACKSYS": "RADEC", "RADESYS": "ICRS", "RA": 193.415, "DEC": -60.371},
        **{"RASTART": 193.415, "DECSTART": -60.371, "RAEND": 193.415, "DECEND": -60.371},
        **{"SHUTLOWR": 100.0, "SHUTUPPR": 100.0, "VIGNETTE": "NO", "VIGN_MIN": "NO"},
    }


def _observation(exposure: ScheduledExposure) -> _Values:
    """Say what was taken, and as part of what."""
    tag = hashlib.sha256(exposure.observation_id.encode()).hexdigest()[:16]
    return {
        **{"TESTTYPE": exposure.declared_type.upper(), "CAMCODE": "AT", "CONTRLLR": "O"},
        **{"DAYOBS": str(exposure.day_obs), "SEQNUM": exposure.seq_num, "PROGRAM": exposure.program},
        **{"REASON": exposure.reason, "CURINDEX": exposure.index + 1, "MAXINDEX": exposure.count},
        **{
            "TSTAND": None,
            "IMAGETAG": tag,
            "OBSANNOT": "simulated by calprod",
            "TEMP_SET": exposure.state.temperature,
        },
    }


def _wheels(exposure: ScheduledExposure, band: str) -> _Values:
    """Grating, filter and times."""
    wheel_filter, grating = exposure.declared_filter.split("~")
    return {
        "GRATING": "empty_1" if grating == "empty" else grating,
        "GRATBAND": "EMPTY" if grating == "empty" else "R",
        **{"GRATSLOT": 0, "LINSPOS": 67.0, "FILTBAND": "EMPTY" if wheel_filter == "empty" else band},
        "FILTER": "empty_1" if wheel_filter == "empty" else wheel_filter,
        "FILTSLOT": _FILTER_SLOTS.get(wheel_filter, 0),
        **{"EXPTIME": exposure.declared_time, "DARKTIME": exposure.declared_dark_time},
        "SHUTTIME": exposure.declared_time,
    }


def _weather(exposure: ScheduledExposure, seed: int) -> _Values:
    """Weather, file name, and the flags that tell which parts of the telescope were simulated."""
    drawn = random_stream(seed, "weather", exposure.exposure_id).standard_normal(5)
    return {
        "AIRTEMP": round(8.0 + 0.2 * float(drawn[0]), 3),
        "PRESSURE": round(74200.0 + 10.0 * float(drawn[1]), 1),
        "HUMIDITY": round(25.0 + 0.5 * float(drawn[2]), 3),
        "WINDSPD": round(abs(6.0 + float(drawn[3])), 3),
        "WINDDIR": round(10.0 * float(drawn[4]) % 360.0, 3),
        **{"SEEING": None, "FILENAME": exposure.file_name, "HEADVER": 2, "SIMULATE ATMCS": None},
        **{"SIMULATE ATHEXAPOD": 0, "SIMULATE ATPNEUMATICS": None, "SIMULATE ATDOME": 0},
        "SIMULATE ATSPECTROGRAPH": 0,
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
    drawn = random_stream(seed, "telemetry", exposure.exposure_id).standard_normal(14)
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
