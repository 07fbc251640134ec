"""Recognising a photon transfer sequence, however it was taken, and keeping it out of even flats."""

import random

import pytest

from tasks.selection import Role
from tests.selection.nights import GREEN, RED, Night, plan_of, row, rules
from tests.selection.ramps import TIMES, pairs_of, plan_ptc, ptc_rule, take_ramp, two_by_two

SHUFFLED = tuple(random.Random(4).sample(TIMES, len(TIMES)))


@pytest.mark.parametrize("layout", ["sequence", "pair", "exposure", "none"])
@pytest.mark.parametrize("times", [TIMES, TIMES[::-1], SHUFFLED], ids=["rising", "falling", "shuffled"])
@pytest.mark.parametrize("between", [None, "bias", "dark"])
def test_every_way_to_take_a_ramp_is_recognised(layout, times, between):
    night = Night()
    taken = take_ramp(night, times, layout=layout, between=between)
    plan = plan_ptc(night)
    assert pairs_of(plan) == two_by_two(taken)
    assert plan.generation("ptc") == tuple(one.exposure for one in taken)
    (ramp,) = plan.sets
    assert (ramp.name, ramp.exposure_time) == ("20240326-flat-SDSSr_65mm_empty-pairs-1", None)
    assert plan.shortages == ()


@pytest.mark.parametrize("layout", ["sequence", "pair", "exposure", "none"])
@pytest.mark.parametrize("order", ["set first", "ramp first", "ramp between"])
def test_an_even_set_beside_a_ramp_stays_a_set(layout, order):
    night = Night()
    sets = []
    if order != "ramp first":
        sets.append(night.take("flat", 21, exposure_time=3.0, group="a" if layout == "sequence" else ""))
    ramp = take_ramp(night, layout=layout)
    if order != "set first":
        sets.append(night.take("flat", 21, exposure_time=3.0, group="b" if layout == "sequence" else ""))
    plan = plan_ptc(night, *rules())
    assert pairs_of(plan) == two_by_two(ramp)
    in_ramp = {one.exposure for one in ramp}
    assert len(plan.generation("flat-r")) == 20
    assert not in_ramp & set(plan.generation("flat-r"))
    assert "belongs to a ramp of 44 flats from 0.04 to 35 s" in row(plan, ramp[0].exposure, "flat-r").reason
    assert "in no sequence of pairs" in row(plan, sets[0][5].exposure, "ptc").reason


def test_a_ramp_alone_makes_no_flat():
    night = Night()
    take_ramp(night)
    plan = plan_of(night)
    assert plan.generation("flat-r") == ()
    assert "belongs to a ramp" in plan.rows("flat-r")[0].reason


@pytest.mark.parametrize("layout", ["sequence", "pair", "exposure"])
def test_twenty_flats_of_one_time_within_a_ramp_make_no_flat(layout):
    night = Night()
    times = [*TIMES[:9], *([4.5] * 10), *TIMES[9:]]
    ramp = take_ramp(night, times, layout=layout)
    plan = plan_ptc(night, *rules())
    assert plan.generation("flat-r") == ()
    assert len(pairs_of(plan)) == len(times)
    assert {one.exposure for one in ramp} == set(plan.generation("ptc"))


def test_a_level_that_is_visited_again_and_again_stays_in_the_ramp():
    night = Night()
    times = [time for one in TIMES for time in (3.0, one)]
    take_ramp(night, times, layout="pair")
    plan = plan_ptc(night, *rules())
    assert len(pairs_of(plan)) == len(times)
    assert plan.generation("flat-r") == ()


def test_flats_tried_out_before_a_set_are_no_ramp():
    night = Night()
    for time in (0.5, 1.0, 2.0):
        night.take("flat", exposure_time=time)
    night.take("flat", 21, exposure_time=3.0)
    plan = plan_ptc(night, *rules())
    assert len(plan.generation("flat-r")) == 20
    assert plan.generation("ptc") == ()


def test_sets_of_flats_with_a_jittering_shutter_are_no_ramp():
    night = Night()
    for record in night.take("flat", 21, exposure_time=15.0):
        night.change(record, exposure_time=15.0 + 0.003 * (record.seq_num % 13))
    plan = plan_ptc(night, *rules())
    assert len(plan.generation("flat-r")) == 20


