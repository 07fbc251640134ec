"""Sample pairs of the ramps of other days, to see whether the camera is still where it was."""

from collections.abc import Mapping, Sequence

from infra.naming import CalibrationKey
from infra.settings.profile import CalibrationSettings
from tasks.selection.candidates import unsuitable
from tasks.selection.decision import Material
from tasks.selection.model import ExposureRecord, PlannedExposure, Role
from tasks.selection.other_days import days_by_distance, ordinal
from tasks.selection.ramp.candidates import judge_ramps
from tasks.selection.ramp.pairing import Pair, pair_up
from tasks.selection.state import CameraState, deviation

__all__ = ["sample_other_pairs"]


def sample_other_pairs(
    key: CalibrationKey, rule: CalibrationSettings, material: Material, state: CameraState
) -> tuple[list[PlannedExposure], list[str]]:
    """Return verification rows for pairs of other days, and warnings of days that gave none.

    Every n-th good pair, by rising exposure time, of the largest ramp of a day is taken, from the nearest
    days first. Where that is more than the profile's maximum the days share it evenly.

    Parameters
    ----------
    key
        The calibration.
    rule
        Its settings.
    material
        What the plan is made from.
    state
        Camera state of the pairs that are used.
    """
    sampling = rule.selection.verification
    samples: dict[int, list[Pair]] = {}
    warnings: list[str] = []
    for day_obs, day in days_by_distance(material.other_days, material.day_obs):
        if len(samples) >= sampling.other_days or sampling.maximum < 2:
            break
        pairs, warning = _good_of_day(key, rule, day, material, state)
        warnings += [warning] if warning else []
        if pairs:
            samples[day_obs] = pairs[sampling.every_nth // 2 :: sampling.every_nth] or pairs[:1]
    which = f"every {ordinal(sampling.every_nth)} good pair of"
    rows = [
        PlannedExposure(
            one.exposure,
            key,
            Role.VERIFICATION,
            f"{which} {one.record.day_obs} ({pair}): is the camera still the same",
            {"day_obs": one.record.day_obs, "position": one.position + 1, **pair.evidence(), **one.notes},
        )
        for pair in _share(samples, sampling.maximum // 2)
        for one in (pair.first, pair.second)
    ]
    return rows, warnings


def _good_of_day(
    key: CalibrationKey,
    rule: CalibrationSettings,
    day: Sequence[ExposureRecord],
    material: Material,
    state: CameraState,
) -> tuple[list[Pair], str | None]:
    """Return the pairs of a day's largest ramp in the camera state asked for, by rising exposure time."""
    mine = [one for one in day if one.observation_type == rule.observation_type]
    if key.physical_filter is not None:
        mine = [one for one in mine if one.physical_filter == key.physical_filter]
    suitable = [one for one in mine if unsuitable(one, rule) is None]
    ramps = judge_ramps(suitable, day, rule, material.exclusions, material.state_keys)
    paired = [pair_up(ramp, rule.selection, material.state_keys, state).pairs for ramp in ramps]
    best = max(paired, key=len, default=())
    if best:
        return sorted(best, key=lambda one: (one.exposure_time, one.exposures)), None
    good = (one for ramp in ramps for one in ramp.members if not one.objections)
    different = next((found for one in good if (found := deviation(one.record, state))), None)
    if different is None:
        return [], None
    return [], f"{key}: no pair of {day[0].day_obs} verifies it, {different.reason}"


def _share(samples: Mapping[int, Sequence[Pair]], maximum: int) -> list[Pair]:
    """Take at most ``maximum`` pairs, one of each day in turn."""
    depth = max((len(one) for one in samples.values()), default=0)
    taken = [one[place] for place in range(depth) for one in samples.values() if place < len(one)]
    return sorted(taken[:maximum], key=lambda pair: pair.exposures)
