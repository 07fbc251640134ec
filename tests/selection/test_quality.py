"""Every fault that pixels or headers reveal is named, and clean nights raise no alarm."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from infra.raws.quick_statistics import AmplifierStatistics, QuickStatistics
from infra.settings.selection import QualityLimits
from tasks.selection import ExposureRecord, Role
from tests.selection.nights import (
    GREEN,
    LAMPS,
    RED,
    Night,
    calibration_night,
    plan_of,
    rules,
)

BIAS, DARK, FLAT = 8, 21 + 8, 42 + 8
"""Places of exposures in the midst of their sets."""


def mislabelled(true_type: str) -> Callable[[Night, ExposureRecord], None]:
    def plant(night: Night, record: ExposureRecord) -> None:
        look = night.look(true_type, min(max(record.exposure_time, 1.0), 10.0), record.physical_filter)
        night.change(record, statistics=look)

    return plant


def wrong_filter(night: Night, record: ExposureRecord) -> None:
    night.change(record, statistics=night.look("flat", record.exposure_time, GREEN))


def lamp_drop(night: Night, record: ExposureRecord) -> None:
    night.change(record, statistics=night.look("flat", record.exposure_time, RED, lamp=0.8))


def light_leak(night: Night, record: ExposureRecord) -> None:
    """370 adu on average, falling to nothing from right to left."""
    look = record.statistics
    assert isinstance(look, QuickStatistics)
    level = look.level + 370
    amplifiers = {
        name: replace(one, level=one.level + 740 * (place % 8 + 0.5) / 8)
        for place, (name, one) in enumerate(look.amplifiers.items())
    }
    night.change_look(record, level=level, gradient_x=370 / level, amplifiers=amplifiers)


def faint_leak(night: Night, record: ExposureRecord) -> None:
    look = record.statistics
    assert isinstance(look, QuickStatistics)
    night.change_look(record, level=look.level + 9)


def glowing_corner(night: Night, record: ExposureRecord) -> None:
    look = record.statistics
    assert isinstance(look, QuickStatistics)
    night.change_look(record, corner_excess=look.corner_excess + 60)


def one_amplifier(**changes: float) -> Callable[[Night, ExposureRecord], None]:
    def plant(night: Night, record: ExposureRecord) -> None:
        look = record.statistics
        assert isinstance(look, QuickStatistics)
        one = look.amplifiers["C05"]
        new = AmplifierStatistics(
            one.level * changes.get("level", 1.0) + changes.get("offset", 0.0),
            one.overscan_level + changes.get("pedestal", 0.0),
            one.overscan_noise * changes.get("noise", 1.0),
        )
        night.change_look(record, amplifiers={**look.amplifiers, "C05": new})

    return plant


def look_with(**changes: float) -> Callable[[Night, ExposureRecord], None]:
    return lambda night, record: night.change_look(record, **changes)


def header_with(**changes: object) -> Callable[[Night, ExposureRecord], None]:
    return lambda night, record: night.change(record, **changes)


FAULTS = {
    "a dark called a flat": (FLAT, mislabelled("dark"), "called a flat but the level is", "level"),
    "a bias called a flat": (FLAT, mislabelled("bias"), "like a dark or bias", "level"),
    "a flat called a dark": (DARK, mislabelled("flat"), "called a dark but the level is", "level"),
    "a flat called a bias": (BIAS, mislabelled("flat"), "called a bias but the level is", "level"),
    "another filter in the beam": (FLAT, wrong_filter, f"wrong filter: header says {RED}", "illumination"),
    "a lamp that drops": (FLAT, lamp_drop, "unsteady lamp: level 0.", "illumination"),
    "a light leak in a dark": (DARK, light_leak, "light leak", "level"),
    "a light leak in a bias": (BIAS, light_leak, "light leak", "level"),
    "a faint light leak": (DARK, faint_leak, "light leak or pedestal: level is", "level"),
    "a glowing corner": (BIAS, glowing_corner, "glowing corner", "corner_excess"),
    "saturated pixels": (FLAT, look_with(saturated_fraction=0.6), "saturated: 60.00%", "saturated_fraction"),
    "pixels that are not numbers": (BIAS, look_with(nan_fraction=0.01), "not finite: 1.00%", "nan_fraction"),
    "nothing but NaN": (
        *(BIAS, look_with(nan_fraction=1.0, level=float("nan")), "not finite: 100.00%", "nan_fraction"),
    ),
    "a pedestal jump": (BIAS, one_amplifier(pedestal=200), "overscan of C05 is +", "overscan_level"),
    "a noisy amplifier": (DARK, one_amplifier(noise=2.0), "overscan noise of C05", "overscan_noise"),
    "a dead amplifier": (FLAT, one_amplifier(level=0.0), "odd amplifier: share of C05", "share"),
    "a gain step": (FLAT, one_amplifier(level=1 / 1.05), "odd amplifier: share of C05", "share"),
    "an amplifier that glows": (DARK, one_amplifier(offset=40), "odd amplifier: level of C05", "level"),
    "light from one side": (FLAT, look_with(gradient_x=0.09), "odd light: gradient in x", "gradient_x"),
    "a bias that was exposed": (
        BIAS,
        header_with(exposure_time=400.0),
        "called a bias but exposed",
        "exposure_time",
    ),
    "a dark without dark time": (DARK, header_with(dark_time=float("nan")), "dark time is nan", "dark_time"),
    "a dark of another length in its header": (
        *(
            DARK,
            header_with(exposure_time=10.0, dark_time=10.0),
            "wrong time in header: lasted 32.3 s",
            "overhead",
        ),
    ),
    "a negative exposure time": (
        FLAT,
        header_with(exposure_time=-1.0),
        "exposure time is -1.0 s",
        "exposure_time",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_excluded_and_named(fault):
    place, plant, words, statistic = FAULTS[fault]
    night = calibration_night(seed=place)
    record = night.records[place]
    plant(night, record)
    plan = plan_of(night)
    (row,) = plan.explain(record.exposure)
    assert row.role is Role.EXCLUDED
    assert words in row.reason
    assert row.evidence["statistic"] == statistic
    others = [one.exposure for one in plan.exposures if one.role is Role.EXCLUDED]
    assert others == [record.exposure], "nothing else is blamed"
    assert not plan.shortages


def test_a_header_that_says_another_filter_within_a_sequence_is_a_stray():
    night = calibration_night()
    record = night.change(night.records[FLAT], physical_filter=GREEN)
    plan = plan_of(night)
    (row,) = plan.explain(record.exposure)
    assert str(row.calibration) == "flat-g"
    assert row.role is Role.EXCLUDED
    assert f"header says filter {GREEN} among {RED}, inside a sequence of 20" in row.reason
    assert f"wrong filter: header says {GREEN}, level 1.5" in row.reason
    greens = [one for one in night.records if one.physical_filter == GREEN]
    assert greens[1].exposure not in plan.generation("flat-g"), "the true first exposure is still the first"


def test_a_dark_that_really_was_longer_is_a_set_of_its_own_and_verifies():
    night = Night()
    night.take("dark", 12)
    (longer,) = night.take("dark", exposure_time=300.0)
    night.take("dark", 12)
    plan = plan_of(night)
    assert plan.explain(longer.exposure)[0].role is Role.VERIFICATION
    assert len(plan.sets) == 2
    night.change(longer, end_tai=longer.begin_tai)
    assert "header says exposure time 300 s among 30 s" in plan_of(night).explain(longer.exposure)[0].reason


def test_four_darks_in_a_flat_set_are_each_named():
    night = Night(4)
    flats = night.take("flat", 21)
    darks = [flats[place] for place in (3, 8, 9, 17)]
    for record in darks:
        mislabelled("dark")(night, record)
    plan = plan_of(night)
    rows = plan.rows("flat-r", Role.EXCLUDED)
    assert [row.exposure for row in rows] == [record.exposure for record in darks]
    assert all("like a dark or bias" in row.reason for row in rows)
    assert len(plan.generation("flat-r")) == 16


def test_even_a_majority_of_darks_is_not_taken_for_flats():
    night = Night(5)
    flats = night.take("flat", 21)
    for record in flats[3:16]:
        mislabelled("dark")(night, record)
    plan = plan_of(night)
    assert [row.exposure for row in plan.rows("flat-r", Role.EXCLUDED)] == [
        one.exposure for one in flats[3:16]
    ]


def test_a_decaying_twilight_refuses_the_set():
    night = Night(6)
    for place in range(15):
        night.take("flat", lamp=0.9**place)
    plan = plan_of(night)
    assert plan.generation("flat-r") == ()
    assert all("unsteady lamp" in row.reason for row in plan.rows("flat-r"))
    assert (str(plan.shortages[-1].calibration), plan.shortages[-1].usable) == ("flat-r", 0)


def test_a_slow_drift_refuses_the_set():
    night = Night(7)
    for place in range(21):
        night.take("flat", lamp=1 + 0.008 * place)
    plan = plan_of(night)
    assert plan.generation("flat-r") == ()
    assert "the set drifts by +15" in plan.rows("flat-r")[9].reason


def test_flats_in_two_equal_camps_are_refused_rather_than_mixed():
    night = Night(8)
    for place in range(20):
        night.take("flat", lamp=1.0 if place % 2 else 0.7)
    plan = plan_of(night)
    assert plan.generation("flat-r") == ()
    assert all(row.role is Role.EXCLUDED for row in plan.rows("flat-r"))


def test_a_lamp_that_fails_half_way_leaves_the_better_half():
    night = Night(9)
    night.take("flat", 13)
    night.take("flat", 8, lamp=0.6)
    plan = plan_of(night)
    assert plan.generation("flat-r") == tuple(one.exposure for one in night.records[1:13])


def test_the_artefact_of_a_first_exposure_is_evidence_and_no_fault():
    night = calibration_night()
    first = night.records[0]
    night.change_look(first, corner_excess=90.0)
    (row,) = plan_of(night).explain(first.exposure)
    assert row.role is Role.VERIFICATION
    assert "glowing corner" in row.evidence["first_exposure_artefacts"][0]


def test_a_first_exposure_that_is_no_bias_at_all_is_excluded():
    night = calibration_night()
    mislabelled("flat")(night, night.records[0])
    (row,) = plan_of(night).explain(night.records[0].exposure)
    assert row.role is Role.EXCLUDED


def test_a_small_set_is_judged_by_the_other_frames_of_its_kind():
    night = calibration_night()
    night.wait(3600)
    one, two = night.take("bias", 2)
    faint_leak(night, two)
    plan = plan_of(night)
    assert plan.explain(one.exposure)[0].role is Role.VERIFICATION
    assert "light leak" in plan.explain(two.exposure)[0].reason


def test_a_check_set_to_null_is_left_out():
    off = QualityLimits(
        **{name: None for name in QualityLimits.model_fields if name.startswith("maximum_")}, n_sigma=8.0
    )
    night = calibration_night()
    night.change_look(night.records[BIAS], nan_fraction=0.5, saturated_fraction=0.5)
    one_amplifier(pedestal=500, noise=9, offset=90)(night, night.records[DARK])
    lamp_drop(night, night.records[FLAT])
    plan = plan_of(night, calibrations=rules(quality=off))
    assert not [row for row in plan.exposures if row.role is Role.EXCLUDED]


def test_a_level_range_of_the_profile_replaces_the_usual_one():
    night = calibration_night()
    limits = QualityLimits(level_range=(15000, 30000))
    red, green = LAMPS[RED] * 4, LAMPS[GREEN] * 4
    assert green < 15000 < red < 30000
    flats = tuple(one for one in rules(quality=limits) if one.name == "flat")
    plan = plan_of(night, calibrations=flats)
    assert len(plan.generation("flat-r")) == 20
    assert plan.generation("flat-g") == ()


def test_clean_nights_raise_no_false_alarm(record_property):
    nights, exposures, blamed = 60, 0, []
    for seed in range(nights):
        plan = plan_of(calibration_night(seed=1000 + seed))
        exposures += len(plan.exposures)
        blamed += [row.reason for row in plan.exposures if row.role is Role.EXCLUDED]
    record_property("false_exclusions", f"{len(blamed)} of {exposures}")
    print(f"{len(blamed)} false exclusions in {exposures} exposures of {nights} clean nights")  # noqa: T201
    assert blamed == []
