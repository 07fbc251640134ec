"""Covariances by direct products against the sum of their definition and against Fourier transforms."""

import numpy as np
import pytest

from tasks.flat_pairs.covariances import lag_covariances
from tests.ptc.reference import covariances_by_definition, covariances_by_fft

RELATIVE = 1e-10
"""Of C₀₀: all three are exact but for rounding."""


def pixels(seed, shape=(61, 83), unused=0.0, edge=0):
    random = np.random.default_rng(seed)
    image = random.normal(30, 12, shape)
    image = (image + 0.5 * np.roll(image, 1, 0) + 0.3 * np.roll(image, 2, 1)).astype(np.float32)
    usable = random.random(shape) >= unused
    if edge:
        usable[:edge] = usable[-edge:] = usable[:, :edge] = usable[:, -edge:] = False
    return image, usable


@pytest.mark.parametrize(
    ("unused", "edge"),
    [(0.0, 0), (0.0, 5), (0.007, 0), (0.01, 4), (0.029, 0), (0.031, 0), (0.4, 3)],
    ids=["all", "edge", "few", "few and edge", "just few", "just many", "many and edge"],
)
@pytest.mark.parametrize("side", [1, 2, 8, 11])
def test_equals_the_double_sum(unused, edge, side):
    image, usable = pixels(1, unused=unused, edge=edge)
    found = lag_covariances(image, usable, side)
    values, pairs = covariances_by_definition(image, usable, side)
    assert np.abs(found.values - values).max() < RELATIVE * values[0, 0]
    np.testing.assert_array_equal(found.n_pairs, pairs)


def test_equals_the_fourier_transform():
    image, usable = pixels(2, (120, 150), unused=0.01, edge=3)
    found = lag_covariances(image, usable, 8)
    values, pairs = covariances_by_fft(image, usable, 8)
    assert np.abs(found.values - values).max() < RELATIVE * values[0, 0]
    np.testing.assert_array_equal(found.n_pairs, pairs)


def test_first_index_is_the_serial_lag():
    random = np.random.default_rng(3)
    noise = random.normal(0, 1, (300, 300))
    smeared_along_rows = noise + np.roll(noise, 1, axis=1)
    found = lag_covariances(smeared_along_rows, np.ones((300, 300), bool), 2).values
    assert found[1, 0] == pytest.approx(1.0, abs=0.03)  # 1/√90000 is 0.003, some ten times that
    assert found[0, 1] == pytest.approx(0.0, abs=0.03)


def test_pixels_that_are_not_usable_may_hold_anything():
    image, usable = pixels(4, unused=0.01)
    expected = lag_covariances(image, usable, 4).values
    image[~usable] = np.nan
    np.testing.assert_array_equal(lag_covariances(image, usable, 4).values, expected)


def test_an_image_smaller_than_the_lags_has_covariances_where_pairs_exist():
    image, usable = pixels(5, (3, 5))
    found = lag_covariances(image, usable, 8)
    values, pairs = covariances_by_definition(image, usable, 3)
    np.testing.assert_allclose(found.values[:3, :3], values, atol=1e-10 * values[0, 0])
    np.testing.assert_array_equal(found.n_pairs[:3, :3], pairs)
    assert np.isnan(found.values[5:, :]).all()
    assert np.isnan(found.values[:, 3:]).all()
    assert (found.n_pairs[:, 3:] == 0).all()


def test_nothing_usable_gives_nan():
    found = lag_covariances(np.ones((20, 20)), np.zeros((20, 20), bool), 3)
    assert np.isnan(found.values).all()
    assert (found.n_pairs == 0).all()


def test_shapes_that_differ_are_refused():
    with pytest.raises(ValueError, match="do not fit together"):
        lag_covariances(np.ones((20, 20)), np.ones((20, 21), bool), 3)
