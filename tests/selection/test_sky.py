"""Exposures of the sky: bright stars for crosstalk, much sky for fringes, dithered frames for the sky."""

import math
from dataclasses import replace

import pytest
from pydantic import ValidationError

from infra.settings import SelectionSettings
from infra.settings.profile import CalibrationSettings
from tasks.selection.days import calibration_days
from tasks.selection.detectors import merge_detectors
from tasks.selection.model import Role
from tasks.selection.sky import repeated_pointings, separation
from tests.selection.nights import GREEN, RED, Night, plan_of, row, rules

BANDS = {RED: "r", GREEN: "g"}


def rule(name="crosstalk", *, per_filter=False, **selection):
    chosen = {"target": 20, "minimum": 3, "drop_first": 0, "sets": "all", "when_taken": True, **selection}
    return CalibrationSettings(
        name=name,
        observation_type="science",
        per_filter=per_filter,
        pipeline=name,
        verification_pipeline=f"verify{name}",
        selection=SelectionSettings.model_validate(chosen),
    )


def sky(night, n=1, *, level=200.0, bright=2e-4, at=None, **options):
    """Take exposures of the sky."""
    taken = []
    for index in range(n):
        (one,) = night.take("science", 1, **options)
        night.change_look(one, level=level, bright_fraction=bright)
        ra, dec = (None, None) if at is None else at[index]
        taken.append(night.change(one, ra=ra, dec=dec))
    return taken


def ids(records):
    return tuple(one.exposure for one in records)


def test_frames_of_bright_stars_are_known_by_their_pixels_whatever_they_were_taken_for():
    night = Night()
    few = sky(night, 2, bright=1e-6)
    stars = sky(night, 3, reason="crosstalk") + sky(night, 2, physical_filter=GREEN, exposure_time=5.0)
    night.wait(7200)
    stars += sky(night, 2, reason="survey")
    plan = plan_of(night, calibrations=[rule(minimum_bright_fraction=1e-4)], bands=BANDS)
    assert plan.generation("crosstalk") == ids(stars)
    for one in few:
        found = row(plan, one.exposure, "crosstalk")
        assert found.role is Role.EXCLUDED
        assert found.reason == "too few bright stars: 0.0001% of the pixels are bright (at least 0.0100%)"
        assert found.evidence["limit"] == 1e-4
    assert len(plan.exposures) == len(night.records)
    assert not plan.shortages


def test_reasons_still_count_where_the_rules_ask_for_them():
    night = Night()
    sky(night, 3, reason="survey")
    stars = sky(night, 3, reason="crosstalk")
    plan = plan_of(night, calibrations=[rule(observation_reasons=["crosstalk"])], bands=BANDS)
    assert plan.generation("crosstalk") == ids(stars)


def test_fringes_need_a_band_a_time_much_sky_and_no_crowd():
    night = Night()
    good = sky(night, 4, level=900.0)
    for options, words in (
        ({"exposure_time": 5.0, "level": 900.0}, "exposure time 5 s is shorter than 20 s"),
        ({"level": 80.0}, "too little light: level 80.0 adu (at least 300 adu)"),
        ({"level": 900.0, "bright": 0.02}, "crowded: 2.0000% of the pixels are bright (at most 0.5000%)"),
        ({"level": 900.0, "physical_filter": GREEN}, f"filter '{GREEN}' is not among those asked for"),
    ):
        (bad,) = sky(night, **options)
        fringe = rule(
            "fringe",
            per_filter=True,
            bands=["r"],
            minimum_exposure_time=20.0,
            minimum_level=300.0,
            maximum_bright_fraction=5e-3,
        )
        plan = plan_of(night, calibrations=[fringe], bands=BANDS)
        (found,) = plan.explain(bad.exposure)
        assert (found.role, found.reason) == (Role.EXCLUDED, words)
        assert plan.generation("fringe-r") == ids(good)


def test_exposures_that_point_where_another_does_test_and_do_not_make():
    night = Night()
    # 30 arcsec apart in declination; the fourth 3 arcsec from the first, the last of unknown pointing.
    at = [
        (150.0, 2.0),
        (150.0, 2.0 + 30 / 3600),
        (150.0, 2.0 - 30 / 3600),
        (150.0, 2.0 + 3 / 3600),
        (None, None),
    ]
    taken = sky(night, 5, at=at)
    plan = plan_of(night, calibrations=[rule("sky", distinct_pointings=10.0)], bands=BANDS)
    first, *_, same, unknown = taken
    assert plan.generation("sky") == tuple(one.exposure for one in taken if one is not same)
    assert unknown.exposure in plan.generation("sky")
    found = row(plan, same.exposure, "sky")
    assert found.role is Role.VERIFICATION
    assert f"points where exposure {first.exposure} does, within 10 arcsec" in found.reason


def test_too_few_pointings_are_a_shortage_that_says_what_to_do():
    night = Night()
    sky(night, 6, at=[(10.0, -30.0)] * 6)
    plan = plan_of(night, calibrations=[rule("sky", distinct_pointings=10.0)], bands=BANDS)
    (shortage,) = plan.shortages
    assert (shortage.usable, shortage.frames_to_take) == (1, 20)
    assert "each pointed elsewhere" in shortage.advice
    assert "will not be combined" not in shortage.advice
    assert len(plan.exposures) == 6


