"""Sources, sums, tails and errors of kernels, and kernels that are none."""

import numpy as np
import pytest

from infra.errors import CalprodError
from tasks.brighter_fatter.algorithm import (
    KernelSettings,
    Level,
    Source,
    ZeroSum,
    laplacian,
    solve_kernels,
)
from tasks.brighter_fatter.kernel.correlations import tiled
from tasks.brighter_fatter.kernel.solving import solve_kernel
from tasks.brighter_fatter.kernel.sources import SourceOfKernel
from tasks.brighter_fatter.kernel.tail import tail_sum
from tasks.ptc.solve.full_covariance import covariance_model
from tasks.ptc.solve.polynomial import CovarianceParameters
from tests.brighter_fatter.curves import amplifier_curve, detector_curve, published_curve

A = np.array([[-2.06e-6, 4.8e-7, 4.0e-8], [1.2e-7, 8.0e-8, 2.0e-8], [2.0e-8, 2.0e-8, 5.0e-9]])
GAIN = 1.3
NOISE = np.diag([49.0, 0.5, 0.1])
SIGNALS = np.linspace(12_000, 60_000, 13)


def modelled(name="C10", a=A, gain=GAIN, covariances=None, **changes):
    """Amplifier whose covariances are exactly those of the model with this a-matrix."""
    means = SIGNALS / gain
    model = covariance_model(means, CovarianceParameters(gain, a, np.zeros_like(a)), NOISE)
    errors = np.tile(1e-3 * model[:, :1, :1], (1, 3, 3))
    given = {"a_matrix": a, "noise_matrix": NOISE, "noise_squared": 49.0, "errors": errors}
    measured = model if covariances is None else covariances
    return amplifier_curve(means, measured, name=name, gain=gain, **(given | changes))


def solved(*amplifiers, **settings):
    return solve_kernels(detector_curve(*amplifiers), KernelSettings(**settings))


def area_changes(kernel):
    """Quadrant of minus the source."""
    n = kernel.shape[0] // 2
    return -laplacian(kernel)[n : n + 3, n : n + 3]


def test_the_a_matrix_is_the_source():
    one = solved(modelled(), source=Source.A_MATRIX, zero_sum=ZeroSum.NONE).amplifiers[0]
    np.testing.assert_allclose(area_changes(one.kernel), A, rtol=1e-9, atol=1e-18)
    assert one.kernel.shape == (7, 7)
    # Of what the pixel loses, 12 % lies beyond the measured lags: the kernel does not come to zero.
    assert "at the edge" in one.reason
    assert solved(modelled(), source=Source.A_MATRIX).amplifiers[0].is_valid


def test_the_fit_is_sampled_at_its_signal():
    """C/μ² = a + ⅔ (a ⊗ a) μ + …: of lag zero it shrinks by about ⅔ |a| μ."""
    for signal in (20_000.0, 25_000.0, 48_000.0):
        one = solved(modelled(), source=Source.MODEL, zero_sum=ZeroSum.NONE, signal=signal).amplifiers[0]
        nearest = SIGNALS[np.argmin(np.abs(SIGNALS - signal))]
        expected = covariance_model(
            np.array([nearest]), CovarianceParameters(1.0, A, np.zeros_like(A)), np.zeros((3, 3))
        )[0]
        expected[0, 0] -= nearest
        np.testing.assert_allclose(area_changes(one.kernel), expected / nearest**2, rtol=1e-9, atol=1e-18)
        assert expected[0, 0] / nearest**2 / A[0, 0] < 1.0 - 0.5 * abs(A[0, 0]) * nearest


def test_mean_slope_and_fit_agree_to_second_order():
    results = {
        source: area_changes(solved(modelled(), source=source, zero_sum=ZeroSum.NONE).amplifiers[0].kernel)
        for source in Source
    }
    highest = abs(A[0, 0]) * SIGNALS[-1]
    for source, a in results.items():
        assert abs(a[0, 0] / A[0, 0] - 1.0) < highest, source
        assert a[0, 1] / a[1, 0] == pytest.approx(4.0, abs=0.6), source


def test_the_read_noise_is_taken_out():
    noisy = modelled(a_matrix=None)
    unclipped = {"zero_sum": ZeroSum.NONE, "n_sigma": 100.0}
    bare = solved(noisy, subtract_noise=False, **unclipped).amplifiers[0]
    clean = solved(noisy, **unclipped).amplifiers[0]
    added = area_changes(bare.kernel)[0, 0] - area_changes(clean.kernel)[0, 0]
    assert added == pytest.approx(np.mean(49.0 / SIGNALS**2), rel=1e-6)


