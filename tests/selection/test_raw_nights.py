"""Simulated raws, read as ingest reads them: every planted fault is named and nothing else is blamed."""

from collections import Counter

import pytest

from infra.simulator.truth import NightTruth
from tasks.selection import Plan, Role
from tests.selection.nights import plan_of
from tests.selection.raw_nights import RawNight, builtin, builtin_night, read_night

WORDS = {
    "other-sequencer": "SEQCKSUM is 2918240771",
    "missing-state-key": "ODP missing",
    "wrong-temperature": "TEMP_SET is -94.15, -104.15 in its set",
    "light-leak": "light leak",
    "mislabelled": "mislabelled: called a flat",
    "saturated": "saturated",
    "lamp-drop": "unsteady lamp",
    "pedestal-jump": "pedestal jump",
    "nan": "not finite",
    "truncated": "refused at ingest",
    "foreign": "refused at ingest",
    "wrong-exposure-time": "wrong time in header",
    "noisy-amplifier": "noisy: overscan noise of C13",
    "dead-amplifier": "odd amplifier: share of C05",
    "gain-step": "odd amplifier: share of C11",
}
"""What names each fault; first-exposure artefacts and moved dust leave levels alone: see verification."""


def plan_night(night: RawNight) -> Plan:
    return plan_of(night.records, refusals=night.refusals)


def unnamed(plan: Plan, truth: NightTruth) -> list[str]:
    """Return the planted faults that no row names."""
    missed = []
    for fault in truth.faults:
        words = WORDS.get(fault.fault)
        if fault.parameters.get("true_filter"):
            words = "wrong filter"
        rows = [row for row in plan.explain(fault.exposure) if row.role is Role.EXCLUDED]
        if words is not None and not any(words in row.reason for row in rows):
            missed.append(f"{fault.fault} of {fault.exposure}: {rows}")
    return missed


def falsely_blamed(plan: Plan, truth: NightTruth) -> list[str]:
    planted = {fault.exposure for fault in truth.faults}
    rows = plan.exposures
    return [row.reason for row in rows if row.role is Role.EXCLUDED and row.exposure not in planted]


@pytest.mark.parametrize("name", ["demo", "faults"])
def test_every_planted_fault_is_named_and_nothing_else_blamed(name):
    night = builtin_night(name)
    plan = plan_night(night)
    assert unnamed(plan, night.truth) == []
    assert falsely_blamed(plan, night.truth) == []


def test_the_demo_night_still_makes_every_calibration_from_twenty_sound_exposures():
    night = builtin_night("demo")
    plan = plan_night(night)
    for key in ("bias", "dark", "flat-g", "flat-r"):
        assert len(plan.generation(key)) == 20
    faulty = {fault.exposure for fault in night.truth.faults}
    first = {one.exposure for one in night.truth.exposures if one.index == 0}
    for row in plan.exposures:
        assert row.role is not Role.GENERATION or row.exposure not in faulty | first
    assert set(Counter((row.exposure, str(row.calibration)) for row in plan.exposures).values()) == {1}
    assert {one.exposure for one in night.truth.exposures} == {row.exposure for row in plan.exposures}
    assert plan.warnings == ()
    assert plan.shortages == ()


def test_the_sets_of_the_demo_night_are_those_that_were_taken():
    night = builtin_night("demo")
    held = {record.exposure for record in night.records}
    taken = {
        name: tuple(one.exposure for one in night.truth.exposures_of(name) if one.exposure in held)
        for name in dict.fromkeys(one.set for one in night.truth.exposures)
    }
    assert [one.exposures for one in plan_night(night).sets] == list(taken.values())


def test_clean_raw_nights_raise_no_false_alarm():
    """Small frames are noisier at the quick look than real ones, so this is the harder case."""
    clean = builtin("faults").model_copy(update={"faults": ()})
    blamed = []
    for seed in range(6):
        night = read_night(clean.model_copy(update={"seed": 100 + seed}))
        blamed += falsely_blamed(plan_night(night), night.truth)
    assert blamed == []
