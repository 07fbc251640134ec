"""From flats to the curve of a detector: injected truth, bad amplifiers, order, rules."""

from dataclasses import replace

import numpy as np
import pytest

from infra.errors import CalprodError
from infra.images import CorrectedExposure, MaskPlane
from tasks.ptc.algorithm import (
    ExtractSettings,
    FitType,
    OutlierSettings,
    SolveSettings,
    measure_pair,
    solve_curve,
)
from tasks.ptc.solve.polynomial import CovarianceParameters
from tests.combine.exposures import LAYOUT
from tests.ptc.curves import exact_measurements
from tests.ptc.flats import (
    A_MATRIX,
    GAIN,
    READ_NOISE,
    description,
    flat,
    gaussian_pairs,
    measured,
    mock_measurements,
)

WIDE = OutlierSettings(n_sigma=20.0)
"""Rejection for images far smaller than an amplifier, whose variances scatter more."""

FULL = SolveSettings(FitType.FULL, fit_side=3, outliers=WIDE)
NO_B = SolveSettings(FitType.FULL_NO_B, fit_side=3, outliers=WIDE)
EXPONENTIAL = SolveSettings(outliers=WIDE)


@pytest.fixture(scope="module")
def physical():
    """Measurements of flats whose charges really move the boundaries of their pixels."""
    return [measured(seed) for seed in range(6)]


@pytest.fixture(scope="module")
def gaussian():
    """Measurements of 20 series of flats whose covariances are exactly those of the model, and the model."""
    b = 4e-7 * np.exp(-np.add.outer(np.arange(3), np.arange(3)))
    models = {
        FitType.FULL: CovarianceParameters(GAIN, A_MATRIX, A_MATRIX * b),
        FitType.FULL_NO_B: CovarianceParameters(GAIN, A_MATRIX, np.zeros((3, 3))),
    }
    return {
        fit_type: [gaussian_pairs(seed, model, READ_NOISE) for seed in range(20)]
        for fit_type, model in models.items()
    }


def curves(series, settings):
    found = [solve_curve(rows, settings).amplifiers[0] for rows in series]
    assert all(one.reason is None for one in found)
    return found


@pytest.mark.parametrize("settings", [NO_B, FULL], ids=lambda one: one.fit_type.value)
def test_errors_agree_with_the_scatter_over_20_seeds(gaussian, settings):
    """A scatter of 20 is known to 16 %: three times that; the mean pull to 0.22: four times that."""
    found = curves(gaussian[settings.fit_type], settings)
    for value, error, truth in (
        ("gain", "gain_error", GAIN),
        ("noise", "noise_error", READ_NOISE),
        ("a00", "a00_error", A_MATRIX[0, 0]),
    ):
        values = np.array([getattr(one, value) for one in found])
        errors = np.array([getattr(one, error) for one in found])
        assert np.std(values, ddof=1) == pytest.approx(np.median(errors), rel=0.5), value
        assert abs(np.mean((values - truth) / errors)) < 0.9, value


def test_errors_of_the_exponential_fit_agree_with_the_scatter_over_20_seeds(gaussian):
    """The exponential form is that of a₀₀ alone: with neighbours a₀₀ takes in some of theirs.

    So the gain is compared with the truth, and a₀₀ with its own mean.
    """
    found = curves(gaussian[FitType.FULL_NO_B], EXPONENTIAL)
    for value, error in (("gain", "gain_error"), ("noise", "noise_error"), ("a00", "a00_error")):
        values = np.array([getattr(one, value) for one in found])
        errors = np.array([getattr(one, error) for one in found])
        assert np.std(values, ddof=1) == pytest.approx(np.median(errors), rel=0.5), value
    assert np.mean([one.gain for one in found]) == pytest.approx(GAIN, rel=0.003)
    assert np.mean([one.a00 for one in found]) == pytest.approx(A_MATRIX[0, 0], rel=0.1)


@pytest.mark.parametrize("settings", [NO_B, FULL], ids=lambda one: one.fit_type.value)
def test_the_a_matrix_is_the_one_injected(gaussian, settings):
    found = curves(gaussian[settings.fit_type], settings)
    mean = np.mean([one.a_matrix for one in found], axis=0)
    error = np.mean([one.a_matrix_error for one in found], axis=0) / np.sqrt(len(found))
    assert (np.abs(mean - A_MATRIX) < 4 * error).all()


@pytest.mark.parametrize("settings", [EXPONENTIAL, NO_B, FULL], ids=lambda one: one.fit_type.value)
def test_gain_and_noise_of_moving_boundaries_are_those_injected(physical, settings):
    """Gain to 0.3 %, read noise to 2 %, in the mean over series worth a quarter of an amplifier."""
    found = curves(physical, settings)
    assert np.mean([one.gain for one in found]) == pytest.approx(GAIN, rel=0.003)
    assert np.mean([one.noise for one in found]) == pytest.approx(READ_NOISE, rel=0.02)


def test_a00_of_moving_boundaries_is_the_one_injected(physical):
    """With b free: the simulated boundaries move in first order only, and b takes up what the model adds."""
    found = curves(physical, FULL)
    error = np.mean([one.a00_error for one in found]) / np.sqrt(len(found))
    assert np.mean([one.a00 for one in found]) == pytest.approx(A_MATRIX[0, 0], abs=3 * error)


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


def exposure(images, mask=0):
    image = np.zeros(LAYOUT.image_shape, np.float32)
    for amplifier, pixels in zip(LAYOUT.amplifiers, images, strict=True):
        image[amplifier.image_box.slices] = pixels
    return CorrectedExposure(
        image, np.full(image.shape, mask, np.uint16), np.ones(image.shape, np.float32), "adu"
    )


