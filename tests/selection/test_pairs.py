"""Pairs of a photon transfer sequence: what makes the curve, what is left out and why."""

from dataclasses import replace

import pytest

from infra.raws.quick_statistics import QuickStatistics
from tasks.selection import Role
from tasks.selection.model import ExposureRecord
from tests.selection.nights import RED, Exclusion, Night, plan_of, row, rules
from tests.selection.ramps import TIMES, pairs_of, plan_ptc, ptc_rule, take_ramp, two_by_two


def scaled(night: Night, record: ExposureRecord, factor: float) -> ExposureRecord:
    """Change the light of one flat."""
    look = record.statistics
    assert isinstance(look, QuickStatistics)
    amplifiers = {
        name: replace(levels, level=levels.level * factor) for name, levels in look.amplifiers.items()
    }
    return night.change_look(record, level=look.level * factor, amplifiers=amplifiers)


def excluded(plan, key: str = "ptc") -> dict[int, str]:
    return {one.exposure: one.reason for one in plan.rows(key, Role.EXCLUDED)}


def test_a_sound_ramp_is_used_whole_past_saturation_included():
    night = Night()
    ramp = take_ramp(night)
    plan = plan_ptc(night)
    assert pairs_of(plan) == two_by_two(ramp)
    last = row(plan, ramp[-1].exposure, "ptc")
    assert last.evidence["saturated_fraction"] == 1.0
    assert last.evidence["level"] == pytest.approx(150_000, rel=0.01)
    assert last.evidence["pair"] == [ramp[-2].exposure, ramp[-1].exposure]
    assert last.reason.startswith("pair 22 of 22 (35 s, 150000 adu) in 20240326-flat-")
    assert plan.warnings == ()


@pytest.mark.parametrize("seed", range(20))
def test_a_sound_ramp_raises_no_false_alarm(seed):
    night = Night(seed)
    ramp = take_ramp(night, layout="exposure")
    assert len(plan_ptc(night).generation("ptc")) == len(ramp)


@pytest.mark.parametrize("n_levels", [10, 15, 33])
@pytest.mark.parametrize("is_flagged", [True, False])
@pytest.mark.parametrize("order", [1, -1])
def test_a_coarse_ramp_to_twice_full_well_raises_no_false_alarm(n_levels, is_flagged, order):
    """Beside saturated flats a sound one is bright, and the shortest may be far from faint."""
    night = Night()
    times = [60.0 * (step + 1) / n_levels for step in range(n_levels)]
    ramp = take_ramp(night, times[::order])
    for one in ramp:
        scaled(night, one, 1 - 4e-7 * one.statistics.level)
        if not is_flagged:
            night.change_look(
                next(r for r in night.records if r.exposure == one.exposure), saturated_fraction=0.0
            )
    assert excluded(plan_ptc(night)) == {}


@pytest.mark.parametrize("place", [0, 1, 7, 20, 30, 40, 43])
def test_a_dark_that_says_it_is_a_flat_is_named_and_its_partner_is_unpaired(place):
    night = Night()
    ramp = take_ramp(night)
    dark = ramp[place]
    night.change(dark, statistics=night.look("dark", dark.exposure_time, RED))
    plan = plan_ptc(night)
    partner = ramp[place ^ 1].exposure
    assert set(excluded(plan)) == {dark.exposure, partner}
    assert excluded(plan)[dark.exposure].startswith("mislabelled: called a flat")
    assert excluded(plan)[partner] == f"unpaired: its partner {dark.exposure} is not used (mislabelled)"


@pytest.mark.parametrize("place", [2, 7, 12, 20, 30])
@pytest.mark.parametrize("factor", [0.5, 0.85, 0.93, 1.15])
def test_a_lamp_that_drops_in_one_exposure_is_named(place, factor):
    night = Night()
    ramp = take_ramp(night)
    scaled(night, ramp[place], factor)
    plan = plan_ptc(night)
    assert set(excluded(plan)) == {ramp[place].exposure, ramp[place ^ 1].exposure}
    assert "unsteady lamp" in excluded(plan)[ramp[place].exposure]


