"""Verification of a linearizer on levels of known ingredients: what it must see, and what it must not."""

from dataclasses import replace

import numpy as np
import pytest

from infra.errors import CalprodError
from infra.settings import builtin_policy
from tasks.isr.linearity import linearized
from tasks.linearity.algorithm import (
    AmplifierRamp,
    DetectorRamp,
    LinearitySettings,
    PolynomialSettings,
    solve_linearity,
)
from tasks.linearity.checking.levels import Levels, groups_of_equal_time
from tasks.linearity.checking.light import lamp_scatter
from tasks.linearity.checking.null import null_fraction
from tasks.linearity.verify import measure_linearity
from tasks.verification.evaluate import evaluate
from tasks.verification.model import DetectorStatistics

NAMES = tuple(f"C{half}{number}" for half in (1, 0) for number in range(8))
TIMES = np.repeat(np.linspace(0.5, 20.0, 24), 2)
RATE = 5000.0
"""adu/s"""
UUID = "0190c0de-0000-7000-8000-000000000005"


def camera(seed, *, lamp=0.003, shutter=0.0, n_amplifiers=16, scatter=0.2):
    """Measured levels of a ramp [exposure, amplifier], and the coefficients of the amplifiers."""
    random = np.random.default_rng(seed)
    coefficients = 1e-7 * (1.0 + scatter * random.normal(size=n_amplifiers))
    pattern = 1.0 + 0.03 * random.normal(size=n_amplifiers)
    light = RATE * (TIMES + shutter) * (1.0 + lamp * random.normal(size=TIMES.size))
    linear = light[:, None] * pattern
    errors = np.sqrt(linear / 1e6 + 0.01)
    levels = linear - coefficients * linear**2 + errors * random.normal(size=linear.shape)
    return levels, errors, coefficients


def linearizer_of(levels, coefficients, names=None):
    """Linearizer with these coefficients, on the ramp itself."""
    names = names or NAMES[: levels.shape[1]]
    ramp = DetectorRamp(
        0,
        TIMES,
        tuple(
            AmplifierRamp(name, level, np.ones(TIMES.size, bool), gain=1.3, turnoff=1e5)
            for name, level in zip(names, levels.T, strict=True)
        ),
    )
    settings = LinearitySettings("Squared", polynomial=PolynomialSettings(maximum=1.2e5))
    found = solve_linearity(ramp, settings)
    ones = tuple(
        replace(one, coefficients=np.array([q]))
        for one, q in zip(found.amplifiers, coefficients, strict=True)
    )
    return replace(found, amplifiers=ones)


def applied(linearizer, levels, errors, held_out=None):
    names = NAMES[: levels.shape[1]]
    known = {one.name for one in linearizer.amplifiers}
    values = np.stack(
        [
            linearized(level, linearizer.correction(name)) if name in known else level
            for name, level in zip(names, levels.T, strict=True)
        ],
        axis=1,
    )
    is_held_out = np.zeros(TIMES.size, bool) if held_out is None else held_out
    return Levels(names, np.arange(TIMES.size), TIMES, is_held_out, values, errors, np.zeros_like(values))


def verdict(measurement):
    record = DetectorStatistics(
        calibration="linearizer",
        detector=0,
        calibration_uuids={"linearizer": UUID},
        product_amplifiers=measurement.amplifiers,
        product_detector=measurement.detector,
        product_problems=measurement.problems,
    )
    return evaluate([record], builtin_policy("LATISS"), calibration="linearizer", candidates={0: UUID})


def failures(measurement):
    return {(one.test, one.amplifier) for one in verdict(measurement).failures}


@pytest.mark.parametrize("lamp", [0.0, 0.003, 0.02])
@pytest.mark.parametrize("seed", range(2))
def test_a_right_linearizer_passes_however_much_the_lamp_flickers(lamp, seed):
    levels, errors, q = camera(seed, lamp=lamp)
    measured = measure_linearity(linearizer_of(levels, q), applied(linearizer_of(levels, q), levels, errors))
    assert failures(measured) == set()
    # Errors of 8e-5 at the faintest level; x + q x² leaves 2 q² x² at 1e5 adu, half of it beside the line.
    assert max(one["MAX_RESIDUAL"] for one in measured.amplifiers.values()) < 4e-4
    # The scatter of 24 differences is known to 15 %, by its median absolute deviation to 25 %.
    assert measured.detector["LAMP_SCATTER"] == pytest.approx(lamp, rel=0.8, abs=2e-5)


def test_a_shutter_that_opens_late_is_no_non_linearity():
    levels, errors, q = camera(1, shutter=-0.05)
    right = linearizer_of(levels, q)
    assert failures(measure_linearity(right, applied(right, levels, errors))) == set()


@pytest.mark.parametrize("seed", range(2))
def test_a_flipped_sign_fails_the_light(seed):
    levels, errors, q = camera(seed)
    wrong = linearizer_of(levels, -q)
    assert ("LIGHT_RESIDUAL", None) in failures(measure_linearity(wrong, applied(wrong, levels, errors)))


@pytest.mark.parametrize("seed", range(2))
def test_amplifiers_in_the_wrong_order_fail_by_name(seed):
    levels, errors, q = camera(seed, scatter=0.4)
    wrong_q = np.roll(q, 3)
    wrong = linearizer_of(levels, wrong_q)
    found = {
        name for test, name in failures(measure_linearity(wrong, applied(wrong, levels, errors))) if name
    }
    # About half of the difference at the top remains beside the line and the offset.
    clear = {name for name, one in zip(NAMES, np.abs(wrong_q - q) * 1e5 / 2, strict=True) if one > 2e-3}
    assert clear
    assert clear <= found