def test_the_sum_is_zero_in_both_ways_but_shared_differently():
    lopsided = A.copy()
    lopsided[0, 0] *= 1.1
    amplifier = modelled(a=lopsided)
    for way in (ZeroSum.CENTRE, ZeroSum.ALL_LAGS):
        one = solved(amplifier, zero_sum=way).amplifiers[0]
        assert abs(one.source.sum()) < 1e-12 * abs(one.source[3, 3])
    bare, centre, shared = (
        solved(amplifier, zero_sum=way).amplifiers[0].source[3, 3]
        for way in (ZeroSum.NONE, ZeroSum.CENTRE, ZeroSum.ALL_LAGS)
    )
    assert abs(shared - bare) < 0.05 * abs(centre - bare)


def test_errors_are_those_of_repeated_measurements():
    """Correlations of known errors, 2000 times: a scatter has an error of 1.6 %, the worst of 49 of 5 %."""
    random = np.random.default_rng(7)
    errors = 2e-8 * np.array([[1.4, 1.0, 1.0], [1.0, 0.7, 0.7], [1.0, 0.7, 0.7]])
    for way in ZeroSum:
        settings = KernelSettings(zero_sum=way, check_validity=False)
        draws = [
            solve_kernel(SourceOfKernel(-A + errors * random.normal(size=(3, 3)), errors, 1), settings).kernel
            for _ in range(2000)
        ]
        expected = solve_kernel(SourceOfKernel(-A, errors, 1), settings).errors
        np.testing.assert_allclose(np.std(draws, axis=0), expected, rtol=0.06)


@pytest.mark.parametrize("slope", [-1.2, -1.35, -2.0])
def test_the_tail_is_the_sum_of_a_power_law_outside_the_square(slope):
    """Against the law summed pixel by pixel to 3000 pixels, and integrated beyond."""
    r = 8
    y, x = np.indices((2 * r - 1, 2 * r - 1)) - (r - 1)
    distance = np.hypot(x, y)
    distance[r - 1, r - 1] = 1.0
    source = -3e-7 * distance ** (2 * slope)
    far = np.arange(-3000, 3001)
    total = 0.0
    for row in far:
        squared = (far**2 + row**2).astype(float)
        outside = (np.abs(far) >= r) | (abs(row) >= r)
        inside_circle = squared <= 3000.0**2
        total += np.sum(squared[outside & inside_circle] ** slope)
    power = -(2 * slope + 2)
    total += 2 * np.pi * 3000.0 ** (-power) / power
    assert tail_sum(source, 4, slope) == pytest.approx(-3e-7 * total, rel=0.01)


def test_a_tail_needs_one_sign_a_lag_and_a_sum():
    source = tiled(-A)
    source[2 + 2, 2] *= -1.0
    assert tail_sum(source, 2, -1.35) is None
    with pytest.raises(CalprodError, match="cannot begin at 3"):
        tail_sum(source, 3, -1.35)
    with pytest.raises(CalprodError, match="no finite sum"):
        tail_sum(source, 2, -1.0)


def test_the_tail_is_part_of_the_sum():
    bare = solved(modelled()).amplifiers[0]
    with_tail = solved(modelled(), tail_radius=2).amplifiers[0]
    tail = tail_sum(tiled(-A), 2, -1.35)
    # The source at the levels' mean signal differs from a by some per cent.
    assert bare.source[3, 3] - with_tail.source[3, 3] == pytest.approx(tail, rel=0.2)
    assert with_tail.source.sum() == pytest.approx(-tail, rel=0.2)


def test_levels_that_say_nothing_are_left_out():
    curve = modelled()
    expected = solved(curve).amplifiers[0].kernel
    covariances = curve.series.covariances.copy()
    covariances[2, 0, 0] *= 1.5  # more variance than photons have
    covariances[4, 1, 1] = np.nan
    covariances[6] += 0.2 * covariances[6, 0, 0] * (np.arange(9).reshape(3, 3) > 0)  # a gradient in the flat
    errors = 1.0 / curve.series.sqrt_weights
    spoiled = amplifier_curve(
        curve.series.means,
        covariances,
        gain=GAIN,
        noise_matrix=NOISE,
        errors=errors,
    )
    kept = np.ones(13, bool)
    kept[[2, 4, 6]] = False
    same = amplifier_curve(
        curve.series.means, curve.series.covariances, gain=GAIN, noise_matrix=NOISE, errors=errors, kept=kept
    )
    np.testing.assert_allclose(
        solved(spoiled).amplifiers[0].kernel, solved(same).amplifiers[0].kernel, rtol=1e-12
    )
    np.testing.assert_allclose(solved(spoiled).amplifiers[0].kernel, expected, rtol=0.05)


