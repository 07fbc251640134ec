"""What holds of every plan with a ramp in it, whatever happened to it."""

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.selection import Plan, Role
from tasks.selection.state import state_of
from tests.selection.nights import DAY, GREEN, RED, STATE_KEYS, Exclusion, Night, plan_of
from tests.selection.ramps import TIMES, everything, pairs_of, take_ramp

LEVELS = st.permutations(TIMES).flatmap(lambda times: st.integers(2, 22).map(lambda n: list(times)[:n]))
LAYOUTS = st.sampled_from(["sequence", "pair", "exposure", "none"])
FAULTS = st.lists(
    st.tuples(
        st.integers(0, 10**6),
        st.sampled_from(["state", "nan", "dark", "time", "blind", "filter", "lost", "lamp", "long"]),
    ),
    max_size=8,
)
TOLERANCE = 5e-3


def build(ramps, faults, with_sets: bool, seed: int, day_obs: int = DAY) -> Night:
    night = Night(seed, day_obs)
    if with_sets:
        for kind in ("bias", "dark", "flat"):
            night.take(kind, 12, physical_filter=RED)
    for number, (times, layout, repeat, colour) in enumerate(ramps):
        take_ramp(
            night, times, layout=layout, repeat=repeat, physical_filter=colour, name=f"{layout}-{number}"
        )
    for number, fault in faults:
        record = night.records[number % len(night.records)]
        changes = {
            "state": {"state": {**record.state, "SEQCKSUM": "42"}},
            "nan": {"exposure_time": float("nan")},
            "dark": {"statistics": night.look("dark", 10.0, RED)},
            "time": {"exposure_time": record.exposure_time + 0.004},
            "blind": {"statistics": None},
            "filter": {"physical_filter": "unknown"},
            "lamp": {"statistics": night.look("flat", 0.7 * record.exposure_time, RED)},
            "long": {"exposure_time": 1000.0},
        }
        if fault == "lost" and len(night.records) > 1:
            night.lose(record)
        elif fault in changes:
            night.change(record, **changes[fault])
    return night


RAMPS = st.tuples(LEVELS, LAYOUTS, st.integers(1, 4), st.sampled_from([RED, GREEN]))
NIGHTS = st.builds(
    build, st.lists(RAMPS, min_size=1, max_size=2), FAULTS, st.booleans(), st.integers(0, 1000)
)


def check(plan: Plan, night: Night) -> None:
    rows = Counter((row.exposure, str(row.calibration)) for row in plan.exposures)
    assert set(rows.values()) == {1}, "one row per exposure and calibration"
    assert {record.exposure for record in night.records} <= {row.exposure for row in plan.exposures}
    assert all(row.reason for row in plan.exposures)
    records = {record.exposure: record for record in night.records}
    place = {record.exposure: index for index, record in enumerate(night.records)}
    for role in (Role.GENERATION, Role.VERIFICATION):
        for first, second in pairs_of(plan, role):
            assert abs(records[first].exposure_time - records[second].exposure_time) <= TOLERANCE
            assert place[first] < place[second]
            assert records[first].physical_filter == records[second].physical_filter
    used = plan.generation("ptc")
    assert used == plan.generation("linearizer")
    assert sorted(one for pair in pairs_of(plan) for one in pair) == list(used), "whole pairs, each once"
    if used:
        assert len(used) >= 20
        assert len({records[one].exposure_time for one in used}) >= 5
        assert len({tuple(state_of(records[one], STATE_KEYS).values()) for one in used}) == 1
        assert any(set(used) <= set(one.exposures) for one in plan.sets), "one sequence"
    short = {str(one.calibration) for one in plan.shortages}
    assert not short & set(map(str, plan.keys()))


@settings(max_examples=40, deadline=None)
@given(NIGHTS)
def test_every_plan_with_ramps_keeps_the_rules(night):
    plan = plan_of(night, calibrations=everything())
    check(plan, night)
    plan.digest()


@settings(max_examples=12, deadline=None)
@given(NIGHTS, st.integers(0, 2**32 - 1))
def test_the_order_of_what_is_given_does_not_matter(night, seed):
    shift = np.random.default_rng(seed)
    other = Night(seed % 99, DAY - 1)
    take_ramp(other, TIMES[5:])
    plan = plan_of(night, other.records, calibrations=everything())
    day = [night.records[i] for i in shift.permutation(len(night.records))]
    again = plan_of(day, other.records[::-1], calibrations=everything())
    assert again.digest() == plan.digest()


@settings(max_examples=10, deadline=None)
@given(NIGHTS)
def test_a_flat_excluded_by_hand_is_in_no_pair(night):
    plan = plan_of(night, calibrations=everything())
    gone = plan.generation("ptc")[::7]
    again = plan_of(night, calibrations=everything(), exclusions=[Exclusion(one) for one in gone])
    left = {row.exposure for row in again.exposures if row.role is not Role.EXCLUDED}
    assert not set(gone) & left