def test_one_wrong_amplifier_is_the_only_one_that_fails():
    levels, errors, q = camera(2)
    wrong_q = q.copy()
    wrong_q[4] = 0.0
    wrong = linearizer_of(levels, wrong_q)
    found = failures(measure_linearity(wrong, applied(wrong, levels, errors)))
    assert {name for _, name in found} == {NAMES[4]}
    assert ("LINEARITY_RESIDUAL", NAMES[4]) in found


def test_an_amplifier_that_changed_since_fails_in_flats_held_out():
    levels, errors, q = camera(3)
    right = linearizer_of(levels, q)
    held_out = np.arange(TIMES.size) >= TIMES.size - 8
    changed = levels.copy()
    changed[held_out, 7] *= 1.004
    measured = measure_linearity(right, applied(right, changed, errors, held_out))
    assert measured.amplifiers[NAMES[7]]["HELD_OUT_RESIDUAL"] > 2e-3
    assert {name for _, name in failures(measured)} == {NAMES[7]}
    others = [one["HELD_OUT_RESIDUAL"] for name, one in measured.amplifiers.items() if name != NAMES[7]]
    assert max(others) < 4e-4


def test_a_failed_lamp_and_a_dark_among_the_flats_harm_nobody():
    levels, errors, q = camera(4)
    levels = levels.copy()
    levels[10] *= 0.85
    levels[21] = 3.0
    right = linearizer_of(levels, q)
    measured = measure_linearity(right, applied(right, levels, errors))
    assert failures(measured) == set()
    assert np.isnan(measured.light_residuals[[10, 21]]).all()


def test_amplifiers_without_a_correction_are_named_and_the_rest_judged():
    levels, errors, q = camera(5)
    right = linearizer_of(levels, q)
    first, *others = right.amplifiers
    dead = replace(first, type="None", coefficients=np.zeros(1), reason="no gain", turnoff=np.nan)
    incomplete = replace(right, amplifiers=(dead, *others[:-1]))
    said = verdict(measure_linearity(incomplete, applied(incomplete, levels, errors)))
    assert {(one.test, one.amplifier, one.reason) for one in said.failures} == {
        ("PROCESSING", NAMES[0], "no linearity correction: no gain"),
        ("PROCESSING", NAMES[15], "the linearizer has no such amplifier"),
    }
    assert {one.amplifier for one in said.could_not_run} <= {NAMES[0], NAMES[15]}


def test_too_few_amplifiers_are_judged_by_the_exposure_time():
    levels, errors, q = camera(6, n_amplifiers=1, lamp=5e-4)
    right, wrong = linearizer_of(levels, q), linearizer_of(levels, -2 * q)
    assert failures(measure_linearity(right, applied(right, levels, errors))) == set()
    found = failures(measure_linearity(wrong, applied(wrong, levels, errors)))
    assert ("LINEARITY_RESIDUAL", "C10") in found


def test_saturated_pixels_keep_a_flat_out():
    levels, errors, q = camera(7)
    right = linearizer_of(levels, q)
    made = applied(right, levels, errors)
    spoilt = made.values.copy()
    spoilt[-2:, 3] *= 0.97
    saturated = np.full_like(spoilt, 0.02)
    saturated[-2:, 3] = 0.3
    measured = measure_linearity(right, replace(made, values=spoilt, saturated=saturated))
    assert failures(measured) == set()
    assert np.isnan(measured.light.residuals[-2:, 3]).all()


def test_no_flat_is_refused():
    levels, _, q = camera(8)
    right = linearizer_of(levels, q)
    nothing = np.zeros((0, 16))
    empty = Levels(NAMES, np.zeros(0, int), np.zeros(0), np.zeros(0, bool), nothing, nothing, nothing)
    with pytest.raises(CalprodError, match="no flat to verify the linearizer with"):
        measure_linearity(right, empty)


def test_flats_beyond_the_range_leave_nothing_to_judge():
    levels, errors, q = camera(9)
    right = linearizer_of(levels, q)
    measured = measure_linearity(right, applied(right, levels, errors), minimum_level=1e9)
    assert np.isnan(measured.amplifiers["C10"]["MAX_RESIDUAL"])
    assert verdict(measured).outcome.value == "could-not-run"


def test_a_second_linearizer_is_judged_by_what_it_would_do():
    """Rubin cp_verify passes a table of half the counts, and a square of 10 % at 1e5 adu."""
    light = np.linspace(0.5, 20.0, 40)
    straight = 5000.0 * light
    assert null_fraction(light, straight) < 1e-9
    # A loss of q y² with y up to 1e5 adu: 1 % between bottom and top, on both sides of its median.
    assert null_fraction(light, straight - 1e-7 * straight**2) == pytest.approx(5e-3, rel=0.1)
    assert np.isnan(null_fraction(light[:3], straight[:3]))
    few = slice(None, None, 8)
    assert null_fraction(light[few], (straight - 1e-7 * straight**2)[few]) > 3e-3


def test_exposures_of_equal_time_are_found():
    times = np.array([3.0, 0.1, 3.0004, 0.104, 8.0, 0.1])
    np.testing.assert_array_equal(groups_of_equal_time(times), [2, 0, 2, 1, 3, 0])
    assert groups_of_equal_time(np.zeros(0)).size == 0
    assert np.isnan(lamp_scatter(np.array([1.0, 1.1]), np.array([0, 1])))
