"""Header of a combined calibration: what went in, when it was taken, what its inputs have in common."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from infra.images import Metadata

__all__ = [
    "CombineInput",
    "common_cards",
    "creation_cards",
    "fits_date",
    "input_exposures",
    "provenance_cards",
    "time_cards",
]

_MJD_EPOCH = datetime(1858, 11, 17)

_INDIVIDUAL = frozenset(
    {
        *("SIMPLE", "XTENSION", "BITPIX", "EXTEND", "PCOUNT", "GCOUNT", "TFIELDS", "CHECKSUM", "DATASUM"),
        *("COMMENT", "HISTORY", "BSCALE", "BZERO", "EXTNAME", "EXTVER", "INHERIT", "FILENAME", "HEADVER"),
        *("OBSID", "SEQNUM", "GROUPID", "CURINDEX", "MAXINDEX", "TIMESYS", "EXPTIME", "DARKTIME", "SHUTTIME"),
    }
)
"""Cards that describe one file or one exposure even when there is only one of them."""

_INDIVIDUAL_PREFIXES = (
    "NAXIS",
    "DATE",
    "MJD",
    "LSST ISR OVERSCAN",
    "LSST ISR FINAL",
    "LSST ISR LEVEL",
    "LSST ISR MASK",
)
"""Beginnings of keys of the same kind."""


@dataclass(frozen=True, slots=True)
class CombineInput:
    """What is known of one exposure that goes into a combination."""

    exposure: int
    """Exposure ID."""
    begin_mjd: float
    """Start of the exposure (TAI, MJD)."""
    end_mjd: float
    """End of the exposure (TAI, MJD)."""
    exposure_time: float
    """Exposure time (s)."""
    dark_time: float
    """Time between the end of the clear and the start of readout (s)."""
    header: Metadata = field(default_factory=dict)
    """Cards of the raw's header."""

    @property
    def middle_mjd(self) -> float:
        """Middle of the exposure (TAI, MJD)."""
        return 0.5 * (self.begin_mjd + self.end_mjd)


def fits_date(mjd: float) -> str:
    """Date of a Modified Julian Date as FITS writes it, to the millisecond, in the same time scale."""
    moment = _MJD_EPOCH + timedelta(milliseconds=round(mjd * 86_400_000.0))
    return moment.isoformat(timespec="milliseconds")


def provenance_cards(inputs: Sequence[CombineInput], scales: Sequence[float]) -> Metadata:
    """Cards that name every input, in the order in which they were combined (Rubin cp_pipe, ``CPP_INPUT_*``).

    Parameters
    ----------
    inputs
        The exposures.
    scales
        Number by which each was divided, in the unit of the calibration's rule.

    Returns
    -------
    cards
        Exposure ID, mid-exposure date (TAI), exposure time (s) and scale of each.
    """
    cards: Metadata = {}
    for i, (one, scale) in enumerate(zip(inputs, scales, strict=True)):
        cards[f"CPP_INPUT_{i}"] = one.exposure
        cards[f"CPP_INPUT_DATE_{i}"] = fits_date(one.middle_mjd)
        cards[f"CPP_INPUT_EXPT_{i}"] = one.exposure_time
        cards[f"CPP_INPUT_SCALE_{i}"] = scale
    return cards


def input_exposures(cards: Mapping[str, object]) -> frozenset[int]:
    """Exposures that a calibration was made from, as its own header lists them.

    Parameters
    ----------
    cards
        Its header, with the cards of `provenance_cards`.
    """
    return frozenset(
        int(str(value))
        for key, value in cards.items()
        if key.startswith("CPP_INPUT_") and key.removeprefix("CPP_INPUT_").isdigit() and value is not None
    )


def time_cards(inputs: Sequence[CombineInput]) -> Metadata:
    """Cards of the time that all inputs together span (TAI)."""
    begin = min(one.begin_mjd for one in inputs)
    end = max(one.end_mjd for one in inputs)
    moments = {"OBS": begin, "BEG": begin, "AVG": 0.5 * (begin + end), "END": end}
    cards: Metadata = {"TIMESYS": "TAI"}
    for name, mjd in moments.items():
        cards[f"DATE-{name}"] = fits_date(mjd)
        cards[f"MJD-{name}"] = mjd
    return cards


def creation_cards(created: datetime) -> Metadata:
    """Cards of the moment of creation.

    Parameters
    ----------
    created
        With a time zone: CALIB_CREATION_DATE and CALIB_CREATION_TIME are given in it,
        CALIB_CREATION_DATETIME in UTC.
    """
    if created.tzinfo is None:
        raise ValueError("the time of creation needs a time zone")
    return {
        "CALIB_CREATION_DATETIME": created.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
        "CALIB_CREATION_DATE": created.strftime("%Y-%m-%d"),
        "CALIB_CREATION_TIME": created.strftime("%H:%M:%S %Z").strip(),
    }


def common_cards(headers: Sequence[Metadata]) -> Metadata:
    """Cards that all headers have with the same value, but for those that describe one exposure or file.

    Parameters
    ----------
    headers
        At least one.
    """
    first, *others = headers
    return {
        key: value
        for key, value in first.items()
        if key not in _INDIVIDUAL
        and not key.startswith(_INDIVIDUAL_PREFIXES)
        and all(key in other and _equal(other[key], value) for other in others)
    }


def _equal(first: object, second: object) -> bool:
    """Equal in value and in type; two NaN are equal."""
    return type(first) is type(second) and (first == second or (first != first and second != second))
