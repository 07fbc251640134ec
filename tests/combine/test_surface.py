"""Surfaces and patterns on them: what is put in comes out, with the error it is said to have."""

import numpy as np
import pytest

from infra.errors import CalprodError
from tasks.combine.surface import SurfaceSettings, blocks_of, fit_surface

SHAPE = (168, 240)
ALL = np.ones(SHAPE, bool)
SETTINGS = SurfaceSettings(order=3, side=8)


def surface() -> np.ndarray:
    """Return a cubic surface."""
    y, x = np.indices(SHAPE)
    v, u = (2 * y + 1) / SHAPE[0] - 1, (2 * x + 1) / SHAPE[1] - 1
    return 500.0 + 30.0 * u - 12.0 * v + 7.0 * u * v + 5.0 * v**3


def waves() -> np.ndarray:
    """Return a pattern of waves across the image."""
    y, x = np.indices(SHAPE)
    return np.sin(0.21 * x + 0.33 * y)


def test_blocks_average_usable_pixels_only():
    image = np.arange(20.0, dtype=np.float32).reshape(4, 5)
    usable = np.ones(image.shape, bool)
    usable[0, 0] = False
    image[0, 0] = np.nan
    blocks = blocks_of(image, usable, 2)
    np.testing.assert_array_equal(blocks.count, [[3, 4], [4, 4]])
    np.testing.assert_allclose(blocks.mean, [[(1 + 5 + 6) / 3, 5.0], [13.0, 15.0]])


def test_a_surface_of_the_order_comes_back():
    """Up to the mean over a block of a cubic, which differs from its value in the middle.

    By 5 v (h^2) for v^3 with the half-width h of a block, 8/168: 5 * 0.0023 = 0.011.
    """
    fit = fit_surface(blocks_of(surface(), ALL, 8), SHAPE, SETTINGS)
    np.testing.assert_allclose(fit.surface(SHAPE), surface(), atol=0.012)
    assert np.isnan(fit.amplitude)


def test_the_amplitude_of_a_pattern_has_the_error_it_says():
    """60 fits: mean pull 0 and scatter 1, to 4.5 of their standard errors."""
    pulls = []
    for seed in range(60):
        noise = np.random.default_rng(seed).normal(0.0, 3.0, SHAPE)
        blocks = blocks_of(surface() + 2.5 * waves() + noise, ALL, 8)
        fit = fit_surface(blocks, SHAPE, SETTINGS, blocks_of(waves(), ALL, 8))
        pulls.append((fit.amplitude - 2.5) / fit.amplitude_error)
        assert fit.scatter == pytest.approx(3.0, rel=5 / np.sqrt(2 * fit.used.sum()))
    assert abs(np.mean(pulls)) < 4.5 / np.sqrt(60)
    assert np.std(pulls, ddof=1) == pytest.approx(1.0, abs=4.5 / np.sqrt(2 * 59))


def test_a_bright_blob_drops_out_with_its_wings():
    image = surface() + np.random.default_rng(1).normal(0.0, 3.0, SHAPE)
    y, x = np.indices(SHAPE)
    image += 4000.0 * np.exp(-((y - 80) ** 2 + (x - 100) ** 2) / (2 * 8.0**2))
    fit = fit_surface(blocks_of(image, ALL, 8), SHAPE, SETTINGS)
    assert not fit.used[80 // 8, 100 // 8]
    far = np.hypot(y - 80, x - 100) > 50
    # Ten coefficients from 30 000 pixels of noise 3; 0.3 is five errors at the rim, where they are largest.
    assert np.abs(fit.surface(SHAPE) - surface())[far].max() < 0.3


def test_only_chosen_blocks_take_part():
    image = surface()
    image[:, 120:] += 100.0
    chosen = np.zeros((SHAPE[0] // 8, SHAPE[1] // 8), bool)
    chosen[:, :15] = True
    fit = fit_surface(blocks_of(image, ALL, 8), SHAPE, SETTINGS, chosen=chosen)
    assert not fit.used[:, 15:].any()
    np.testing.assert_allclose(fit.surface(SHAPE)[:, :120], surface()[:, :120], atol=0.02)


def test_a_smooth_pattern_and_too_few_blocks_are_refused():
    blocks = blocks_of(surface(), ALL, 8)
    smooth = blocks_of(np.full(SHAPE, 2.0), ALL, 8)
    with pytest.raises(CalprodError, match="smooth surface"):
        fit_surface(blocks, SHAPE, SETTINGS, smooth)
    with pytest.raises(CalprodError, match="0 usable blocks of 8 x 8"):
        fit_surface(blocks_of(surface(), ~ALL, 8), SHAPE, SETTINGS)
