"""The spline: recovery of a known one with everything that may stand between it and the light."""

from dataclasses import replace

import numpy as np
import pytest

from infra.errors import CalprodError
from tasks.isr.linearity import linearized
from tasks.linearity.algorithm import LinearitySettings, SplineSettings, solve_linearity
from tests.linearity.ramps import akima, measured, one_amplifier, photodiode_ramp, same_gauge

FACTORS = (0.995, 1.0, 1.005, 1.002)


def solve(ramp, **settings):
    options = {"weights": (1e-4, 0.0), "fewest_in_group": 40} | settings
    return solve_linearity(ramp, LinearitySettings("Spline", spline=SplineSettings(**options)))


def check(linearizer, nodes, values):
    """Rubin cp_pipe's tests of its spline: outliers found, residuals, χ², node values."""
    one = linearizer.amplifiers[0]
    np.testing.assert_array_equal(np.flatnonzero(~one.mask), range(170, 175))
    assert one.max_residual < 4e-4
    assert one.reduced_chi_squared < 2.0
    assert one.residual_sigma < 1.2e-4
    own_nodes, own_values = np.split(one.coefficients, 2)
    truth = same_gauge(own_nodes, akima(nodes, values)(own_nodes), own_nodes, own_values, one.input_turnoff)
    # 2 adu or 5 % there; the errors of the nodes are 0.2 to 4 adu for 1e-4 of noise in 20 points each.
    error = np.abs(own_values - truth)
    assert own_values[0] == 0.0
    assert (error < np.maximum(2.5, 0.05 * np.abs(truth))).all()
    assert (error[1:] < 4 * one.fit_errors[1:10]).all()
    return one


def test_a_known_spline_comes_back():
    """Rubin cp_pipe, test_linearity_spline: ten nodes, 200 points, five outliers."""
    check(solve(photodiode_ramp(0)[0]), *photodiode_ramp(0)[1:])


def test_groups_of_points_get_their_own_brightness():
    """Rubin cp_pipe: factors to 6e-4."""
    ramp, nodes, values = photodiode_ramp(0, factors=FACTORS)
    one = check(solve(ramp), nodes, values)
    slopes = one.fit_parameters[10:14]
    np.testing.assert_allclose(slopes / slopes.mean(), np.array(FACTORS) / np.mean(FACTORS), atol=6e-4)
    # The light is recorded as one lamp would have given it.
    np.testing.assert_allclose(one.abscissa / ramp.light, (slopes / slopes.mean())[ramp.groups], rtol=1e-12)


def test_an_offset_is_told_apart_from_the_spline():
    """Rubin cp_pipe: an offset of 2 adu to 6e-3; 4 sigma of its own error allowed here."""
    ramp, nodes, values = photodiode_ramp(0, factors=FACTORS, offset=2.0)
    one = check(solve(ramp, fit_offset=True), nodes, values)
    assert one.fit_parameters[14] == pytest.approx(2.0, abs=max(6e-3, 4 * one.fit_errors[14]))
    assert one.fit_errors[14] < 6e-3


def test_the_dependence_on_temperature_is_found():
    """Rubin cp_pipe: a coefficient of 6e-4 to 2 %, which is 0.9 sigma of ours (noise 1e-4, 0.5 °C)."""
    ramp, nodes, values = photodiode_ramp(0, factors=FACTORS, offset=2.0, alpha=6e-4)
    one = check(solve(ramp, fit_offset=True, fit_temperature=True), nodes, values)
    assert one.fit_parameters[15] == pytest.approx(6e-4, rel=0.02)


def test_the_dependence_on_time_is_found():
    ramp, nodes, values = photodiode_ramp(0)
    mjd = 60_000.0 + np.random.default_rng(5).uniform(0, 0.3, 200)
    level = ramp.amplifiers[0].ordinate / (1.0 + 2e-3 * (mjd - np.median(mjd)))
    changed = one_amplifier(ramp.light, level, turnoff=ramp.amplifiers[0].turnoff, mjd=mjd)
    one = check(solve(changed, fit_time=True), nodes, values)
    assert one.fit_parameters[11] == pytest.approx(2e-3, abs=4 * one.fit_errors[11])


def test_the_weights_are_found():
    """Rubin cp_pipe's variant with free weights: the injected fractional noise is 1e-4."""
    ramp, nodes, values = photodiode_ramp(0, factors=FACTORS)
    one = check(solve(ramp, fit_weights=True, weights=(2e-4, 1e-3)), nodes, values)
    assert one.fit_parameters[14] == pytest.approx(1e-4, rel=0.2)  # 1 / √(2 · 195) = 5 %; 4 sigma