def detector_measurements(spoil, levels=(500, 2000, 6000, 12_000, 20_000, 30_000, 45_000, 60_000)):
    """Flats of a small LATISS with some amplifiers spoilt: spoil(name, level, pixels, mask) in place."""
    random = np.random.default_rng(5)
    shape = LAYOUT.amplifiers[0].image_box.shape
    rows = []
    for i, level in enumerate(levels):
        flats = []
        for _ in range(2):
            one = exposure([flat(random, level, shape, a_matrix=None) for _ in LAYOUT.amplifiers])
            for amplifier in LAYOUT.amplifiers:
                box = amplifier.image_box.slices
                spoil(amplifier.name, level, one.image[box], one.mask[box])
            flats.append(one)
        settings = ExtractSettings(matrix_side=3, minimum_pixels=200)
        rows += measure_pair(*flats, LAYOUT, description(i, level), settings=settings)
    return rows


def test_bad_amplifiers_are_results_and_leave_the_others_alone():
    random = np.random.default_rng(6)

    def spoil(name, level, pixels, mask):
        if name == "C10":
            pixels[...] = random.normal(0.05, 6.0, pixels.shape)
        if name == "C11":
            pixels[...] = np.nan
        if name == "C12":
            pixels[...], mask[...] = 65_000, MaskPlane.SAT
        if name == "C13":
            pixels[...] = 65_000
        if name == "C14":
            mask[...] = MaskPlane.NO_DATA
        if name == "C15":
            pixels[...] = 0
        if name == "C16" and level not in (2000, 30_000):
            mask[...] = MaskPlane.SAT

    clean = solve_curve(detector_measurements(lambda *_: None), SolveSettings(outliers=WIDE))
    assert clean.bad_amplifiers == ()
    for fit_type in FitType:
        curve = solve_curve(detector_measurements(spoil), SolveSettings(fit_type, outliers=WIDE))
        reasons = {one.name: one.reason for one in curve.amplifiers if one.is_bad}
        assert list(curve.bad_amplifiers) == ["C10", "C11", "C12", "C13", "C14", "C15", "C16"]
        assert "no light" in reasons["C10"] or "mean signal" in reasons["C10"]
        assert "no usable pixel" in reasons["C11"]
        assert "no usable pixel" in reasons["C12"]
        assert "no noise" in reasons["C13"]
        assert "no usable pixel" in reasons["C14"]
        assert "mean signal of 0 adu" in reasons["C15"]
        assert "2 usable pairs" in reasons["C16"]
        bad = curve.amplifier("C11")
        assert np.isnan([bad.gain, bad.noise, bad.turnoff, bad.a00]).all()
        assert not bad.kept.any()
        assert bad.covariances_model.shape == (8, 3, 3)
        if fit_type is FitType.EXPONENTIAL:
            for one, other in zip(curve.amplifiers, clean.amplifiers, strict=True):
                if not one.is_bad:
                    assert one.gain == other.gain


def test_two_flux_levels_with_many_pairs_are_too_few():
    rows = [
        replace(one, pair=description(100 * k + i, 1.0))
        for k in range(3)
        for i, one in enumerate(exact_measurements(levels=(2000, 30_000)))
    ]
    one = solve_curve(rows).amplifiers[0]
    assert one.reason == "6 usable pairs at 2 flux levels; the curve needs at least 3"


def test_fewer_pairs_than_lags_make_the_full_fit_refuse_and_not_the_exponential():
    rows = measured(1, (120, 120), levels=(1000, 9000, 30_000, 60_000, 80_000), settings=ExtractSettings(6))
    assert solve_curve(rows, EXPONENTIAL).bad_amplifiers == ()
    bad = solve_curve(rows, SolveSettings(FitType.FULL, outliers=WIDE)).amplifiers[0]
    assert "fewer than the 6 lags" in (bad.reason or "")


def test_all_amplifiers_bad_is_a_result_too():
    rows = [replace(one, reason="no usable pixel", mean=np.nan) for one in exact_measurements()]
    curve = solve_curve(rows)
    assert curve.bad_amplifiers == ("C10",)
    assert "none of 30 pairs is usable" in (curve.amplifiers[0].reason or "")


def test_a_gain_that_no_ccd_has_is_refused():
    curve = solve_curve(exact_measurements(gain=30.0))
    assert "30 electron/adu" in (curve.amplifiers[0].reason or "") or curve.amplifiers[0].is_bad


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


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "0 pairs"),
        (exact_measurements()[:1], "1 pairs"),
        (exact_measurements() * 2, "measured twice"),
        (exact_measurements() + exact_measurements("C11", side=2), "lags"),
    ],
    ids=["none", "one pair", "twice", "different lags"],
)
def test_measurements_that_do_not_belong_together_are_refused(rows, message):
    with pytest.raises(CalprodError, match=message):
        solve_curve(rows)


def test_more_lags_than_measured_cannot_be_fitted():
    with pytest.raises(CalprodError, match="4 lags"):
        solve_curve(exact_measurements(), SolveSettings(FitType.FULL, fit_side=4))


def test_flats_in_electron_are_refused():
    one = exposure([np.ones(LAYOUT.amplifiers[0].image_box.shape)] * 16)
    with pytest.raises(CalprodError, match="the gain is what is sought"):
        measure_pair(one, replace(one, unit="electron"), LAYOUT, description(0, 1.0))
