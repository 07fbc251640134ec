"""Injected truth on arrays: what is fitted, and whether the errors quoted are those of many series."""

import numpy as np
import pytest

from tasks.ptc.algorithm import FitType, OutlierSettings, SolveSettings, solve_curve
from tasks.ptc.solve.polynomial import CovarianceParameters
from tests.ptc.flats import A_MATRIX, GAIN, READ_NOISE, gaussian_pairs, measured

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


@pytest.mark.parametrize("settings", [NO_B, FULL], ids=lambda one: one.fit_type.value)
def test_a00_of_moving_boundaries_is_the_one_injected(physical, settings):
    """With and without b: boundaries that move while the charge grows follow the model with b = 0."""
    found = curves(physical, settings)
    error = np.mean([one.a00_error for one in found]) / np.sqrt(len(found))
    assert np.mean([one.a00 for one in found]) == pytest.approx(A_MATRIX[0, 0], abs=3 * error)
