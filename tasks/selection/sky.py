"""What exposures of the sky must show: enough light, enough bright stars or not too many, other pointings."""

import math
from collections.abc import Iterable

from infra.settings.selection import SelectionSettings
from tasks.selection.model import EvidenceValue, ExposureRecord
from tasks.selection.robust import Finding, finite

__all__ = ["SKY_TYPES", "brightness_findings", "repeated_pointings", "separation"]

SKY_TYPES = frozenset({"science"})
"""Observation types that have seen the sky: each frame has a level and stars of its own."""

_ARCSEC_PER_DEGREE = 3600.0


def brightness_findings(record: ExposureRecord, selection: SelectionSettings) -> list[Finding]:
    """Return what the light in a frame says against it, by the limits that the selection rules set.

    Parameters
    ----------
    record
        The exposure.
    selection
        The calibration's selection rules.
    """
    fewest, most = selection.minimum_bright_fraction, selection.maximum_bright_fraction
    if (selection.minimum_level, fewest, most) == (None, None, None):
        return []
    look = record.statistics
    if look is None:
        return [_unknown("its pixels were not looked at", "level")]
    found = []
    level = look.level
    if selection.minimum_level is not None and not level >= selection.minimum_level:
        reason = f"too little light: level {level:.1f} adu (at least {selection.minimum_level:g} adu)"
        found.append(Finding(reason, _evidence("level", level, selection.minimum_level, "adu")))
    bright = look.bright_fraction
    if (fewest, most) != (None, None) and not math.isfinite(bright):
        found.append(_unknown("its bright pixels were not counted", "bright_fraction"))
    elif fewest is not None and bright < fewest:
        reason = f"too few bright stars: {bright:.4%} of the pixels are bright (at least {fewest:.4%})"
        found.append(Finding(reason, _evidence("bright_fraction", bright, fewest, "1")))
    elif most is not None and bright > most:
        reason = f"crowded: {bright:.4%} of the pixels are bright (at most {most:.4%})"
        found.append(Finding(reason, _evidence("bright_fraction", bright, most, "1")))
    return found


def _evidence(statistic: str, value: float, limit: float, unit: str) -> dict[str, EvidenceValue]:
    return {"statistic": statistic, "value": finite(value), "limit": limit, "unit": unit}


def _unknown(words: str, statistic: str) -> Finding:
    return Finding(f"{words}: ingest it again to know", {"statistic": statistic, "value": None})


def repeated_pointings(records: Iterable[ExposureRecord], limit: float | None) -> dict[int, int]:
    """Return the exposures that point where one before them does, each with that one.

    Parameters
    ----------
    records
        Exposures in the order of preference.
    limit
        Distance within which two pointings are the same (arcsec); None for never.
    """
    kept: list[ExposureRecord] = []
    repeated: dict[int, int] = {}
    if limit is None:
        return repeated
    for record in records:
        same = next((one for one in kept if separation(one, record) <= limit), None)
        if same is None:
            kept.append(record)
        else:
            repeated[record.exposure] = same.exposure
    return repeated


def separation(one: ExposureRecord, other: ExposureRecord) -> float:
    """Return the distance of two pointings on the sky (arcsec); infinite where one is not known."""
    if one.ra is None or one.dec is None or other.ra is None or other.dec is None:
        return math.inf
    first, second = math.radians(one.dec), math.radians(other.dec)
    across = math.radians(one.ra - other.ra)
    # The haversine keeps its digits at small distances.
    square = math.sin((first - second) / 2) ** 2
    square += math.cos(first) * math.cos(second) * math.sin(across / 2) ** 2
    return math.degrees(2.0 * math.asin(min(1.0, math.sqrt(square)))) * _ARCSEC_PER_DEGREE
