"""Cards that only LATISS writes, or writes in its own way."""

from infra.simulator.scheduled import ScheduledExposure

__all__ = ["electronics", "site_and_pointing", "wheels"]

type Values = dict[str, str | int | float | bool | None]

_FILTER_SLOTS = {
    "SDSSg_65mm": 0,
    "SDSSr_65mm": 1,
    "SDSSi_65mm": 2,
    "SDSSz_65mm": 3,
    "empty": 4,
    "SDSSy_65mm": 5,
}

_SCALE = 0.095695 / 3600.0
"""Size of a pixel on the sky (degree)."""


def electronics(exposure: ScheduledExposure) -> Values:
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


def site_and_pointing(exposure: ScheduledExposure, offset: tuple[float, float]) -> Values:
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
        **(_on_sky(exposure.target, offset) if exposure.declared_type == "object" else {}),
    }


def _on_sky(target: str | None, offset: tuple[float, float]) -> Values:
    """Say that the telescope tracks an object; if none is named, the star cluster for crosstalk."""
    right_ascension, declination = 193.415 + offset[1] * _SCALE / 0.494, -60.371 + offset[0] * _SCALE
    return {
        **{"OBJECT": target or "NGC 4755", "TRACKSYS": "RADEC", "RADESYS": "ICRS", "RA": right_ascension},
        **{"DEC": declination, "RASTART": right_ascension, "DECSTART": declination},
        **{"RAEND": right_ascension, "DECEND": declination},
        **{"SHUTLOWR": 100.0, "SHUTUPPR": 100.0, "VIGNETTE": "NO", "VIGN_MIN": "NO"},
    }


def wheels(exposure: ScheduledExposure, band: str, seed: int) -> Values:
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
