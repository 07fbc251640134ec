"""Squared, Polynomial and LookupTable: known answers, injected truth, errors against scatter."""

import numpy as np
import pytest

from infra.errors import CalprodError
from tasks.isr.linearity import linearized
from tasks.linearity.algorithm import LinearitySettings, PolynomialSettings, solve_linearity
from tasks.linearity.fitting.polynomial import inverse_series, lookup_row
from tasks.linearity.fitting.robust import fit_polynomial, mad_sigma
from tests.linearity.ramps import one_amplifier

KINDS = ("Squared", "Polynomial", "LookupTable")
TIME = np.arange(1.0, 97.0, 5.0)


def solve(light, level, kind, **settings):
    ramp = one_amplifier(light, level)
    return solve_linearity(ramp, LinearitySettings(kind, polynomial=PolynomialSettings(**settings)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("minimum", "maximum"), [(0.0, 1e5), (1e4, 9e4)])
def test_known_quadratic(kind, minimum, maximum):
    """Rubin cp_pipe, tests of its linearity task: y = 1000 t − 5e-6 t² (adu, s)."""
    level = 1000.0 * TIME - 5e-6 * TIME**2
    linearizer = solve(TIME, level, kind, minimum=minimum, maximum=maximum)
    one = linearizer.amplifiers[0]
    # Its tolerances. The line that the polynomial refers to has a slope 5e-7 below 1000 adu/s, so that the
    # quadratic term is off by 1e-6 of itself; the correction is not.
    np.testing.assert_allclose(one.fit_parameters[0], 0.0, atol=1e-2)
    np.testing.assert_allclose(one.fit_parameters[1], 1.0, atol=1e-5)
    np.testing.assert_allclose(one.fit_parameters[2], -5e-12, rtol=2e-6)
    np.testing.assert_allclose(one.fit_parameters[3], 0.0, atol=1e-20)
    np.testing.assert_array_equal(one.mask, (level > minimum) & (level < maximum))
    assert np.nanmax(np.abs(one.residuals)) < 1e-2
    np.testing.assert_allclose(
        linearized(level, linearizer.correction("C10")) / (1000 * TIME), 1.0, atol=1e-6
    )
    if kind == "LookupTable":
        counts = np.arange(10_000, 100_000)
        np.testing.assert_allclose(linearizer.table[0][counts], 5e-12 * counts.astype(float) ** 2, rtol=1e-4)
    else:
        np.testing.assert_allclose(one.coefficients[0], 5e-12, rtol=1e-6)
        np.testing.assert_allclose(one.coefficients[1:], 0.0, atol=1e-20)


def quadratic_ramp(seed=None, q=1e-7, n=60, pixels=500_000, gain=1.0):
    """Ramp up to 90000 adu; noise of the mean of a pair of flats with so many pixels, if a seed is given."""
    time = np.linspace(0.5, 90.0, n)
    linear = 1000.0 * time
    level = linear - q * linear**2
    if seed is not None:
        level = level + np.random.default_rng(seed).normal(size=n) * np.sqrt(level / gain / (2 * pixels))
    return time, linear, level


@pytest.mark.parametrize(("kind", "limit"), [("Squared", 3e-5), ("Polynomial", 2e-5), ("LookupTable", 2e-5)])
def test_an_injected_loss_of_one_percent_is_gone(kind, limit):
    """Solved with noise, applied to exact levels.

    The first order, which Rubin's Squared takes, leaves 2 q² T²: 1.6e-4 before its line, 7e-5 beside it.
    """
    time, linear, level = quadratic_ramp(seed=3)
    linearizer = solve(time, level, kind, maximum=120_000.0)
    exact = quadratic_ramp()[2]
    ratio = linearized(exact, linearizer.correction("C10")) / linear
    assert np.ptp(exact / linear) > 8e-3
    assert np.ptp(ratio) / 2 < limit
    # Noise of the ramp, 4.5e-5 of the lowest level, 3e-6 of the highest: 4 sigma; and what the kind leaves.
    one = linearizer.amplifiers[0]
    noise = 4 / np.sqrt(level * 1_000_000) + (6e-5 if kind == "Squared" else limit)
    assert (np.abs(one.residuals / level) < noise)[one.mask].all()
    assert one.mask[1:].all()


def test_the_reference_inverts_to_first_order_only():
    """Rubin cp_pipe: q_j = −p_j / p₁^j. Kept as a choice; it leaves 2 q² T² of the signal."""
    time, linear, level = quadratic_ramp()
    ours = solve(time, level, "Polynomial", maximum=120_000.0)
    theirs = solve(time, level, "Polynomial", maximum=120_000.0, inversion="first order")
    top = {name: linearized(level, one.correction("C10"))[-1] for name, one in (("o", ours), ("t", theirs))}
    np.testing.assert_allclose(theirs.amplifiers[0].coefficients, [1e-7, 0.0], atol=3e-10)
    np.testing.assert_allclose(ours.amplifiers[0].coefficients[1], 2e-14, rtol=0.05)
    scale = ours.amplifiers[0].line[1] * time[-1] / linear[-1]
    assert abs(top["o"] / linear[-1] - scale) < 1e-5 < 1e-4 < abs(top["t"] / linear[-1] - scale)


def test_the_inverse_series_is_the_textbook_one():
    a2, a3, a4 = 2e-7, -3e-13, 5e-18
    np.testing.assert_allclose(
        inverse_series(np.array([a2, a3, a4])),
        [a2, 2 * a2**2 + a3, 5 * a2**3 + 5 * a2 * a3 + a4],
        rtol=1e-12,
    )


def test_the_lookup_table_is_indexed_by_measured_counts():
    """Rubin cp_pipe computes entries at whole linear counts but looks up measured ones: 20 adu off."""
    p = np.array([0.0, 1.0, -1e-7])
    row = lookup_row(p, 2**18)
    linear = 1e5
    measured = linear - 1e-7 * linear**2
    assert row[int(measured)] == pytest.approx(linear - measured, abs=0.03)
    assert 1e-7 * measured**2 < linear - measured - 15.0


def test_the_errors_are_those_of_the_scatter_over_seeds():
    fits = [solve(*quadratic_ramp(seed)[::2], "Squared", maximum=1.2e5).amplifiers[0] for seed in range(40)]
    found = np.array([one.fit_parameters for one in fits])
    quoted = np.array([one.fit_errors for one in fits])
    # The scatter of 40 has an error of 1 / √78 = 11 %: 3 sigma, and 10 % for the noise of the line that t
    # comes from, which errors of p at given t leave out.
    np.testing.assert_allclose(found.std(axis=0, ddof=1) / np.sqrt((quoted**2).mean(axis=0)), 1.0, atol=0.45)
    pulls = (found[:, 2] - (-1e-7)) / quoted[:, 2]
    # The line that the polynomial refers to is not the true one: p₂ is defined up to its slope, 0.8 %.
    assert np.abs(found[:, 2].mean() / -1e-7 - 1.0) < 0.03
    assert pulls.std() < 2.0


def test_the_mean_squared_coefficient_is_the_injected_one():
    found = np.array(
        [
            solve(*quadratic_ramp(seed)[::2], "Squared", maximum=1.2e5, inversion="first order")
            .amplifiers[0]
            .coefficients[0]
            for seed in range(20)
        ]
    )
    # q refers to the slope at no light, which the fit takes for the line's: linear in it, 1 % of itself.
    assert found.mean() == pytest.approx(1e-7, rel=0.015)
    assert found.std() < 1e-9


def test_outliers_do_not_bend_the_polynomial():
    time, _, level = quadratic_ramp(seed=1)
    level[[10, 30, 45]] += [3000.0, -3000.0, 5000.0]
    one = solve(time, level, "Polynomial", maximum=120_000.0).amplifiers[0]
    assert not one.mask[[10, 30, 45]].any()
    assert np.isnan(one.residuals[[10, 30, 45]]).all()
    assert np.isfinite(one.residuals_unmasked).all()
    assert one.coefficients[0] == pytest.approx(1e-7, rel=0.02)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("level", "reason"),
    [
        (np.full(20, np.nan), "no level is finite"),
        (np.where(np.arange(20) < 2, 1000.0 * TIME, np.nan), "2 usable levels"),
        (np.full(20, 180_000.0), "0 usable levels"),
        (1e5 - 900.0 * TIME, "does not rise"),
        (np.zeros(20), "no turnoff"),
    ],
    ids=["all NaN", "two levels", "saturated", "falling", "dark"],
)
def test_an_amplifier_that_cannot_be_solved_says_why(kind, level, reason):
    linearizer = solve(TIME, level, kind, maximum=120_000.0)
    one = linearizer.amplifiers[0]
    assert one.is_bad
    assert reason in one.reason
    assert linearizer.reasons == (("C10", one.reason),)
    assert np.isnan(one.residuals).all()
    assert one.coefficients[0] == 0.0
    np.testing.assert_array_equal(linearized(np.arange(3.0), linearizer.correction("C10")), np.arange(3.0))


def test_robust_fits_shrug_off_what_plain_ones_do_not():
    x = np.linspace(0, 10, 50)
    y = 100 + 3 * x
    y[7] = 1000.0
    np.testing.assert_allclose(fit_polynomial(x, y, 1).coefficients, [100, 3], atol=0.5)
    assert abs(np.polynomial.polynomial.polyfit(x, y, 1)[0] - 100) > 10
    assert np.isnan(fit_polynomial(x[:2], y[:2], 1).errors).all()
    with pytest.raises(CalprodError, match="1 points"):
        fit_polynomial(x[:1], y[:1], 1)


def test_mad_sigma_of_a_gaussian_and_of_nothing():
    # Its standard error is 1.17 σ / √n.
    assert mad_sigma(np.random.default_rng(0).normal(0, 2, 100_000)) == pytest.approx(2.0, rel=0.015)
    assert np.isnan(mad_sigma(np.array([np.nan])))


@pytest.mark.parametrize("wrong", [{"order": 1}, {"minimum": 10.0, "maximum": 5.0}, {"n_table": 1}])
def test_settings_without_sense_are_refused(wrong):
    with pytest.raises(ValueError, match="linearity polynomial"):
        PolynomialSettings(**wrong)
