"""What holds of every plan, whatever the night was."""

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.selection import Plan, Role
from tasks.selection.sets import SetRules, split_into_sets
from tasks.selection.state import state_of
from tests.selection.nights import DAY, GREEN, RED, STATE_KEYS, Night, plan_of, rules

BLOCKS = st.tuples(
    st.sampled_from(["bias", "dark", "flat", "science"]),
    st.integers(1, 25),
    st.sampled_from([RED, GREEN]),
    st.sampled_from([0.0, 30.0, 1200.0]),
    st.sampled_from(["", "a", "b"]),
)
FAULTS = st.lists(
    st.tuples(
        st.integers(0, 10**6),
        st.sampled_from(["state", "missing", "nan", "saturated", "dark", "time", "blind", "filter"]),
    ),
    max_size=12,
)


def build(blocks, faults, seed: int, day_obs: int = DAY) -> Night:
    night = Night(seed, day_obs)
    for kind, n, physical_filter, pause, group in blocks:
        night.take(kind, n, physical_filter=physical_filter, group=group)
        night.wait(pause)
    for number, fault in faults:
        record = night.records[number % len(night.records)]
        if fault in ("nan", "saturated") and record.statistics is not None:
            night.change_look(record, **{f"{fault}_fraction": 0.3})
        elif fault == "state":
            night.change_state(record, SEQCKSUM="42")
        elif fault == "missing":
            night.change_state(record, ODP=None)
        elif fault == "dark":
            night.change(record, statistics=night.look("dark", 10.0, RED))
        elif fault == "time":
            night.change(record, exposure_time=float("nan"))
        elif fault == "blind":
            night.change(record, statistics=None)
        else:
            night.change(record, physical_filter="unknown")
    return night


NIGHTS = st.builds(build, st.lists(BLOCKS, min_size=1, max_size=6), FAULTS, st.integers(0, 1000))


def firsts(night: Night) -> set[int]:
    return {one[0].exposure for one in split_into_sets(night.records, SetRules())}


def check(plan: Plan, night: Night, target: int, minimum: int) -> None:
    pairs = Counter((row.exposure, str(row.calibration)) for row in plan.exposures)
    assert set(pairs.values()) == {1}, "one row per exposure and calibration"
    assert {record.exposure for record in night.records} <= {row.exposure for row in plan.exposures}
    assert all(row.reason for row in plan.exposures)
    unused = {row.exposure for row in plan.exposures if row.calibration is None}
    assert not unused & {row.exposure for row in plan.exposures if row.calibration is not None}
    records = {record.exposure: record for record in night.records}
    for key in map(str, plan.keys()):
        used = plan.generation(key)
        assert minimum <= len(used) <= target
        assert not firsts(night) & set(used), "never the first of a set"
        states = {tuple(state_of(records[exposure], STATE_KEYS).values()) for exposure in used}
        assert len(states) == 1, "never a mixed state"
        assert len({records[exposure].observation_type for exposure in used}) == 1
        assert any(set(used) <= set(one.exposures) for one in plan.sets), "one set"
    short = {str(one.calibration) for one in plan.shortages}
    assert not short & set(map(str, plan.keys()))


@settings(max_examples=60)
@given(NIGHTS, st.integers(3, 20))
def test_every_plan_keeps_the_rules(night, minimum):
    plan = plan_of(night, calibrations=rules(minimum=minimum))
    check(plan, night, target=20, minimum=minimum)
    plan.digest()


@settings(max_examples=25)
@given(NIGHTS, st.integers(0, 2**32 - 1))
def test_the_order_of_what_is_given_does_not_matter(night, seed):
    shift = np.random.default_rng(seed)
    others = build([("bias", 7, RED, 0.0, "")], [], seed % 99, DAY - 1).records
    plan = plan_of(night, others)
    day = [night.records[i] for i in shift.permutation(len(night.records))]
    assert plan_of(day, others[::-1]).digest() == plan.digest()


@settings(max_examples=25)
@given(NIGHTS)
def test_an_exposure_that_is_excluded_by_hand_is_never_combined(night):
    from tests.selection.test_plan import Exclusion

    plan = plan_of(night)
    used = [row.exposure for row in plan.exposures if row.role is Role.GENERATION][::3]
    again = plan_of(night, exclusions=[Exclusion(exposure) for exposure in used])
    assert not set(used) & {row.exposure for row in again.exposures if row.role is not Role.EXCLUDED}
