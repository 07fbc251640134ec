"""Calibrations made from others, in one filter only, and two calibrations of the same exposures."""

from collections import Counter

from infra.settings.selection import SelectionSettings
from tasks.selection import DayState, Role, calibration_days
from tests.selection.nights import DAY, GREEN, RED, Night, calibration_night, plan_of, row, rules
from tests.selection.ramps import bootstraps, everything, made, take_ramp

BANDS = {RED: "r", GREEN: "g"}


def whole_night(seed: int = 0, day_obs: int = DAY) -> Night:
    night = calibration_night(seed, day_obs)
    take_ramp(night)
    return night


def test_defects_get_the_exposures_of_the_calibrations_they_are_made_from():
    plan = plan_of(calibration_night(), calibrations=bootstraps())
    parents = ("biasBootstrap", "darkBootstrap", "flatBootstrap-r")
    used = sorted(exposure for name in parents for exposure in plan.generation(name))
    assert plan.generation("defects") == tuple(used)
    assert len(used) == 60
    reasons = Counter(one.reason for one in plan.rows("defects", Role.GENERATION))
    assert reasons == {f"enters through {name}": 20 for name in parents}
    spare = sorted(exposure for name in parents for exposure in plan.verification(name))
    assert plan.verification("defects") == tuple(spare)


def test_exposures_that_test_defects_are_limited_and_shared():
    night = calibration_night(n=34)
    plan = plan_of(night, calibrations=bootstraps())
    assert len(plan.verification("defects")) == 20
    through = Counter(str(one.evidence["through"]) for one in plan.rows("defects", Role.VERIFICATION))
    assert sorted(through.values()) == [6, 7, 7]
    assert "20 others are enough" in plan.rows("defects", Role.EXCLUDED)[0].reason


def test_a_derived_calibration_is_short_where_one_of_its_sources_is():
    night = Night()
    night.take("bias", 21)
    night.take("dark", 5)
    night.take("flat", 21)
    plan = plan_of(night, calibrations=bootstraps())
    assert plan.generation("defects") == ()
    (short,) = [one for one in plan.shortages if str(one.calibration) == "defects"]
    assert "made from darkBootstrap" in short.reason
    assert short.advice.startswith("for darkBootstrap: take 21 dark exposures")
    night = Night()
    night.take("bias", 21)
    short = plan_of(night, calibrations=bootstraps()).shortages[-1]
    assert "made from darkBootstrap and flatBootstrap" in short.reason
    assert short.advice.endswith("take exposures for flatBootstrap, or make it part of the plan")


def test_it_can_be_planned_before_what_it_is_made_from():
    night = calibration_night()
    plan = plan_of(night, calibrations=bootstraps()[::-1])
    assert plan.generation("defects") == plan_of(night, calibrations=bootstraps()).generation("defects")


def test_a_single_filter_is_the_one_with_most_usable_exposures():
    night = Night()
    red = night.take("flat", 15, physical_filter=RED)
    green = night.take("flat", 18, physical_filter=GREEN)
    (flat,) = [one for one in bootstraps() if one.name == "flatBootstrap"]
    plan = plan_of(night, calibrations=(flat,))
    assert list(map(str, plan.keys())) == ["flatBootstrap-g"]
    other = row(plan, red[3].exposure, "flatBootstrap-g")
    assert other.role is Role.EXCLUDED
    assert f"made in {GREEN} only" in other.reason
    for one in green[5:]:
        night.change_look(one, nan_fraction=0.5)
    assert list(map(str, plan_of(night, calibrations=(flat,)).keys())) == ["flatBootstrap-r"]


def test_of_filters_alike_the_one_with_more_light_is_taken():
    night = Night()
    night.take("flat", 15, physical_filter=GREEN)
    night.take("flat", 15, physical_filter=RED)
    (flat,) = [one for one in bootstraps() if one.name == "flatBootstrap"]
    assert list(map(str, plan_of(night, calibrations=(flat,)).keys())) == ["flatBootstrap-r"]


def test_a_whole_chain_gives_every_exposure_one_row_for_each_calibration():
    night = whole_night()
    plan = plan_of(night, calibrations=everything())
    rows = Counter((one.exposure, str(one.calibration)) for one in plan.exposures)
    assert set(rows.values()) == {1}
    assert {one.exposure for one in night.records} == {one.exposure for one in plan.exposures}
    assert plan.shortages == ()
    assert plan.warnings == ()
    assert plan.generation("ptc") == plan.generation("linearizer")
    assert plan.generation("bias") == plan.generation("biasBootstrap")
    assert plan.generation("flat-r") == plan.generation("flatBootstrap-r")
    assert len({one.exposures for one in plan.sets}) == len(plan.sets) == 5
    assert len({one.name for one in plan.sets}) == 5


def test_what_nobody_took_is_told_apart_from_what_nobody_asks_for():
    night = calibration_night()
    special = everything()[5].model_copy(update={"name": "special"})
    plan = plan_of(night, calibrations=(special,))
    flat = next(one for one in night.records if one.observation_type == "flat")
    (only,) = plan.explain(flat.exposure)
    assert only.calibration is None
    assert only.reason == "the exposures that special would be made from were not taken on this day"


def test_days_count_pairs_and_what_is_made_from_others():
    night = whole_night()
    (day,) = calibration_days(night.records, (), everything(), bands=BANDS)
    assert day.summary == "defects 63, linearizer 44, ptc 44, bias 21, dark 21, flat-g 21, flat-r 21"
    assert day.state is DayState.READY
    assert len(day.sets) == 5
    done = {(DAY, str(one.calibration)) for one in day.counts}
    (day,) = calibration_days(night.records, done, everything(), bands=BANDS)
    assert day.state is DayState.DONE


def test_days_tell_what_a_sequence_or_a_source_lacks():
    night = Night()
    night.take("bias", 21)
    take_ramp(night, [0.5, 1.0, 2.0, 4.0] * 3, layout="none")
    rule = [one for one in everything() if one.name in ("ptc", "biasBootstrap", "defects")]
    (day,) = calibration_days(night.records, (), rule, bands=BANDS)
    assert day.summary == "defects 21 (1 of 3 needed), ptc 24 (of too few exposure times)"
    night = Night()
    take_ramp(night, [0.5, 1.0, 2.0, 4.0])
    (day,) = calibration_days(night.records, (), rule, bands=BANDS)
    assert day.summary == "ptc 8 (8 of 20 needed)"
    night = Night()
    night.take("flat", 21)
    assert calibration_days(night.records, (), [one for one in rule if one.name == "ptc"]) == []


def test_a_ramp_is_no_set_when_days_are_counted():
    night = Night()
    take_ramp(night, [3.0] * 6 + [0.1, 0.2, 0.5, 1.0, 2.0, 6.0])
    assert calibration_days(night.records, (), rules(), bands=BANDS) == []


def test_it_is_made_from_the_flat_of_its_own_filter_and_quietly_left_out_without():
    def plan_for(*filters: str):
        selection = SelectionSettings(filters=filters, when_taken=True)
        rule = made("spectroFlat", None, after=("flat",), selection=selection)
        return plan_of(calibration_night(), calibrations=(*rules(), rule))

    of_green = plan_for(GREEN)
    assert of_green.generation("spectroFlat") == of_green.generation("flat-g")
    without = plan_for("empty~empty")
    assert "spectroFlat" not in map(str, without.keys())
    assert without.shortages == of_green.shortages
