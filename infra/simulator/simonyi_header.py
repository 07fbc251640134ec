"""Cards that LSSTComCam and LSSTCam write, the cameras of the Simonyi Survey Telescope."""

import zlib

from infra.simulator.random_streams import random_stream
from infra.simulator.scheduled import ScheduledExposure

__all__ = ["electronics", "site_and_pointing", "wheels"]

type Values = dict[str, str | int | float | bool | None]

_INSTRUME = {"LSSTComCam": "ComCam", "LSSTCam": "lsstCam"}
_RAFT_NAME = {"LSSTComCam": "LCA-11021_RTM-031"}
_SENSOR_TYPE = {"ITL": "3800C", "E2V": "CCD250"}
_SCALE = 0.2 / 3600.0
"""Size of a pixel on the sky (degree)."""


def electronics(exposure: ScheduledExposure) -> Values:
    """Sensor, readout programs and versions; each make of sensor has a sequencer program of its own."""
    detector, state = exposure.detector, exposure.state
    raft, slot = exposure.raft_and_slot
    vendor = "ITL" if detector.vendor == "ITL" else "E2V"
    sequencer, checksum = state.sequencer, state.sequencer_checksum
    if vendor == "E2V" and "ITL" in sequencer:
        sequencer = sequencer.replace("ITL", "E2V")
        checksum = str(zlib.crc32(f"{sequencer} {checksum}".encode()))
    serial = detector.serial
    if serial == "unknown":
        serial = f"{vendor}-{_SENSOR_TYPE[vendor]}-{100 + detector.id:03d}"
    raft_name = _RAFT_NAME.get(exposure.instrument, f"LCA-11021_RTM-{zlib.crc32(raft.encode()) % 40:03d}")
    return {
        **{"BINX": 1, "BINY": 1, "CCDGAIN": 1.0, "CCDNOISE": 10.0, "CCD_MANU": vendor},
        **{"CCD_TYPE": _SENSOR_TYPE[vendor], "CCDSLOT": slot, "RAFTBAY": raft, "FIRMWARE": "3139500e"},
        **{"PLATFORM": exposure.instrument.lower(), "CONTNUM": f"{0x18ED9486 + detector.id // 3:08x}"},
        **{"DAQVERS": "R5-V13.4 2025-03-20T16:46:35Z (811f588b)", "DAQPART": "camera", "DAQFOLD": "raw"},
        **{"SEQFILE": sequencer, "SEQNAME": sequencer, "SEQCKSUM": checksum, "LSST_NUM": serial},
        **{"CCD_SERN": f"{20000 + detector.id}", "REBNAME": f"LCA-13574-{detector.id // 3:03d}"},
        **{"RAFTNAME": raft_name, "FPVERS": "1.2.13-SNAPSHOT", "IHVERS": "1.1.8"},
        **{"STUTTER ROWS": 0, "STUTTER DELAY": 0.0, "STUTTER NSHIFTS": 0, "CCDTEMP": None},
        "COMMENT": "---- Checksums ----",
    }


def site_and_pointing(exposure: ScheduledExposure, offset: tuple[float, float]) -> Values:
    """Observatory and telescope: before the flat-field screen, or following an object."""
    values: Values = {
        **{"INSTRUME": _INSTRUME[exposure.instrument], "TELESCOP": "Simonyi Survey Telescope"},
        **{"OBS-LONG": -70.749417, "OBS-LAT": -30.244639, "OBS-ELEV": 2663.0},
        **{"OBSGEO-X": 1818938.94, "OBSGEO-Y": -5208470.95, "OBSGEO-Z": -3195172.08},
        **{"RA": None, "DEC": None, "RASTART": None, "DECSTART": None, "ROTPA": 0.0, "ROTCOORD": "sky"},
        **{"ELSTART": 20.0, "AZSTART": 175.0, "AMSTART": None, "TRACKSYS": "LOCAL", "RADESYS": None},
        **{"FOCUSZ": 0.0, "OBJECT": "FlatField position", "VIGNETTE": "FULLY", "VIGN_MIN": "FULLY"},
    }
    if exposure.declared_type == "object":
        right_ascension, declination = 127.5 + offset[1] * _SCALE / 0.717, -44.2 + offset[0] * _SCALE
        values |= {
            **{"OBJECT": exposure.target or "Vela_SNR", "TRACKSYS": "RADEC", "RADESYS": "ICRS"},
            **{"RA": right_ascension, "DEC": declination, "RASTART": right_ascension},
            **{"DECSTART": declination, "ELSTART": 69.3, "AZSTART": 221.7, "AMSTART": 1.068},
            **{"VIGNETTE": "NO", "VIGN_MIN": "NO"},
        }
    return values


def wheels(exposure: ScheduledExposure, band: str, seed: int) -> Values:
    """Filter and times; the shutter, which stays shut in a dark, is off by about a millisecond."""
    name = exposure.declared_filter
    opens = exposure.declared_type in ("flat", "object")
    late = 1.0e-3 + 2.0e-4 * float(random_stream(seed, "shutter", exposure.exposure_id).standard_normal())
    return {
        **{"FILTBAND": None if name == "empty" else band, "FILTER": name, "FILTPOS": 309.0, "FILTSLOT": 2},
        **{"EXPTIME": exposure.declared_time, "DARKTIME": exposure.declared_dark_time},
        "SHUTTIME": round(exposure.declared_time + late, 6) if opens else 0.0,
    }
