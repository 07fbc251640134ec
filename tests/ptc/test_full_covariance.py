"""The covariance model and its fit: known values, the reference's numbers, other solvers, errors."""

import numpy as np
import pytest
from scipy.optimize import least_squares
from scipy.signal import convolve2d

from tasks.ptc.solve.convolution import convolution_matrix
from tasks.ptc.solve.full_covariance import covariance_model, fit_covariances
from tasks.ptc.solve.long_range import without_long_range
from tasks.ptc.solve.model import FitRefused
from tasks.ptc.solve.polynomial import CovarianceParameters, coefficients, linearise
from tests.ptc import reference
from tests.ptc.flats import mock_measurements

A = np.array([[-2e-6, 4e-7], [8e-7, 1.5e-7]])
B = np.array([[1e-7, 2e-7], [-1e-7, 5e-8]])
N = np.array([[25, 1], [0.5, 0.2]])

REFERENCE_NOISE = {
    True: [
        [8.99474598, 9.94916264, -27.90587299],
        [-2.95079527, -17.11827641, -47.88156244],
        [5.24915021, -3.25786165, 26.09634067],
    ],
    False: [
        [8.71049338, 12.48584043, -37.06585088],
        [-4.80523971, -23.29102809, -66.37815343],
        [7.48654766, -4.10168337, 35.64469824],
    ],
}
"""Noise matrices (electron²) that cp_pipe's unit test asserts for its mock flats, with and without b."""


def model(means, gain, a, b, n):
    return covariance_model(np.atleast_1d(means), CovarianceParameters(gain, a, a * b), n)


def points(side=4, n=40, seed=1, gain=1.5, with_b=True):
    """Noisy covariances of a sensor that looks real."""
    i, j = np.indices((side, side))
    a = 3.2e-7 / (1.0 + i**2 + 1.5 * j**2) ** 1.4
    a[0, 0] = -2.2e-6
    b = (1e-6 * np.exp(-i - j)) * with_b
    noise = np.where(i + j == 0, 40.0, 0.3)
    means = np.linspace(200, 70_000, n)
    exact = model(means, gain, a, b, noise)
    weights = 1e3 / exact[:, :1, :1] * np.ones((side, side))
    weights[:, 0, 0] /= np.sqrt(2)
    random = np.random.default_rng(seed)
    return means, exact + random.normal(size=exact.shape) / weights, weights, (gain, a, a * b, noise)


def mock_points():
    """Kept points of cp_pipe's unit test, above 2000 adu."""
    rows = [one for one in mock_measurements() if one.mean > 2000]
    means = np.array([one.mean for one in rows])
    return means, *(
        np.stack([getattr(one, name)[:3, :3] for one in rows]) for name in ("covariances", "sqrt_weights")
    )


def test_known_covariances():
    """Values of independent code at r = 2, to the digits printed."""
    expected = [[12586.428, 152.506], [297.206, 60.3534]]
    np.testing.assert_allclose(model(20_000, 1.5, A, B, N)[0], expected, atol=6e-4)
    without_b = [[12587.926, 151.942], [297.837, 60.2973]]
    np.testing.assert_allclose(model(20_000, 1.5, A, 0 * B, N)[0], without_b, atol=6e-4)


def test_known_variance_of_the_nearest_effect_alone():
    a = np.array([[-2e-6]])
    assert model(20_000, 1.5, a, 0 * a, 0 * a)[0, 0, 0] == pytest.approx(12564.3733, abs=1e-4)


@pytest.mark.parametrize("side", [1, 2, 3, 10])
def test_model_equals_convolutions_by_fourier_transform(side):
    random = np.random.default_rng(side)
    a, c, n = random.normal(0, (1e-6, 1e-12, 10), (side, side, 3)).transpose(2, 0, 1)
    a[0, 0] = -1e-5
    means = np.array([10.0, 1e3, 1e5])
    expected = reference.model(means, 1.3, a, c, n)
    found = covariance_model(means, CovarianceParameters(1.3, a, c), n)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9 * np.abs(expected).max())


def test_convolution_matrix_is_the_convolution():
    random = np.random.default_rng(1)
    kernel, other = random.normal(size=(2, 3, 3))
    found = (convolution_matrix(kernel, 3, 5) @ other.ravel()).reshape(5, 5)
    full = convolve2d(reference.mirrored(kernel), reference.mirrored(other))
    np.testing.assert_allclose(found, full[4:, 4:], atol=1e-13)


