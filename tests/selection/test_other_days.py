"""Exposures of other days, drawn to see whether the camera is still the same."""

from tasks.selection import Role
from tasks.selection.model import Plan, PlannedExposure
from tests.selection.nights import DAY, Night, calibration_night, plan_of, rules


def test_other_days_are_sampled_evenly_and_nearest_first():
    other_days = [r for day in (DAY - 1, DAY + 1, DAY - 2) for r in calibration_night(day_obs=day).records]
    plan = plan_of(calibration_night(), other_days)
    sampled = [one for one in plan.rows("bias", Role.VERIFICATION) if one.evidence.get("day_obs")]
    days = [one.evidence["day_obs"] for one in sampled]
    assert {day: days.count(day) for day in days} == {DAY - 1: 5, DAY + 1: 5, DAY - 2: 5}
    assert "every 5th good exposure" in sampled[0].reason
    few = plan_of(calibration_night(), other_days, calibrations=_sampling(maximum=4))
    sampled = [
        one.evidence["day_obs"] for one in few.rows("bias", Role.VERIFICATION) if one.evidence.get("day_obs")
    ]
    assert sorted(sampled) == [DAY - 2, DAY - 1, DAY - 1, DAY + 1]
    near = plan_of(calibration_night(), other_days, calibrations=_sampling(other_days=1))
    assert {one.evidence["day_obs"] for one in near.rows("bias") if one.evidence.get("day_obs")} == {DAY - 1}


def _sampling(**changes: object):
    return tuple(
        one.model_copy(
            update={
                "selection": one.selection.model_copy(
                    update={"verification": one.selection.verification.model_copy(update=changes)}
                )
            }
        )
        for one in rules()
    )


def test_another_camera_state_keeps_another_day_out_and_is_said_once():
    other = calibration_night(day_obs=DAY - 1)
    for record in list(other.records):
        other.change_state(record, SEQCKSUM="42")
    plan = plan_of(calibration_night(), other.records)
    assert not [one for one in plan.exposures if one.evidence.get("day_obs")]
    assert sum("SEQCKSUM is 42" in text for text in plan.warnings) == 4


def _drawn(plan: Plan, key: str = "bias") -> list[PlannedExposure]:
    return [one for one in plan.rows(key, Role.VERIFICATION) if one.evidence.get("day_obs")]


def _two_sets(day_obs: int = DAY - 1) -> Night:
    night = Night(day_obs=day_obs)
    night.take("bias", 11)
    night.wait(3600)
    night.take("bias", 11)
    return night


def test_first_exposures_of_other_days_were_drawn_although_the_profile_keeps_them_out():
    other = _two_sets()
    other.change_look(other.records[4], saturated_fraction=0.4)
    plan = plan_of(
        calibration_night(), other.records, calibrations=_sampling(first_exposures=False, every_nth=1)
    )
    drawn = {one.exposure for one in _drawn(plan)}
    firsts = {other.records[0].exposure, other.records[11].exposure}
    spoilt = {other.records[4].exposure, other.records[5].exposure}
    assert drawn == {one.exposure for one in other.records} - firsts - spoilt


def test_the_first_good_frame_of_another_day_was_drawn_after_bad_ones():
    other = _two_sets()
    other.change_look(other.records[0], nan_fraction=0.5)
    plan = plan_of(
        calibration_night(), other.records, calibrations=_sampling(first_exposures=False, every_nth=1)
    )
    assert other.records[1].exposure not in {one.exposure for one in _drawn(plan)}
    assert other.records[2].exposure in {one.exposure for one in _drawn(plan)}


def test_an_artefact_of_another_day_was_not_on_record_so_that_verification_failed():
    other = _two_sets()
    other.change_look(other.records[4], saturated_fraction=0.4)
    rows = {
        one.exposure: one.evidence
        for one in _drawn(plan_of(calibration_night(), other.records, calibrations=_sampling(every_nth=1)))
    }
    first, after, plain = other.records[0], other.records[5], other.records[6]
    assert rows[first.exposure]["position"] == 1
    assert rows[first.exposure]["artefact"] == "first exposure of its set"
    assert rows[after.exposure]["after_saturated"] == other.records[4].exposure
    assert "right after the saturated exposure" in str(rows[after.exposure]["artefact"])
    assert "artefact" not in rows[plain.exposure]