@pytest.mark.parametrize("place", [12, 20, 30])
def test_a_lamp_that_drops_in_a_whole_pair_is_named(place):
    night = Night()
    ramp = take_ramp(night)
    for one in ramp[place : place + 2]:
        scaled(night, one, 0.8)
    plan = plan_ptc(night)
    assert set(excluded(plan)) == {one.exposure for one in ramp[place : place + 2]}


def test_a_pair_that_disagrees_by_little_loses_its_bad_one():
    night = Night()
    ramp = take_ramp(night)
    scaled(night, ramp[21], 0.965)
    reasons = excluded(plan_ptc(night))
    assert set(reasons) == {ramp[20].exposure, ramp[21].exposure}
    assert reasons[ramp[21].exposure].startswith("pair disagrees: level")
    assert reasons[ramp[20].exposure].endswith("(pair disagrees)")
    assert excluded(plan_ptc(night, maximum_pair_departure=0.05)) == {}


def test_real_non_linearity_is_not_blamed_on_the_lamp():
    """A quadratic loss of 12 % at 120 000 adu, and a shutter that takes a tenth of the shortest exposure."""
    night = Night()
    ramp = take_ramp(night)
    for one in ramp:
        level = one.statistics.level
        scaled(night, one, (1 - 1e-6 * level) * (1 - 0.004 / one.exposure_time))
    assert excluded(plan_ptc(night)) == {}


def test_a_drifting_lamp_is_a_warning_and_blames_no_exposure():
    night = Night()
    ramp = take_ramp(night, TIMES[::-1])
    for place, one in enumerate(ramp):
        scaled(night, one, 1 - 0.12 * place / len(ramp))
    plan = plan_ptc(night)
    assert excluded(plan) == {}
    (warning,) = plan.warnings
    assert "pairs-1: the lamp drifted by" in warning
    assert plan_ptc(night, maximum_lamp_drift=None).warnings == ()


def test_a_lone_flat_and_a_third_one_are_named():
    night = Night()
    take_ramp(night, TIMES[:10], name="one")
    (lone,) = take_ramp(night, [7.0], repeat=1, name="one")
    three = take_ramp(night, [9.0], repeat=3, name="one")
    take_ramp(night, TIMES[10:], name="one")
    plan = plan_ptc(night)
    reasons = excluded(plan)
    assert reasons[lone.exposure] == "unpaired: the only flat of 7 s here"
    assert reasons[three[2].exposure] == "third flat of 9 s in succession: the others are paired"
    assert len(reasons) == 2


def test_what_is_left_over_respects_groups_and_neighbours():
    night = Night()
    ramp = take_ramp(night, [*TIMES[:10], 6.0, *TIMES[10:]], layout="pair")
    night.lose(ramp[19])
    plan = plan_ptc(night)
    assert set(excluded(plan)) == {ramp[18].exposure}
    assert (ramp[20].exposure, ramp[21].exposure) in pairs_of(plan)


def test_a_bad_one_of_three_leaves_a_pair():
    night = Night()
    take_ramp(night, TIMES[:10], name="one")
    three = take_ramp(night, [9.0], repeat=3, name="one")
    take_ramp(night, TIMES[10:], name="one")
    scaled(night, three[1], 0.7)
    plan = plan_ptc(night)
    assert (three[0].exposure, three[2].exposure) in pairs_of(plan)


def test_another_camera_state_is_named_and_its_partner_unpaired():
    night = Night()
    ramp = take_ramp(night)
    night.change_state(ramp[10], SEQCKSUM="42")
    reasons = excluded(plan_ptc(night))
    assert "SEQCKSUM is 42" in reasons[ramp[10].exposure]
    assert reasons[ramp[11].exposure].endswith("(other camera state)")


def test_exclusions_nan_and_odd_amplifiers_count_as_in_sets():
    night = Night()
    ramp = take_ramp(night)
    night.change_look(ramp[4], nan_fraction=0.1)
    look = ramp[20].statistics
    dead = {**look.amplifiers, "C05": replace(look.amplifiers["C05"], level=0.0)}
    night.change_look(ramp[20], amplifiers=dead)
    plan = plan_of(night, calibrations=(ptc_rule(),), exclusions=[Exclusion(ramp[30].exposure)])
    reasons = excluded(plan)
    assert "not finite" in reasons[ramp[4].exposure]
    assert "odd amplifier: share of C05" in reasons[ramp[20].exposure]
    assert reasons[ramp[30].exposure] == "excluded by Vera: cloud of dust"
    assert len(reasons) == 6


