"""Exposures listed by hand, and what it takes to use one that the rules forbid."""

import pytest

from infra.errors import SelectionError
from tasks.selection import Overrides, Role
from tests.selection.nights import DAY, Exclusion, calibration_night, plan_of, row, rules


def test_a_list_made_by_hand_is_used_as_it_is():
    night = calibration_night()
    listed = [one.exposure for one in night.records[1:13]]
    plan = plan_of(night, overrides=Overrides(frozenset(listed)))
    assert plan.generation("bias") == tuple(listed)
    assert row(plan, listed[0], "bias").reason == "listed by hand"
    assert "not on the list" in row(plan, night.records[15].exposure, "bias").reason
    assert plan.generation("dark") == ()


def test_a_listed_exposure_that_the_rules_forbid_needs_a_reason():
    night = calibration_night()
    night.change_look(night.records[3], nan_fraction=0.2)
    listed = frozenset(one.exposure for one in night.records[:12])
    with pytest.raises(SelectionError, match=r"forbid 2 of the exposures listed.*first exposure.*not finite"):
        plan_of(night, overrides=Overrides(listed))
    plan = plan_of(night, overrides=Overrides(listed, "only frames there are"))
    forced = row(plan, night.records[3].exposure, "bias")
    assert forced.role is Role.GENERATION
    assert forced.evidence["override"] == "only frames there are"
    assert "not finite" in str(forced.evidence["objection"])


def test_a_list_that_is_too_short_needs_a_reason():
    night = calibration_night()
    listed = frozenset(one.exposure for one in night.records[1:5])
    with pytest.raises(SelectionError, match="only 4 exposures are listed for bias, 10 needed"):
        plan_of(night, overrides=Overrides(listed))
    assert len(plan_of(night, overrides=Overrides(listed, "test")).generation("bias")) == 4


def test_a_blocked_exposure_cannot_enter_by_list_without_a_reason():
    night = calibration_night()
    listed = frozenset(one.exposure for one in night.records[1:13])
    block = [Exclusion(night.records[4].exposure)]
    with pytest.raises(SelectionError, match="excluded by Vera"):
        plan_of(night, overrides=Overrides(listed), exclusions=block)


def test_exposures_of_several_days_can_be_pooled_by_hand():
    other = calibration_night(day_obs=DAY - 1)
    night = calibration_night()
    listed = [one.exposure for one in [*other.records[1:8], *night.records[1:8]]]
    plan = plan_of(night, other.records, overrides=Overrides(frozenset(listed)))
    assert plan.generation("bias") == tuple(sorted(listed))


def test_a_list_could_take_what_the_profile_drops_at_the_start_of_a_set():
    night = calibration_night()
    listed = frozenset(one.exposure for one in night.records[1:15])
    with pytest.raises(SelectionError, match=r"forbid 2 .*among the first 3 exposures of its set"):
        plan_of(night, overrides=Overrides(listed), calibrations=rules(drop_first=3))
    assert len(plan_of(night, overrides=Overrides(listed)).generation("bias")) == 14


def test_a_list_could_take_the_first_good_exposure_after_bad_ones():
    night = calibration_night()
    night.change_look(night.records[0], nan_fraction=0.5)
    with pytest.raises(SelectionError, match=r"forbid 1 .*first good exposure of its set"):
        plan_of(night, overrides=Overrides(frozenset(one.exposure for one in night.records[1:13])))


def test_a_list_reaching_into_another_day_made_its_second_exposure_the_first():
    # Only what was listed of the other day was looked at, so that its set seemed to begin there.
    other, night = calibration_night(day_obs=DAY - 1), calibration_night()
    listed = frozenset(one.exposure for one in [*other.records[1:8], *night.records[1:8]])
    plan = plan_of(night, other.records, overrides=Overrides(listed))
    assert {one.reason for one in plan.rows("bias", Role.GENERATION)} == {"listed by hand"}
    unlisted = [
        one for one in plan.rows("bias") if one.exposure not in listed and one.evidence.get("day_obs")
    ]
    assert all(one.reason.startswith("every 5th good exposure") for one in unlisted)
