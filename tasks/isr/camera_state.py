"""The state of the camera, in which an exposure and its calibrations should agree."""

import math
from collections.abc import Mapping, Sequence

from infra.errors import CalprodError
from infra.images import Metadata

__all__ = ["camera_state_cards", "compare_camera_state", "state_mismatches"]

_MISMATCH = "LSST ISR STATE MISMATCH "


def compare_camera_state(
    header: Mapping[str, object], calibrations: Mapping[str, Metadata], keys: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    """Tell in which cards each calibration differs from the exposure.

    Parameters
    ----------
    header
        Cards of the exposure.
    calibrations
        Cards of the calibrations, by name.
    keys
        Cards to compare. One that either side lacks says nothing.

    Returns
    -------
    mismatches
        Keys by name of the calibration; only calibrations that differ.
    """
    found = {
        name: tuple(
            key for key in keys if key in header and key in cards and not _agree(header[key], cards[key])
        )
        for name, cards in calibrations.items()
    }
    return {name: differing for name, differing in found.items() if differing}


def camera_state_cards(
    header: Mapping[str, object],
    calibrations: Mapping[str, Metadata],
    keys: Sequence[str],
    *,
    strict: bool = False,
) -> Metadata:
    """Cards that name the differences: ``LSST ISR STATE MISMATCH <CALIBRATION>``, keys joined by commas.

    Parameters
    ----------
    header, calibrations, keys
        As in `compare_camera_state`.
    strict
        Refuse a calibration that differs.

    Raises
    ------
    CalprodError
        A calibration differs, and ``strict`` is set.
    """
    mismatches = compare_camera_state(header, calibrations, keys)
    if mismatches and strict:
        name, differing = next(iter(mismatches.items()))
        told = ", ".join(f"{key} {calibrations[name][key]!r} instead of {header[key]!r}" for key in differing)
        raise CalprodError(
            f"the {name} was made in another state of the camera than the exposure: {told}",
            f"make the {name} from exposures of the same state, or turn off 'strict'",
        )
    return {f"{_MISMATCH}{name.upper()}": ",".join(keys) for name, keys in mismatches.items()}


def state_mismatches(cards: Metadata) -> dict[str, str]:
    """Return the keys that `camera_state_cards` recorded, joined by commas, by name of the calibration."""
    return {
        key.removeprefix(_MISMATCH).lower(): str(keys)
        for key, keys in cards.items()
        if key.startswith(_MISMATCH)
    }


def _agree(first: object, second: object) -> bool:
    """Tell whether two values are the same; numbers may differ by rounding in a header."""
    if first is None or second is None:
        return True
    if isinstance(first, int | float) and isinstance(second, int | float):
        return math.isclose(first, second, rel_tol=1e-6)
    return str(first).strip() == str(second).strip()
