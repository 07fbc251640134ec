"""Numbers that identify an exposure: the Butler's exposure id, and the visit id of its group."""

import datetime
import hashlib
import re

from infra.errors import RawRejected

__all__ = [
    "CONTROLLERS",
    "SIMULATED_CONTROLLERS",
    "detector_exposure_id",
    "exposure_id",
    "observing_day",
    "visit_id",
]

CONTROLLERS = "OCHPQS"
"""Controllers (O observatory, C camera control, then simulators); the letter's place goes into the id."""

SIMULATED_CONTROLLERS = frozenset("HPQS")
"""Controllers of simulated frames."""

_MOST_EXPOSURES_A_DAY = 100_000
_GROUP_DATE = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.(\d{3})(?:[+#](\d+))?")
_PACKER_EPOCH = datetime.datetime(2010, 1, 1)
_VISIT_EPOCH = datetime.datetime(2015, 1, 1)

# Last day on which the controller still counted its exposures for itself. From then on all share one counter.
_LAST_OWN_COUNT = {"C": 20231004, "P": 20250417, "Q": 20250417, "S": 20250417}


def exposure_id(day_obs: int, seq_num: int, controller: str | None = None) -> int:
    """Return the Butler's number of an exposure.

    Parameters
    ----------
    day_obs
        Observing day, YYYYMMDD.
    seq_num
        Number of the exposure in its day, below 100 000.
    controller
        Letter of the controller (header card CONTRLLR); None where there is none.

    Raises
    ------
    infra.errors.RawRejected
        If the number or the letter is impossible.

    Notes
    -----
    YYYYMMDD followed by five digits, with 1000 years added per place of the controller in "OCHPQS" as long as
    that controller had a counter of its own.
    """
    if not 0 <= seq_num < _MOST_EXPOSURES_A_DAY:
        raise RawRejected(f"header card SEQNUM is {seq_num}, not a number from 0 to 99999")
    thousands = 0
    if controller is not None:
        if len(controller) != 1 or controller not in CONTROLLERS:
            raise RawRejected(f"header card CONTRLLR is {controller!r}, none of {', '.join(CONTROLLERS)}")
        if day_obs <= _LAST_OWN_COUNT.get(controller, day_obs):
            thousands = CONTROLLERS.index(controller)
    return (day_obs + thousands * 1000_00_00) * _MOST_EXPOSURES_A_DAY + seq_num


def detector_exposure_id(exposure: int, detector: int) -> int:
    """Return one number for an exposure of one detector, packed as Rubin's dimension packer does.

    Parameters
    ----------
    exposure
        As `exposure_id` makes it.
    detector
        Number of the detector, below 256.

    Notes
    -----
    Detector in 8 bits, number of the exposure in 15, days since 2010-01-01 in 14, then the controller.
    """
    day, seq_num = divmod(exposure, _MOST_EXPOSURES_A_DAY)
    thousands = day // 1000_00_00 - 2
    date = datetime.datetime.strptime(str(day - thousands * 1000_00_00), "%Y%m%d")
    days = (date - _PACKER_EPOCH).days
    return ((thousands * 16384 + days) * 32768 + seq_num) * 256 + detector


def visit_id(group: str) -> int:
    """Return the number of the visit that an exposure group makes.

    Parameters
    ----------
    group
        Exposure group: digits, a date with milliseconds and perhaps "#" and a number, or any other text.

    Notes
    -----
    A date becomes seconds since 2015, milliseconds and four digits of its number; other text is hashed
    (blake2b, 14 hexadecimal digits) and followed by its length.
    """
    if re.fullmatch(r"[+-]?\d+", group.strip()):
        return int(group)
    if match := _GROUP_DATE.fullmatch(group):
        begin = datetime.datetime.fromisoformat(match[1])
        seconds = int((begin - _VISIT_EPOCH).total_seconds())
        return int(f"{seconds}{match[2]}{int(match[3] or 0):04d}")
    digest = hashlib.blake2b(group.encode()).hexdigest()
    return int(f"{int(digest[:14], base=16)}{len(group):02d}")


def observing_day(text: str) -> int:
    """Return an observing day written as YYYYMMDD, YYYY-MM-DD or the beginning of a date with time.

    Raises
    ------
    infra.errors.RawRejected
        If there is no such day.
    """
    digits = text.strip().partition("T")[0].replace("-", "")
    try:
        if len(digits) != 8:
            raise ValueError
        datetime.datetime.strptime(digits, "%Y%m%d")
    except ValueError:
        raise RawRejected(f"header card DAYOBS is {text!r}, not a day YYYYMMDD") from None
    return int(digits)