@pytest.mark.parametrize("layout", ["sequence", "pair", "exposure", "none"])
@pytest.mark.parametrize("second", [TIMES, TIMES[::-1]], ids=["again", "back down"])
def test_a_ramp_gone_through_twice_is_two_and_one_of_them_verifies(layout, second):
    night = Night()
    first = take_ramp(night, TIMES, layout=layout, name="one")
    later = take_ramp(night, second, layout=layout, name="two")
    plan = plan_ptc(night)
    # Back down without groups the four flats at the top are one level of the first ramp.
    assert len(plan.sets) == 2
    used = set(plan.generation("ptc"))
    spare = set(plan.verification("ptc"))
    assert used | spare == {one.exposure for one in [*first, *later]}
    assert len(used) >= 2 * len(TIMES)
    assert "another sequence of the day" in plan.rows("ptc", Role.VERIFICATION)[0].reason


def test_of_equal_ramps_the_latest_is_taken():
    night = Night()
    take_ramp(night, name="one")
    night.wait(3600)
    later = take_ramp(night, layout="none")
    assert pairs_of(plan_ptc(night)) == two_by_two(later)


def test_a_larger_ramp_wins_over_a_later_one_unless_the_latest_is_asked_for():
    night = Night()
    large = take_ramp(night, name="one")
    later = take_ramp(night, TIMES[::2], name="two")
    assert pairs_of(plan_ptc(night)) == two_by_two(large)
    rule = ptc_rule()
    latest = rule.model_copy(update={"selection": rule.selection.model_copy(update={"sets": "latest"})})
    assert pairs_of(plan_of(night, calibrations=(latest,))) == two_by_two(later)


def test_a_ramp_is_of_one_filter():
    night = Night()
    for time in TIMES:
        for colour in (RED, GREEN):
            night.take("flat", 2, exposure_time=time, physical_filter=colour)
    plan = plan_ptc(night)
    filters = {record.exposure: record.physical_filter for record in night.records}
    assert {filters[exposure] for exposure in plan.generation("ptc")} == {GREEN}
    assert len(plan.sets) == 2
    rule = ptc_rule()
    only = rule.model_copy(update={"selection": rule.selection.model_copy(update={"filters": (RED,)})})
    plan = plan_of(night, calibrations=(only,))
    assert {filters[exposure] for exposure in plan.generation("ptc")} == {RED}


def test_a_ramp_gone_on_with_in_another_camera_state_is_two():
    night = Night()
    before = take_ramp(night, TIMES[:12], name="one")
    after = take_ramp(night, TIMES[12:], name="one")
    for record in after:
        night.change_state(record, SEQCKSUM="42")
    plan = plan_ptc(night)
    assert pairs_of(plan) == two_by_two(before)
    assert "SEQCKSUM is 42" in row(plan, after[3].exposure, "ptc").reason


def test_reasons_name_a_ramp_that_its_structure_would_not():
    night = Night()
    take_ramp(night, [3.0, 3.5, 4.0, 4.5, 5.0] * 2, reason="ptc", layout="none")
    other = take_ramp(night, name="other", reason="test")
    rule = ptc_rule(minimum_levels=5)
    named = rule.selection.model_copy(update={"observation_reasons": ("ptc",)})
    plan = plan_of(night, calibrations=(rule.model_copy(update={"selection": named}),))
    assert len(plan.generation("ptc")) == 20
    assert "'test' is not among ptc" in row(plan, other[0].exposure, "ptc").reason
    for record in night.records:
        night.change(record, science_program="PTC" if record.observation_reason == "ptc" else "X")
    programs = rule.selection.model_copy(update={"observation_reasons": ("PTC",)})
    again = plan_of(night, calibrations=(rule.model_copy(update={"selection": programs}),))
    assert again.generation("ptc") == plan.generation("ptc")


def test_a_script_that_takes_a_set_and_a_ramp_in_one_group_is_told_apart_by_reason():
    night = Night()
    night.take("flat", 21, exposure_time=3.0, group="script", reason="flat")
    ramp = take_ramp(night, name="script", reason="ptc")
    plan = plan_ptc(night, *rules())
    assert len(plan.generation("flat-r")) == 20
    assert pairs_of(plan) == two_by_two(ramp)


def test_a_wrong_filter_within_a_ramp_is_named_and_asks_for_no_flat_in_it():
    night = Night()
    night.take("flat", 21)
    ramp = take_ramp(night)
    night.change(ramp[8], physical_filter=GREEN)
    plan = plan_ptc(night, *rules())
    for key in ("ptc", "flat-g"):
        reason = row(plan, ramp[8].exposure, key).reason
        assert f"filter {GREEN} among {RED}, inside a sequence of 43" in reason
    assert "flat-g" not in {str(one.calibration) for one in plan.shortages}
    assert row(plan, ramp[9].exposure, "ptc").reason == "unpaired: the only flat of 0.6 s here"
