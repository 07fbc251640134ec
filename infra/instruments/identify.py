"""Which camera and which detector a header speaks of, told by its cards alone."""

from collections.abc import Mapping
from typing import Any

from infra.errors import RawRejected
from infra.instruments import CAMERAS
from infra.instruments.geometry import DetectorModel

__all__ = ["detector_model", "detector_of", "instrument_of"]

_TELESCOPES = ("LSST", "Simonyi Survey Telescope")
_BY_CAMERA_CODE = {"AT": "LATISS", "CC": "LSSTComCam", "MC": "LSSTCam"}


def instrument_of(header: Mapping[str, Any]) -> str:
    """Return the instrument's name in the Butler.

    Parameters
    ----------
    header
        Primary header.

    Raises
    ------
    infra.errors.RawRejected
        If the header is of none of the known cameras.

    Notes
    -----
    Other observatories have a "ComCam" too, hence the look at the telescope; raft tests of 2019 called the
    camera LSST_CAMERA, hence the look at the camera code, which older headers keep in TELCODE.
    """
    instrument = header.get("INSTRUME")
    code = str(header.get("CAMCODE") or header.get("TELCODE") or "").strip()
    named = str(instrument or "").strip().lower()
    if named in ("latiss", "lsst_atiss"):
        return "LATISS"
    if named == "lsstcam":
        return "LSSTCam"
    if named in ("comcam", "lsstcomcam") and (code == "CC" or _is_lsst(header)):
        return "LSSTComCam"
    if named in ("", "lsst_camera") and code in _BY_CAMERA_CODE:
        return _BY_CAMERA_CODE[code]
    known = ", ".join(CAMERAS)
    raise RawRejected(f"foreign: header card INSTRUME is {instrument!r}, which is none of {known}")


def detector_of(header: Mapping[str, Any], instrument: str) -> str:
    """Return the detector's full name, such as "R22_S11".

    Parameters
    ----------
    header
        Primary header.
    instrument
        As told by `instrument_of`.

    Raises
    ------
    infra.errors.RawRejected
        If the cards RAFTBAY and CCDSLOT do not name it.
    """
    if instrument == "LATISS":  # its one detector is called R00_S00 in some headers, and nothing in others
        return CAMERAS[instrument].detectors[0].full_name
    for keyword in ("RAFTBAY", "CCDSLOT"):
        if not isinstance(header.get(keyword), str) or not header[keyword].strip():
            raise RawRejected(f"header card {keyword} is {header.get(keyword)!r}, so the detector is unknown")
    return f"{header['RAFTBAY'].strip()}_{header['CCDSLOT'].strip()}"


def detector_model(header: Mapping[str, Any]) -> tuple[str, DetectorModel]:
    """Return the instrument's name and the model of the detector a header speaks of.

    Raises
    ------
    infra.errors.RawRejected
        If the camera is foreign, or the detector is none that calibrations are made of.
    """
    instrument = instrument_of(header)
    full_name = detector_of(header, instrument)
    for detector in CAMERAS[instrument].detectors:
        if detector.full_name == full_name:
            return instrument, detector
    raise RawRejected(
        f"{instrument} has no science detector {full_name} (header cards RAFTBAY and CCDSLOT)",
        "guiders and wavefront sensors are left out",
    )


def _is_lsst(header: Mapping[str, Any]) -> bool:
    return str(header.get("TELESCOP") or "").strip() in _TELESCOPES