def test_derivatives_are_those_of_the_model():
    _, _, _, (gain, a, c, _) = points(side=3)
    exact = linearise(CovarianceParameters(gain, a, c))
    np.testing.assert_allclose(exact.coefficients, coefficients(CovarianceParameters(gain, a, c)), rtol=1e-12)
    for lag in range(9):
        for which, derivative, step in ((a, exact.by_a, 1e-9), (c, exact.by_c, 1e-15)):
            change = np.zeros(9)
            change[lag] = step
            change = change.reshape(3, 3)
            up, down = (
                coefficients(
                    CovarianceParameters(
                        gain,
                        a + sign * change * (which is a),
                        c + sign * change * (which is c),
                    )
                )
                for sign in (1, -1)
            )
            numeric = (up - down)[2:] / (2 * step)
            scale = np.abs(derivative).max(axis=(1, 2))[:, None]
            np.testing.assert_allclose(numeric / scale, derivative[:, :, lag] / scale, atol=1e-5)
    up, down = (coefficients(CovarianceParameters(gain + step, a, c)) for step in (1e-6, -1e-6))
    np.testing.assert_allclose((up - down) / 2e-6, exact.by_gain, rtol=1e-6, atol=1e-30)


@pytest.mark.parametrize("with_b", [True, False], ids=["full", "no b"])
def test_the_reference_numbers_of_the_mock_flats(with_b):
    """Extraction checked against the noise matrices that cp_pipe asserts, to 1e-3 electron².

    cp_pipe takes the place of the largest |a| for lag zero. In flats without a brighter-fatter effect that
    is a random lag, and its numbers hold only so: the plain fit with that slip reproduces them from our
    covariances. Ours takes the true lag zero, where n₀₀ is −0.64 (full) and 5.24 (no b) as independent code
    has it, and agrees with the plain fit without the slip.
    """
    means, covariances, weights = mock_points()
    slipped = reference.fit(means, covariances, weights, 0.75, with_b, largest_is_centre=True)
    np.testing.assert_allclose(slipped[3], REFERENCE_NOISE[with_b], atol=1e-3)
    found = fit_covariances(means, covariances, weights, start_gain=0.75, with_b=with_b)
    plain = reference.fit(means, covariances, weights, 0.75, with_b, tight=True)
    assert found.noise_matrix[0, 0] == pytest.approx(-0.64 if with_b else 5.24, abs=5e-3)
    np.testing.assert_allclose(found.noise_matrix, plain[3], atol=1e-3)
    assert found.gain == pytest.approx(plain[0], rel=1e-6)
    assert found.gain == pytest.approx(0.75, abs=0.005)
    assert found.chi_squared == pytest.approx(plain[4], rel=1e-6)


@pytest.mark.parametrize("with_b", [True, False], ids=["full", "no b"])
def test_agrees_with_a_solver_by_qr_on_all_points(with_b):
    """Minimum, χ² and errors against least_squares with its own derivatives, which factors by QR and SVD."""
    means, covariances, weights, _ = points(side=3, with_b=with_b)
    found = fit_covariances(means, covariances, weights, start_gain=1.4, with_b=with_b)
    unit = np.concatenate([[1.0], np.full(9, 1e-6), np.full(9, 1e-12), np.full(9, 1.0)])
    free = np.ones(28, bool)
    free[10:19] = with_b

    def residuals(q):
        p = np.zeros(28)
        p[free] = q
        p *= unit
        a, c, n = p[1:].reshape(3, 3, 3)
        return ((reference.model(means, p[0], a, c, n) - covariances) * weights).ravel()

    start = np.concatenate(
        [[found.gain], found.a_matrix.ravel(), found.c_matrix.ravel(), found.noise_matrix.ravel()]
    )
    other = least_squares(residuals, (start / unit)[free] * 1.01, jac="3-point", xtol=1e-15, ftol=1e-15)
    _, triangle = np.linalg.qr(other.jac)
    inverse = np.linalg.inv(triangle)
    errors = np.zeros(28)
    dof = covariances.size - free.sum()
    errors[free] = np.sqrt(np.sum(inverse**2, axis=1) * 2 * other.cost / dof) * unit[free]
    values = np.zeros(28)
    values[free] = other.x * unit[free]
    assert found.degrees_of_freedom == dof
    assert found.chi_squared == pytest.approx(2 * other.cost, rel=1e-8)
    assert found.gain == pytest.approx(values[0], abs=1e-4 * errors[0])
    assert found.gain_error == pytest.approx(errors[0], rel=1e-4)
    for name, place in (("a_matrix", 1), ("c_matrix", 10), ("noise_matrix", 19)):
        part = slice(place, place + 9)
        error = {
            "a_matrix": found.a_error,
            "c_matrix": found.c_error,
            "noise_matrix": found.noise_matrix_error,
        }[name]
        np.testing.assert_allclose(error.ravel(), errors[part], rtol=1e-3)
        distance = np.abs(getattr(found, name).ravel() - values[part])
        assert (distance <= 1e-3 * errors[part] + 1e-30).all()