def test_the_errors_are_those_of_the_scatter_over_seeds():
    found, quoted, chi_squared = [], [], []
    for seed in range(24):
        ramp, nodes, values = photodiode_ramp(seed, outliers=False)
        one = solve(ramp).amplifiers[0]
        own, value = np.split(one.coefficients, 2)
        truth = same_gauge(own, akima(nodes, values)(own), own, value, one.input_turnoff)
        found.append(value - truth)
        quoted.append(one.fit_errors[:10])
        chi_squared.append(one.reduced_chi_squared)
    pulls = np.array(found)[:, 1:] / np.array(quoted)[:, 1:]
    # Scatter of 24: 15 %, 3 sigma at each of nine nodes; of all together 5 %, more for their correlation.
    np.testing.assert_allclose(pulls.std(axis=0), 1.0, atol=0.45)
    assert np.sqrt((pulls**2).mean()) == pytest.approx(1.0, abs=0.2)
    # Mean of 24 values, each with √(2 / 190).
    assert np.mean(chi_squared) == pytest.approx(1.0, abs=4 * np.sqrt(2 / 190 / 24))


def test_the_frames_it_is_applied_to_are_proportional_to_the_light():
    ramp, nodes, values = photodiode_ramp(7)
    linearizer = solve(ramp)
    linear = np.linspace(500.0, 90_000.0, 25)
    level = measured(linear, akima(nodes, values))
    ratio = linearized(level, linearizer.correction("C10")) / linear
    assert np.ptp(level / linear) > 2e-3
    assert np.abs(ratio / np.median(ratio) - 1.0).max() < 1e-4


def test_a_ramp_with_gaps_does_not_make_the_spline_wild():
    """Nodes without points between them used to take values of thousands of adu."""
    level = np.concatenate([np.linspace(100, 10_000, 40), np.linspace(90_000, 100_000, 20)])
    ramp = one_amplifier((level + 1e-7 * level**2) / 1000.0, level, turnoff=100_000.0)
    one = solve(ramp).amplifiers[0]
    nodes, values = np.split(one.coefficients, 2)
    truth = same_gauge(nodes, -1e-7 * nodes**2, nodes, values, 100_000.0)
    # Three nodes are left: coarse, but nowhere more than a fifth of the largest correction, 1000 adu, off.
    assert one.max_residual < 2e-3
    assert np.abs(values - truth).max() < 200.0


def test_few_points_are_refused_with_their_number():
    ramp = one_amplifier(np.arange(1.0, 9.0), 1000.0 * np.arange(1.0, 9.0), turnoff=8000.0)
    one = solve(ramp).amplifiers[0]
    assert one.is_bad
    assert "8 usable points for a spline of 10 nodes" in one.reason


def test_two_levels_only_are_refused():
    light = np.repeat([1.0, 2.0], 20)
    one = solve(one_amplifier(light, 10_000.0 * light, turnoff=20_000.0), n_nodes=3).amplifiers[0]
    assert one.is_bad
    assert "distinct levels" in one.reason


def test_groups_with_too_few_points_are_refused():
    """Rubin cp_pipe, test_linearity_spline_offsets_too_few_points."""
    ramp, *_ = photodiode_ramp(0, factors=FACTORS)
    with pytest.raises(CalprodError, match="too few points in group 0"):
        solve(ramp, fewest_in_group=100)


def test_weights_cannot_be_fitted_from_zero():
    with pytest.raises(CalprodError, match="start both weight parameters"):
        solve(photodiode_ramp(0)[0], fit_weights=True, weights=(1.0, 0.0))


def test_a_bad_amplifier_harms_no_other():
    ramp, *_ = photodiode_ramp(0)
    good = ramp.amplifiers[0]
    nothing = np.full(200, np.nan)
    many = replace(
        ramp,
        amplifiers=(
            replace(good, name="C11", ordinate=nothing),
            good,
            replace(good, name="C12", bad="no gain"),
            replace(good, name="C13", ordinate=np.full(200, 130_000.0)),
        ),
    )
    linearizer = solve(many)
    assert dict(linearizer.reasons).keys() == {"C11", "C12", "C13"}
    assert dict(linearizer.reasons)["C12"] == "no gain"
    np.testing.assert_array_equal(
        linearizer.amplifier("C10").coefficients, solve(ramp).amplifiers[0].coefficients
    )
