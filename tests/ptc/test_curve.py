"""From measurements to the curve of a detector: the published test, exact points, order, remarks."""

from dataclasses import replace

import numpy as np
import pytest

from infra.images import CorrectedExposure
from tasks.ptc.algorithm import ExtractSettings, FitType, SolveSettings, measure_pair, solve_curve
from tests.combine.exposures import LAYOUT
from tests.ptc.curves import exact_measurements
from tests.ptc.flats import A_MATRIX, measured, mock_measurements


def test_reference_test_of_the_mock_flats():
    """What cp_pipe's unit test asserts of its mock flats; its noise matrices are tested with the fit."""
    rows = mock_measurements()
    for fit_type in FitType:
        curve = solve_curve(reversed(rows), SolveSettings(fit_type, fit_side=3, lowest_mean=2000.0))
        one = curve.amplifiers[0]
        assert curve.bad_amplifiers == ()
        assert (np.diff(one.series.means) > 0).all()
        assert one.kept.tolist() == [False] + [True] * 19
        assert one.gain == pytest.approx(0.75, abs=0.005)
        assert one.turnoff == one.series.means[one.kept][-1]
        np.testing.assert_allclose(one.series.variances / one.series.covariances[:, 0, 0], 1, atol=1e-4)
        relative = one.final_model_variances / one.final_variances - 1
        assert np.nanmax(np.abs(relative)) < 2e-3
        if fit_type is not FitType.EXPONENTIAL:
            difference = one.covariances_model - one.series.covariances[:, :3, :3]
            assert abs(np.mean(difference[one.kept, 0, 1] / one.series.means[one.kept])) < 0.3
    exponential = solve_curve(rows, SolveSettings(lowest_mean=2000.0)).amplifiers[0]
    assert exponential.noise / exponential.gain == pytest.approx(
        np.median(exponential.series.overscan_noise), rel=0.05
    )
    assert exponential.remarks == ()


def test_a_pair_of_nan_is_left_out():
    rows = exact_measurements()
    rows[7] = replace(rows[7], mean=np.nan, variance=np.nan, reason="no usable pixel")
    one = solve_curve(rows).amplifiers[0]
    assert one.reason is None
    assert one.series.means.size == 30
    assert np.count_nonzero(one.kept) == 29
    assert one.gain == pytest.approx(1.1, rel=1e-3)  # the exponential form leaves out the neighbours


def test_exact_points_are_recovered_exactly():
    one = solve_curve(exact_measurements(), SolveSettings(FitType.FULL)).amplifiers[0]
    assert one.gain == pytest.approx(1.1, rel=1e-8)
    assert one.noise == pytest.approx(5.0, rel=1e-6)
    np.testing.assert_allclose(one.a_matrix, A_MATRIX, rtol=1e-5)
    assert one.overscan_median == 1000.0
    assert one.overscan_median_sigma == 0.0


def test_an_amplifier_missing_from_a_pair_is_not_measured_in_it():
    rows = exact_measurements("C10") + exact_measurements("C11")[3:]
    curve = solve_curve(rows)
    assert curve.amplifier("C11").kept.tolist() == [False] * 3 + [True] * 27
    assert curve.amplifier("C10").kept.all()


def test_pairs_are_in_the_same_order_for_all_amplifiers():
    brighter = [replace(one, amplifier="C11", mean=one.mean * 1.3) for one in exact_measurements()]
    rows = exact_measurements() + brighter
    shuffled = [rows[i] for i in np.random.default_rng(1).permutation(len(rows))]
    curve = solve_curve(shuffled)
    first, second = curve.amplifiers
    np.testing.assert_array_equal(first.series.exposures, second.series.exposures)
    assert (np.diff(first.series.means) > 0).all()


def test_noise_that_differs_from_the_overscan_is_remarked():
    rows = [replace(one, reading=replace(one.reading, overscan_noise=8.0)) for one in exact_measurements()]
    assert "in the overscan 8 adu" in solve_curve(rows).amplifiers[0].remarks[0]


def test_the_rolloff_limits_what_the_fit_uses():
    rows = exact_measurements(levels=tuple(np.linspace(300, 110_000, 120).tolist()))
    for i, one in enumerate(rows):
        loss = np.expm1(max(one.mean - 70_000, 0) / 1200)
        if loss:
            rows[i] = replace(one, variance=max(one.variance - loss, 1.0))
    settings = SolveSettings(model_rolloff=True)
    one = solve_curve(rows, settings).amplifiers[0]
    assert one.reason is None
    assert one.rolloff <= one.turnoff < 90_000
    assert (one.below_rolloff <= one.kept).all()
    assert one.gain == pytest.approx(1.1, rel=2e-3)


def test_the_noise_is_rid_of_what_overscan_correction_adds():
    """Levels of rows and columns were subtracted whose own noise is 6 % of the variance."""
    plain = solve_curve(exact_measurements(), SolveSettings(FitType.FULL)).amplifiers[0]
    own = solve_curve(exact_measurements(), SolveSettings(FitType.FULL), None, {"C10": 0.06}).amplifiers[0]
    assert own.noise == pytest.approx(plain.noise / np.sqrt(1.06))
    assert own.noise_error == pytest.approx(plain.noise_error / np.sqrt(1.06))
    np.testing.assert_array_equal(own.parameters, plain.parameters)
    np.testing.assert_array_equal(own.noise_matrix, plain.noise_matrix)


def test_small_images_lose_no_pairs_to_a_limit_below_their_noise():
    """cp_pipe rejects at 5 √variance, which for 8100 pixels is 1.5 standard errors at 60 000 electron."""
    settings = SolveSettings()
    for seed in range(4):
        rows = measured(seed, (90, 90), settings=ExtractSettings(matrix_side=2, minimum_pixels=1000))
        assert np.count_nonzero(solve_curve(rows, settings).amplifiers[0].kept) >= 28


def test_several_threads_measure_the_same():
    random = np.random.default_rng(1)
    flats = [random_flat(random) for _ in range(2)]
    settings = ExtractSettings(matrix_side=2, minimum_pixels=100)
    one, two = (
        measure_pair(*flats, LAYOUT, exact_measurements()[0].pair, settings=settings, n_threads=n)
        for n in (1, 3)
    )
    assert [each.amplifier for each in one] == [each.amplifier for each in two]
    for first, second in zip(one, two, strict=True):
        np.testing.assert_array_equal(first.covariances, second.covariances)


def random_flat(random):
    image = random.normal(20_000, 140, LAYOUT.image_shape).astype(np.float32)
    return CorrectedExposure(image, np.zeros(image.shape, np.uint16), np.ones_like(image), "adu")