def test_flats_nobody_looked_at_are_paired_all_the_same():
    night = Night()
    for one in take_ramp(night):
        night.change(one, statistics=None)
    plan = plan_ptc(night)
    assert len(plan.generation("ptc")) == 2 * len(TIMES)
    assert plan.rows("ptc")[0].evidence["pixels"] == "not looked at"
    assert "level" in plan.rows("ptc")[0].evidence


def test_pairs_held_out_verify_and_never_the_outermost():
    night = Night()
    ramp = take_ramp(night)
    plan = plan_ptc(night, hold_out_every=5)
    held = pairs_of(plan, Role.VERIFICATION)
    assert len(held) == 4
    assert len(plan.generation("ptc")) == 2 * (len(TIMES) - 4)
    assert not {ramp[0].exposure, ramp[-1].exposure} & {one for pair in held for one in pair}
    assert "one pair in 5 is held out" in plan.rows("ptc", Role.VERIFICATION)[0].reason


def test_no_pair_is_held_out_where_too_few_would_remain_and_the_plan_says_so():
    night = Night()
    take_ramp(night, TIMES[4:15])
    plan = plan_ptc(night, hold_out_every=5)
    assert plan.verification("ptc") == ()
    assert "no pair is held out for verification" in plan.warnings[0]


def test_a_target_takes_pairs_evenly_over_the_levels():
    night = Night()
    ramp = take_ramp(night)
    plan = plan_ptc(night, target_pairs=12)
    assert len(pairs_of(plan)) == 12
    assert {ramp[0].exposure, ramp[-1].exposure} < set(plan.generation("ptc"))
    assert len(pairs_of(plan, Role.VERIFICATION)) == 10


def test_too_few_pairs_or_levels_is_a_shortage_that_says_what_to_take():
    night = Night()
    take_ramp(night, TIMES[5:11])
    (short,) = plan_ptc(night).shortages
    assert (short.usable, short.minimum, short.frames_to_take) == (12, 20, 40)
    assert "6 good pairs of 6 exposure times" in short.reason
    assert short.advice.startswith("take 20 pairs of flats in one go in SDSSr_65mm~empty, two of each")
    plan = plan_ptc(night, minimum_pairs=6, minimum_levels=7)
    assert plan.generation("ptc") == ()
    assert "6 of 7 needed" in plan.rows("ptc")[0].reason


def test_a_day_without_pairs_lacks_them_unless_they_are_made_only_when_taken():
    night = Night()
    night.take("flat", 21)
    (short,) = plan_ptc(night).shortages
    assert short.reason == "no sequence of flat pairs over several exposure times on this day"
    plan = plan_of(night, calibrations=(ptc_rule(when_taken=True), *rules()))
    assert "ptc" not in {str(one.calibration) for one in [*plan.exposures, *plan.shortages]}
    take_ramp(night, TIMES[5:9])
    again = plan_of(night, calibrations=(ptc_rule(when_taken=True),))
    assert [str(one.calibration) for one in again.shortages] == ["ptc"]


def test_pairs_of_other_days_verify():
    night, other = Night(), Night(day_obs=20240325)
    take_ramp(night)
    sample = take_ramp(other)
    plan = plan_of(night, other.records, calibrations=(ptc_rule(),))
    pairs = pairs_of(plan, Role.VERIFICATION)
    assert 0 < len(pairs) <= 10
    assert set(pairs) < set(two_by_two(sample))
    assert "every 5th good pair of 20240325" in plan.rows("ptc", Role.VERIFICATION)[0].reason
    for one in sample:
        other.change_state(one, SEQCKSUM="42")
    plan = plan_of(night, other.records, calibrations=(ptc_rule(),))
    assert plan.verification("ptc") == ()
    assert "no pair of 20240325 verifies it, camera state differs" in plan.warnings[0]
