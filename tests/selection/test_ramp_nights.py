"""Simulated nights with a photon transfer sequence, read as ingest reads them, in smaller frames."""

from functools import cache

from infra.simulator.specification import SegmentSize
from tasks.selection import Plan, Role
from tests.selection.nights import plan_of
from tests.selection.ramps import everything, pairs_of
from tests.selection.raw_nights import RawNight, builtin, read_night

SMALL = SegmentSize(data_width=32, data_height=64, serial_overscan=24, parallel_overscan=24)


@cache
def night_of(name: str) -> RawNight:
    return read_night(builtin(name).model_copy(update={"segment": SMALL}))


def plan_night(night: RawNight) -> Plan:
    return plan_of(night.records, refusals=night.refusals, calibrations=everything())


def excluded(plan: Plan, key: str, of_set: set[int]) -> dict[int, str]:
    return {row.exposure: row.reason for row in plan.rows(key, Role.EXCLUDED) if row.exposure in of_set}


def test_every_mishap_of_the_ptc_night_is_named_and_nothing_else_blamed():
    night = night_of("ptc")
    plan = plan_night(night)
    ramp = [one.exposure for one in night.truth.exposures_of("ptc")]
    drop, dark = (fault.exposure for fault in night.truth.faults)
    for key in ("ptc", "linearizer"):
        reasons = excluded(plan, key, set(ramp))
        assert set(reasons) == {ramp[10], drop, drop - 1, dark, dark + 1}
        assert reasons[ramp[10]] == "unpaired: the only flat of 0.6 s here"
        assert "unsteady lamp: level 0.85" in reasons[drop]
        assert reasons[dark].startswith("mislabelled: called a flat but the level is")
        assert reasons[drop - 1] == f"unpaired: its partner {drop} is not used (unsteady lamp)"
        assert reasons[dark + 1] == f"unpaired: its partner {dark} is not used (mislabelled)"
        assert len(pairs_of(plan, key=key)) == 24
    assert set(excluded(plan, "flat-r", set(ramp))) == set(ramp)
    assert plan.shortages == ()
    assert plan.warnings == ()


def test_the_full_night_makes_every_calibration_and_blames_nothing():
    night = night_of("full")
    plan = plan_night(night)
    names = ["biasBootstrap", "darkBootstrap", "flatBootstrap-r", "defects", "linearizer", "ptc"]
    assert list(map(str, plan.keys())) == [*names, "bias", "dark", "flat-g", "flat-r"]
    ramp = {one.exposure for one in night.truth.exposures_of("ptc")}
    assert set(plan.generation("ptc")) == ramp
    for row in plan.exposures:
        if row.role is Role.EXCLUDED:
            assert any(words in row.reason for words in ("belongs to a ramp", "in no sequence", "is made in"))
    assert plan.shortages == ()
    assert plan.warnings == ()
    sizes = [len(plan.generation(key)) for key in ("bias", "dark", "flat-r", "flat-g", "defects")]
    assert sizes == [20, 20, 20, 16, 60]
    assert [len(one.exposures) for one in plan.sets] == [21, 21, 48, 21, 17]


def test_a_sound_ramp_in_small_frames_raises_no_false_alarm():
    """Small frames are noisier at the quick look than real ones, so this is the harder case."""
    specification = builtin("full")
    ramp = [one for one in specification.sets if one.name == "ptc"]
    night = read_night(specification.model_copy(update={"segment": SMALL, "sets": (*ramp,), "seed": 7}))
    assert len(plan_night(night).generation("ptc")) == len(night.records) == 48