def test_amplifiers_that_are_bad_have_zeros_and_a_reason():
    found = solved(
        modelled(),
        modelled("C11", reason="no usable pixel"),
        amplifier_curve(SIGNALS, modelled().series.covariances, name="C12", gain=-1.0),
        amplifier_curve(SIGNALS, np.tile(np.eye(3), (13, 1, 1)) * 2e5, name="C13"),
        amplifier_curve(SIGNALS, modelled().series.covariances, name="C14", gain=np.nan),
    )
    good, *bad = found.amplifiers
    assert good.is_valid
    assert list(found.invalid) == ["C11", "C12", "C13", "C14"]
    for one, reason in zip(bad, ("no usable pixel", "gain of -1", "no level", "gain of nan"), strict=True):
        assert reason in one.reason
        assert not one.is_valid
        assert not one.kernel.any()
        assert not one.source.any()
    np.testing.assert_array_equal(found.kernel, good.kernel)
    assert found.is_valid


def test_a_fit_that_was_not_made_cannot_be_the_source():
    one = solved(modelled(a_matrix=None), source=Source.A_MATRIX).amplifiers[0]
    assert one.reason == "the curve has no fit of covariances"


def test_the_detector_has_the_mean_of_valid_amplifiers_or_a_kernel_of_all_levels():
    amplifiers = [modelled(f"C1{i}", a=A * (1 + 0.01 * i)) for i in range(5)]
    amplifiers += [modelled("C15", a=A * 3.0), modelled("C16", reason="dead")]
    each = solved(*amplifiers, ignored_amplifiers=("C15",))
    mean = np.mean([one.kernel for one in each.amplifiers[:5]], axis=0)
    np.testing.assert_allclose(each.kernel, mean, rtol=1e-9)
    together = solved(*amplifiers, level=Level.DETECTOR, ignored_amplifiers=("C15",))
    np.testing.assert_allclose(together.kernel, mean, rtol=1e-3)
    assert abs(laplacian(together.kernel).sum()) < 0.2 * abs(laplacian(together.kernel)).max()
    assert list(together.invalid) == ["C16"]
    for one in together.amplifiers[:6]:
        np.testing.assert_array_equal(one.kernel, together.kernel)


def test_a_detector_without_any_amplifier_has_no_kernel():
    for level in Level:
        found = solved(modelled(reason="dead"), modelled("C11", reason="dead"), level=level)
        assert not found.is_valid
        assert not found.kernel.any()
        assert set(found.invalid) == {"C10", "C11"}


def test_too_few_lags_are_refused():
    with pytest.raises(CalprodError, match="variances only"):
        solved(amplifier_curve(SIGNALS, np.full((13, 1, 1), 1e4)))
    two = amplifier_curve(SIGNALS, modelled().series.covariances[:, :2, :2], gain=GAIN)
    with pytest.raises(CalprodError, match="5 x 5 pixels is too small"):
        solved(two)
    assert solved(published_curve(), lowest_signal=0.0, check_validity=False).is_valid


def test_an_amplifier_whose_kernel_is_another_is_not_averaged():
    amplifiers = [modelled(f"C1{i}", a=A * (1 + 0.01 * i)) for i in range(5)]
    found = solved(*amplifiers, modelled("C15", a=A * 2.5))
    assert list(found.invalid) == ["C15"]
    assert "not that of the others" in found.invalid["C15"]
    assert found.is_valid
    np.testing.assert_allclose(found.kernel, solved(*amplifiers).kernel, rtol=1e-9)


def test_amplifiers_that_are_too_noisy_to_tell_are_averaged_all():
    """Were only the significant ones averaged, chance would make the mean too large."""
    random = np.random.default_rng(5)
    exact = modelled()
    errors = 0.03 * exact.series.covariances[:, :1, :1] * np.ones((1, 3, 3))
    noisy = [
        modelled(f"C{i:02}", errors=errors, covariances=exact.series.covariances + errors * noise)
        for i, noise in enumerate(random.normal(size=(64, 13, 3, 3)))
    ]
    found = solved(*noisy, lowest_signal=0.0, zero_sum=ZeroSum.ALL_LAGS)
    one = found.amplifiers[0]
    assert abs(one.kernel[3, 3]) < 8.0 * one.errors[3, 3]
    assert len(found.invalid) <= 3
    expected = solved(exact, zero_sum=ZeroSum.ALL_LAGS).kernel[3, 3]
    assert found.kernel[3, 3] == pytest.approx(expected, abs=4.0 * one.errors[3, 3] / 8.0)
