"""An amplifier that is dead all day spoils no set; one that is dead in one frame spoils that frame."""

from dataclasses import replace

import pytest

from infra.raws.quick_statistics import AmplifierStatistics, QuickStatistics
from tasks.selection import ExposureRecord
from tasks.selection.dead import DeadAmplifiers
from tasks.selection.detectors import merge_detectors
from tests.selection.nights import Night, calibration_night, plan_of
from tests.selection.ramps import plan_ptc, take_ramp

NAN = AmplifierStatistics(float("nan"), 15000.0, float("nan"))
LOW = AmplifierStatistics(0.0, 0.0, 0.0)
HIGH = AmplifierStatistics(0.0, 262143.0, 0.0)
SHARE = 1 / 16


def kill(
    night: Night, record: ExposureRecord, dead: AmplifierStatistics, name: str = "C05"
) -> ExposureRecord:
    """Let one amplifier of an exposure be dead, as its quick look says."""
    look = record.statistics
    assert isinstance(look, QuickStatistics)
    fractions = {"nan_fraction": look.nan_fraction, "saturated_fraction": look.saturated_fraction}
    fractions["nan_fraction"] += SHARE if dead is NAN else 0.0
    fractions["saturated_fraction"] += SHARE if dead is HIGH else 0.0
    return night.change_look(record, amplifiers={**look.amplifiers, name: dead}, **fractions)


def dead_all_day(dead: AmplifierStatistics) -> Night:
    night = calibration_night()
    for record in tuple(night.records):
        kill(night, record, dead)
    return night


@pytest.mark.parametrize("dead", [NAN, LOW, HIGH], ids=["nan", "low", "high"])
def test_an_amplifier_dead_all_day_changes_nothing_in_the_selection(dead: AmplifierStatistics) -> None:
    plan, usual = plan_of(dead_all_day(dead)), plan_of(calibration_night())
    assert plan.shortages == ()
    for key in ("bias", "dark", "flat-r", "flat-g"):
        assert plan.generation(key) == usual.generation(key)


@pytest.mark.parametrize(("dead", "word"), [(NAN, "not finite: 6.25%"), (HIGH, "saturated: 6.25%")])
def test_an_amplifier_dead_in_one_frame_refuses_that_frame(dead: AmplifierStatistics, word: str) -> None:
    night = calibration_night()
    bad = kill(night, night.records[8], dead)
    plan = plan_of(night)
    assert bad.exposure not in plan.generation("bias")
    assert any(word in one.reason for one in plan.explain(bad.exposure))


@pytest.mark.parametrize("dead", [NAN, HIGH], ids=["nan", "high"])
def test_what_else_is_spoilt_still_counts(dead: AmplifierStatistics) -> None:
    night = dead_all_day(dead)
    look = night.records[8].statistics
    assert isinstance(look, QuickStatistics)
    name = "nan_fraction" if dead is NAN else "saturated_fraction"
    bad = night.change_look(night.records[8], **{name: SHARE + 0.03})
    rows = plan_of(night).explain(bad.exposure)
    assert any("3.00% of the pixels" in one.reason for one in rows)


@pytest.mark.parametrize("dead", [NAN, LOW, HIGH], ids=["nan", "low", "high"])
def test_a_ramp_with_a_dead_amplifier_is_used_whole(dead: AmplifierStatistics) -> None:
    night, usual = Night(), Night()
    take_ramp(usual)
    for record in take_ramp(night):
        kill(night, record, dead)
    assert plan_ptc(night).generation("ptc") == plan_ptc(usual).generation("ptc") != ()


def test_the_share_is_that_of_the_detector_that_has_most() -> None:
    night = Night()
    record = night.take("bias", 1)[0]
    look = record.statistics
    assert isinstance(look, QuickStatistics)
    spoilt = replace(look, amplifiers={**look.amplifiers, "C05": NAN, "C06": NAN, "C07": HIGH})
    both = merge_detectors({"R22_S10": look, "R22_S11": spoilt})
    assert both is not None
    dead = DeadAmplifiers.of([replace(record, statistics=both)])
    assert dead.nan == {"R22_S11_C05", "R22_S11_C06"}
    assert dead.nan_share(both) == pytest.approx(2 / 16)
    assert dead.saturated_share(both) == pytest.approx(1 / 16)
    assert dead.nan_share(look) == dead.saturated_share(look) == 0.0


def test_nothing_is_dead_where_nobody_looked() -> None:
    assert DeadAmplifiers.of([]) == DeadAmplifiers()