def test_a_night_without_bright_stars_lacks_nothing_and_says_why_of_each():
    night = Night()
    sky(night, 4, bright=0.0)
    plan = plan_of(night, calibrations=[rule(minimum_bright_fraction=1e-4)], bands=BANDS)
    assert not plan.shortages
    assert not plan.keys()
    assert len(plan.rows("crosstalk", Role.EXCLUDED)) == 4


def test_frames_nobody_looked_at_are_left_out_where_their_pixels_decide():
    night = Night()
    blind, old, *_ = sky(night, 5)
    night.change(blind, statistics=None)
    night.change_look(old, bright_fraction=math.nan)
    plan = plan_of(night, calibrations=[rule(minimum_bright_fraction=1e-4)], bands=BANDS)
    assert "its pixels were not looked at" in row(plan, blind.exposure, "crosstalk").reason
    assert "its bright pixels were not counted" in row(plan, old.exposure, "crosstalk").reason
    assert len(plan.generation("crosstalk")) == 3


def test_light_of_the_sky_is_no_leak_and_a_filter_between_others_no_wrong_header():
    night = Night()
    taken = sky(night, 3, level=4000.0)
    taken += sky(night, 1, level=2500.0, physical_filter=GREEN) + sky(night, 3, level=4100.0)
    plan = plan_of(night, calibrations=[rule()], bands=BANDS)
    assert plan.generation("crosstalk") == ids(taken)


def test_other_calibrations_of_the_day_are_as_before():
    night = Night()
    night.take("bias", 21)
    sky(night, 4)
    alone = plan_of(night.records[:21], calibrations=rules()[:1])
    plan = plan_of(night, calibrations=[*rules()[:1], rule()], bands=BANDS)
    assert plan.generation("bias") == alone.generation("bias")
    assert len(plan.generation("crosstalk")) == 4


def test_a_listed_first_exposure_of_the_sky_needs_no_override():
    from tasks.selection.explicit import Overrides

    night = Night()
    taken = sky(night, 4)
    chosen = frozenset(ids(taken[:3]))
    plan = plan_of(night, calibrations=[rule()], bands=BANDS, overrides=Overrides(chosen))
    assert frozenset(plan.generation("crosstalk")) == chosen


def test_a_day_of_the_sky_is_counted_as_one_set():
    night = Night()
    sky(night, 2)
    night.wait(5000)
    sky(night, 2)
    (day,) = calibration_days(night.records, set(), [rule()], bands=BANDS)
    (count,) = day.counts
    assert (count.exposures, count.sets, count.largest_set, count.needed) == (4, 1, 4, 3)
    assert count.complete


def test_separations_are_those_of_the_sphere():
    night = Night()
    one, other = sky(night, 2, at=[(359.999, 60.0), (0.001, 60.0)])
    # 7.2 arcsec of right ascension, halved by the cosine of 60 degrees.
    assert separation(one, other) == pytest.approx(3.6, rel=1e-6)
    assert separation(one, replace(other, ra=None)) == math.inf
    assert repeated_pointings([one, other], 3.7) == {other.exposure: one.exposure}
    assert not repeated_pointings([one, other], 3.5)
    assert not repeated_pointings([one, one], None)


def test_the_bright_fraction_of_a_camera_is_that_of_its_usual_detector():
    night = Night()
    look = sky(night)[0].statistics
    looks = {f"S{i}": replace(look, bright_fraction=value) for i, value in enumerate((1e-4, 2e-4, 0.3))}
    assert merge_detectors(looks).bright_fraction == 2e-4


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (
            {"minimum_bright_fraction": 0.1, "maximum_bright_fraction": 0.01},
            r"minimum_bright_fraction \(0.1\) to be below maximum_bright_fraction \(0.01\)",
        ),
        ({"bands": ["z"], "filters": ["SDSSz"]}, "expected 'bands' or 'filters', not both"),
        ({"bands": []}, "expected at least one name in 'bands'"),
        (
            {"minimum_exposure_time": 5, "exposure_time_range": [1, 10]},
            "expected 'minimum_exposure_time' or 'exposure_time_range', not both",
        ),
        ({"minimum_exposure_time": 0}, "greater than 0"),
        ({"minimum_bright_fraction": 2}, "less than or equal to 1"),
        ({"distinct_pointings": -1}, "greater than 0"),
        ({"pairs": {}, "sets": "all"}, "expected sets: largest or latest with 'pairs'"),
    ],
)
def test_wrong_settings_are_refused(wrong, words):
    with pytest.raises(ValidationError, match=words):
        SelectionSettings.model_validate(wrong)


def test_flats_of_many_exposure_times_can_be_one_set_without_partners():
    # Deferred charge is measured on each flat by itself: a series without pairs serves, too.
    night = Night()
    times = [0.5 * index for index in range(1, 21)]
    taken = [night.take("flat", 1, exposure_time=time)[0] for time in times]
    cti = rule("cti").model_copy(update={"observation_type": "flat"})
    plan = plan_of(night, calibrations=[cti], bands=BANDS)
    assert plan.generation("cti") == ids(taken)
