"""Files that ingest refused: which day and exposure they were, as far as anything tells."""

import re
from collections.abc import Collection, Iterable
from pathlib import PurePath

from infra.errors import RawRejected
from tasks.selection.entries import RefusedFile
from tasks.selection.model import PlannedExposure, Role

__all__ = ["refused_of_day", "refused_rows"]

# Camera code, controller, day and number: AT_O_20240326_000012.fits, MC_O_20250415_000060_R01_S01.fits
_RUBIN_NAME = re.compile(r"^[A-Z]{2}_([A-Z])_(\d{8})_(\d{6})(?![0-9])")

type Refused = tuple[int | None, RefusedFile]
"""A refused file with its exposure ID; None where neither header nor name tells."""


def refused_of_day(refusals: Iterable[RefusedFile], day_obs: int) -> list[Refused]:
    """Return the refused files of a day, sorted by exposure and name.

    A file whose header cannot be read is placed by its name, where it is named the way Rubin names raws.
    """
    found: list[Refused] = []
    for one in refusals:
        named_day, named_exposure = _from_name(PurePath(one.path).name)
        if (one.day_obs if one.day_obs is not None else named_day) == day_obs:
            found.append((one.exposure if one.exposure is not None else named_exposure, one))
    return sorted(found, key=lambda entry: (entry[0] or 0, PurePath(entry[1].path).name, entry[1].reason))


def refused_rows(refused: Iterable[Refused], held: Collection[int]) -> list[PlannedExposure]:
    """Return one row for every refused exposure, and one for every file that is no known exposure.

    Parameters
    ----------
    refused
        Refused files of the day.
    held
        Exposures that are there all the same, from another copy of the file or other detectors; they have
        rows already.
    """
    rows: list[PlannedExposure] = []
    seen: set[int] = set(held)
    for exposure, one in refused:
        if exposure is not None and exposure in seen:
            continue
        seen.update([] if exposure is None else [exposure])
        evidence = {"file": PurePath(one.path).name, "refusal": one.reason}
        reason = f"refused at ingest: {one.reason}"
        rows.append(PlannedExposure(exposure, None, Role.EXCLUDED, reason, evidence))
    return rows


def _from_name(name: str) -> tuple[int | None, int | None]:
    """Return the day and the exposure ID that a file's name tells."""
    match = _RUBIN_NAME.match(name)
    if match is None:
        return None, None
    # The translators need astropy; plans without refused files start without it.
    from infra.instruments.translators.identity import exposure_id

    day_obs = int(match[2])
    try:
        return day_obs, exposure_id(day_obs, int(match[3]), match[1])
    except RawRejected:
        return day_obs, None