def test_errors_agree_with_the_scatter():
    """60 fits of 49 parameters: each scatter is known to 9 %, their mean to about 2 %."""
    truth = points()[3]
    fits = [fit_covariances(*points(seed=seed)[:3], start_gain=1.4) for seed in range(60)]
    for name, error, true in (
        ("gain", "gain_error", truth[0]),
        ("a_matrix", "a_error", truth[1]),
        ("c_matrix", "c_error", truth[2]),
        ("noise_matrix", "noise_matrix_error", truth[3]),
    ):
        pulls = np.array([(getattr(fit, name) - true) / getattr(fit, error) for fit in fits])
        scatter = np.sqrt(np.mean(pulls**2, axis=0))
        assert np.abs(scatter - 1).max() < 0.4, name
        assert np.mean(scatter) == pytest.approx(1.0, abs=0.3 if name == "gain" else 0.08), name


def test_a_covariance_without_weight_takes_no_part():
    means, covariances, weights, _ = points(side=3)
    expected = fit_covariances(means, covariances, weights, start_gain=1.4)
    spoiled, without = covariances.copy(), weights.copy()
    spoiled[5, 1, 2], without[5, 1, 2] = np.nan, 0.0
    found = fit_covariances(means, spoiled, without, start_gain=1.4)
    assert found.degrees_of_freedom == expected.degrees_of_freedom - 1
    assert found.gain == pytest.approx(expected.gain, abs=expected.gain_error)


def test_b_at_vanishing_a_is_kept_as_it_comes():
    means, covariances, weights, _ = points(side=2)
    found = fit_covariances(means, covariances, weights, start_gain=1.5, with_b=False)
    assert (found.b_matrix == 0).all()
    assert (found.c_matrix == 0).all()


@pytest.mark.parametrize("start", [0.3, 1.0, 5.0])
def test_the_start_does_not_matter(start):
    means, covariances, weights, _ = points()
    expected = fit_covariances(means, covariances, weights, start_gain=1.5)
    found = fit_covariances(means, covariances, weights, start_gain=start)
    assert found.gain == pytest.approx(expected.gain, rel=1e-6)


def test_fewer_points_than_lags_are_refused():
    means, covariances, weights, _ = points(side=4, n=3)
    with pytest.raises(FitRefused, match="fewer than the 4 lags"):
        fit_covariances(means, covariances, weights, start_gain=1.5)


def test_too_few_levels_are_refused():
    means, covariances, weights, _ = points(side=2)
    few = np.repeat([3, 30], 4)
    with pytest.raises(FitRefused, match="do not fix"):
        fit_covariances(means[few], covariances[few], weights[few], start_gain=1.5)


def test_a_lag_without_any_point_is_refused():
    means, covariances, weights, _ = points(side=2)
    weights[:, 1, 1] = 0
    with pytest.raises(FitRefused, match=r"lag \(1, 1\)"):
        fit_covariances(means, covariances, weights, start_gain=1.5)


def test_long_range_covariance_is_subtracted():
    _, covariances, weights, _ = points(side=8, n=5)
    i, j = np.indices((8, 8))
    exact = covariances * 0
    exact[:, :4, :4] = 7.0
    plane = 3.0 + 0.2 * i - 0.1 * j
    found = without_long_range(exact + plane, weights)
    np.testing.assert_allclose(found, exact, atol=1e-9)
    np.testing.assert_array_equal(without_long_range(covariances, 0 * weights), covariances)
