"""A CTI that corrects with the wrong sign, too much, too little or not at all fails by name."""

from dataclasses import replace

import numpy as np
import pytest

from infra.errors import CalprodError
from tasks.cti.algorithm import cti_from_table, cti_to_table
from tasks.isr.cti import Trap
from tests.cti.sequences import failed_tests, sequence, solved, verdict, verified


@pytest.fixture(scope="module")
def held_out(flats):
    """Every second of the held-out flats: enough to judge by."""
    return sorted(flats.exposures)[1::4]


def changed(table, change, names=None):
    """Table with a change of some amplifiers, or of all."""
    solution = cti_from_table(table)
    amplifiers = tuple(
        change(one) if names is None or one.name in names else one for one in solution.amplifiers
    )
    return cti_to_table(replace(solution, amplifiers=amplifiers))


def with_curve(one, factor):
    """Amplifier whose trap takes a multiple of the charge."""
    coefficients = one.trap.coefficients.copy()
    coefficients[coefficients.size // 2 :] *= factor
    return replace(one, trap=Trap("spline", one.trap.size, one.trap.emission_time, coefficients))


def wrong_sign(one):
    return replace(with_curve(one, -1.0), drift_scale=-one.drift_scale, global_cti=-max(one.global_cti, 1e-6))


def without_a_trap(one):
    return replace(one, trap=Trap("linear", 0.0, 0.4, np.array([1.0])), global_cti=0.0)


def too_strong(one):
    return replace(one, drift_scale=one.drift_scale * 2.5, global_cti=one.global_cti + 2e-6)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (wrong_sign, {"CTI_SIGN", "TRAIL_LEFT", "LOCAL_OFFSET", "GLOBAL_CTI"}),
        (without_a_trap, {"TRAIL_LEFT"}),
        (too_strong, {"TRAIL_OVERCORRECTED"}),
        (lambda one: replace(one, drift_scale=0.0, global_cti=0.0, trap=None), {"CTI_SIGN", "TRAIL_LEFT"}),
        (lambda one: replace(one, drift_scale=2e-3), {"TRAIL_OVERCORRECTED", "LOCAL_OFFSET"}),
        (lambda one: replace(one, decay_time=9.0), {"TRAIL_OVERCORRECTED", "LOCAL_OFFSET_DECAY"}),
    ],
    ids=["wrong sign", "too weak", "too strong", "nothing", "drift", "decay"],
)
def test_a_planted_fault_fails_by_name_in_its_amplifiers_alone(flats, table, held_out, change, expected):
    wrong = ("C11", "C03")
    found = verdict(verified(flats, changed(table, change, wrong), held_out))
    failed = {name: {one.test for one in found.failures if one.amplifier == name} for name in wrong}
    for name in wrong:
        assert expected <= failed[name], name
    assert {one.amplifier for one in found.failures} == set(wrong)


def test_the_sign_of_one_part_alone_is_told_too(flats, table, held_out):
    """Only the output amplifier's: a third of the trail of bright flats stays."""
    statistics = verified(
        flats, changed(table, lambda one: replace(one, drift_scale=-one.drift_scale)), held_out
    )
    assert {"LOCAL_OFFSET", "TRAIL_LEFT"} <= failed_tests(statistics)


@pytest.mark.parametrize(
    ("field", "factor", "test"), [("serial_eper", 3.0, "SERIAL_CTI"), ("parallel_eper", 40.0, "PARALLEL_CTI")]
)
def test_a_sensor_that_transfers_badly_fails_its_requirement(flats, table, held_out, field, factor, test):
    worse = changed(
        table, lambda one: replace(one, **{field: np.abs(getattr(one, field)) * factor}), ("C15",)
    )
    found = verdict(verified(flats, worse, held_out[:2]))
    assert ("C15", test) in {(one.amplifier, one.test) for one in found.failures}
    assert {one.amplifier for one in found.failures if one.test == test} == {"C15"}


def test_an_amplifier_that_is_not_solved_is_named_with_the_reason(flats, table, held_out):
    bad = changed(table, lambda one: replace(one, reason="it is dead", drift_scale=0.0, trap=None), ("C05",))
    found = verdict(verified(flats, bad, held_out[:2]))
    (failure,) = [one for one in found.failures if one.test == "PROCESSING"]
    assert failure.amplifier == "C05"
    assert "it is dead" in failure.reason


def test_a_fit_at_a_bound_is_a_warning(flats, table, held_out):
    bound = changed(table, lambda one: replace(one, at_bound=("drift scale",)), ("C05",))
    found = verdict(verified(flats, bound, held_out[:2]))
    assert "C05" in {one.amplifier for one in found.warnings if one.test == "FIT_BOUND"}
    assert "FIT_BOUND" not in {one.test for one in found.failures}


def test_columns_without_numbers_could_not_be_judged(flats, table, held_out):
    spoiled = table.copy()
    spoiled["SERIAL_EPER"] = np.full_like(table["SERIAL_EPER"], np.nan)
    found = verdict(verified(flats, spoiled, held_out[:2]))
    assert "SERIAL_CTI" in {one.test for one in found.could_not_run}


def test_the_cti_of_another_detector_is_refused(flats, table, held_out):
    foreign = changed(table, lambda one: replace(one, name=f"X{one.name}"))
    with pytest.raises(CalprodError, match="has amplifier XC10"):
        verified(flats, foreign, held_out[:1])


def test_a_sensor_that_defers_nothing_passes():
    """There is no trail that a correction could leave, and none that its ratio could be told by."""
    none = dict.fromkeys(("serial_cti", "parallel_cti", "drift_scale", "trap_size"), 0.0)
    clean = sequence(losses=none, width=64, height=100)
    numbers = sorted(clean.exposures)
    statistics = verified(clean, solved(clean, numbers[::2]), numbers[1::2])
    assert failed_tests(statistics) == set()
