"""What a person should know of a plan although no exposure was excluded for it."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from infra.naming import CalibrationKey
from infra.settings.profile import CalibrationSettings
from tasks.selection.entries import ExcludedExposure
from tasks.selection.model import ExposureRecord
from tasks.selection.state import CameraState, state_of, value_text

__all__ = ["lost_sequences", "plan_warnings"]

_SEQUENCE = "ptc"
"""Word in the observation reason of the flats of a photon transfer sequence."""


def plan_warnings(
    day: Sequence[ExposureRecord],
    calibrations: Sequence[CalibrationSettings],
    states: Mapping[CalibrationKey, CameraState],
    state_keys: Sequence[str],
    exclusions: Iterable[ExcludedExposure],
) -> list[str]:
    """Return the warnings of a plan, each once.

    Parameters
    ----------
    day
        Every exposure of the day.
    calibrations
        What is made.
    states
        Camera state of the set of each calibration.
    state_keys
        Header cards that must agree within a set.
    exclusions
        Exclusions of the ledger that hold now.
    """
    types = {rule.observation_type for rule in calibrations}
    mine = [record for record in day if record.observation_type in types]
    return [
        *_missing_keys(mine, state_keys),
        *_missing_in_set(mine, states, state_keys),
        *_different_states(states, state_keys),
        *_not_looked_at(mine),
        *_simulated_among_real(mine),
        *_standing_exclusions(exclusions),
    ]


def lost_sequences(
    day: Sequence[ExposureRecord], calibrations: Sequence[CalibrationSettings], planned: Collection[str]
) -> list[str]:
    """Return a warning where flats say that they are a photon transfer sequence, and nothing is made of them.

    Parameters
    ----------
    day
        Every exposure of the day.
    calibrations
        What is made.
    planned
        Names of the calibrations that have a place in the plan, made or short of exposures.
    """
    rules = [rule for rule in calibrations if rule.selection.pairs is not None and rule.name not in planned]
    types = {rule.observation_type for rule in rules}
    flats = sorted(
        record.exposure
        for record in day
        if record.observation_type in types and _SEQUENCE in record.observation_reason.lower()
    )
    if not flats:
        return []
    names = " or ".join(rule.name for rule in rules)
    return [
        f"{len(flats)} flats say that they are of a photon transfer sequence ({flats[0]} to {flats[-1]}) but"
        f" are no pairs over several unsaturated exposure times: no {names} is made of them"
    ]


def _missing_keys(records: Sequence[ExposureRecord], state_keys: Sequence[str]) -> list[str]:
    present = _present(records, state_keys)
    return [
        f"{key} missing from all {len(records)} calibration exposures of the day: "
        "the camera state is not checked for it"
        for key in state_keys
        if records and key not in present
    ]


def _present(records: Sequence[ExposureRecord], state_keys: Sequence[str]) -> set[str]:
    """Return the state keys that any of some exposures has."""
    states = [state_of(record, state_keys) for record in records]
    return {key for state in states for key, value in state.items() if value is not None}


def _missing_in_set(
    records: Sequence[ExposureRecord], states: Mapping[CalibrationKey, CameraState], state_keys: Sequence[str]
) -> list[str]:
    """Say which sets lack a key that other exposures of the day have."""
    present = _present(records, state_keys)
    lacking = {
        key: [str(name) for name, state in states.items() if state.get(key) is None]
        for key in state_keys
        if key in present
    }
    return [
        f"{key} missing from the exposures of {', '.join(names)}: the camera state is not checked for it"
        for key, names in lacking.items()
        if names
    ]


def _different_states(states: Mapping[CalibrationKey, CameraState], state_keys: Sequence[str]) -> list[str]:
    """Say where one calibration of the campaign was taken in another camera state than the next."""
    found = []
    for key in state_keys:
        values: dict[str, list[str]] = {}
        for name, state in states.items():
            if state.get(key) is not None:
                values.setdefault(value_text(state[key]), []).append(str(name))
        if len(values) > 1:
            parts = ", ".join(f"{value} for {' and '.join(names)}" for value, names in values.items())
            found.append(f"{key} differs between calibrations: {parts}")
    return found


def _not_looked_at(records: Sequence[ExposureRecord]) -> list[str]:
    blind = [record.exposure for record in records if record.statistics is None]
    if not blind:
        return []
    return [
        f"the pixels of {len(blind)} of {len(records)} calibration exposures were not looked at "
        f"(first: {min(blind)}): ingest them again to check them"
    ]


def _simulated_among_real(records: Sequence[ExposureRecord]) -> list[str]:
    simulated = sum(record.has_simulated for record in records)
    if simulated in (0, len(records)):
        return []
    return [f"{simulated} of {len(records)} calibration exposures are simulated, the others are not"]


def _standing_exclusions(exclusions: Iterable[ExcludedExposure]) -> list[str]:
    return sorted(
        f"detector {one.detector}{f' amplifier {one.amplifier}' if one.amplifier else ''} is excluded "
        f"in every exposure by {one.author}: {one.reason}"
        for one in exclusions
        if one.exposure is None
    )
