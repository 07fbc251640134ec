"""Cosmic rays are taken out; noise, gradients, stars and flats are left alone."""

import math

import numpy as np
import pytest

from tasks.verification.cosmic_rays import CosmicRayRules, statistics_without_cosmic_rays
from tasks.verification.statistics import EXCLUDED_PLANES
from tests.verification.simulated import cosmic_ray_tracks

SHAPE = (400, 300)
SIGMA = 8.0


def scatter(
    image: np.ndarray, mask: np.ndarray | None = None, sky: float = 0.0, sigma: float = SIGMA, **rules
):
    image = np.asarray(image, np.float32)
    mask = np.zeros(image.shape, np.uint16) if mask is None else mask
    return statistics_without_cosmic_rays(image, mask, EXCLUDED_PLANES, sky, sigma, CosmicRayRules(**rules))


@pytest.mark.parametrize("seed", range(5))
def test_scatter_under_cosmic_rays_is_that_of_the_noise(seed: int) -> None:
    rng = np.random.default_rng(seed)
    tracks = cosmic_ray_tracks(rng, SHAPE, 12)
    image = rng.normal(0.0, SIGMA, SHAPE) + tracks
    assert image.std() > 3 * SIGMA
    found = scatter(image)
    # Four standard errors, and the little charge at the ends of tracks that stays below the threshold.
    assert found.standard_deviation == pytest.approx(SIGMA, rel=4 / math.sqrt(2 * image.size) + 0.005)
    assert found.n_rejected >= (tracks > 8 * SIGMA).sum()
    assert found.n_rejected <= 1.1 * (tracks > 0).sum()
    # Four standard errors, and at most half a threshold in each pixel around the tracks.
    assert abs(found.mean) < 4 * SIGMA / math.sqrt(image.size) + 1.5 * SIGMA * found.n_rejected / image.size


def test_noise_alone_is_hardly_ever_touched() -> None:
    # One pixel in 10^9 exceeds 6 sigma; in 2.4 million one may, by a chance of 0.2 %.
    rejected = [
        scatter(np.random.default_rng(seed).normal(0.0, SIGMA, SHAPE)).n_rejected for seed in range(20)
    ]
    assert sum(rejected) == 0


def test_without_rejection_the_scatter_is_the_plain_one() -> None:
    image = np.random.default_rng(0).normal(5.0, SIGMA, SHAPE).astype(np.float32)
    expected = image.astype(np.float64).std(ddof=1)
    found = scatter(image, sky=5.0)
    assert found.standard_deviation == pytest.approx(expected, rel=1e-9)
    assert found.mean == pytest.approx(image.mean(dtype=np.float64), rel=1e-9)


def test_flat_at_any_level_is_left_alone() -> None:
    rng = np.random.default_rng(1)
    for level in (500.0, 30000.0):
        image = rng.poisson(level, SHAPE) + rng.normal(0.0, SIGMA, SHAPE)
        found = scatter(image, sky=level, sigma=math.hypot(math.sqrt(level), SIGMA))
        assert found.n_rejected == 0


def test_illumination_gradient_stays_and_is_seen() -> None:
    gradient = np.linspace(0.0, 40 * SIGMA, SHAPE[1])
    image = np.random.default_rng(2).normal(0.0, SIGMA, SHAPE) + gradient
    found = scatter(image)
    assert found.n_rejected == 0
    assert found.standard_deviation > 10 * SIGMA


def test_glow_stays_and_is_seen() -> None:
    y, x = np.indices(SHAPE)
    glow = 60 * SIGMA * np.exp(-((x - 20) ** 2 + (y - 20) ** 2) / (2 * 30.0**2))
    found = scatter(np.random.default_rng(3).normal(0.0, SIGMA, SHAPE) + glow)
    assert found.n_rejected == 0


def test_star_of_the_psfs_width_is_no_cosmic_ray() -> None:
    y, x = np.indices((41, 41))
    star = 100 * SIGMA * np.exp(-4 * math.log(2) * ((x - 20) ** 2 + (y - 20) ** 2) / 3.0**2)
    assert scatter(star).n_rejected == 0


@pytest.mark.parametrize("psf_fwhm", [1.5, 2.0])
def test_anything_sharper_than_the_psf_is_a_cosmic_ray(psf_fwhm: float) -> None:
    y, x = np.indices((41, 41))
    peak = 100 * SIGMA * np.exp(-4 * math.log(2) * ((x - 20) ** 2 + (y - 20) ** 2) / psf_fwhm**2)
    assert scatter(peak).n_rejected == (peak > 3 * SIGMA).sum()


def test_long_grazing_track_is_followed_to_its_end() -> None:
    image = np.random.default_rng(4).normal(0.0, SIGMA, SHAPE)
    image[100, 20:280] += 30 * SIGMA
    found = scatter(image)
    assert 260 <= found.n_rejected <= 270


@pytest.mark.parametrize("place", [(0, 0), (0, -1), (-1, 0), (-1, -1), (0, 100), (100, -1)])
def test_hit_at_an_edge_is_found(place: tuple[int, int]) -> None:
    image = np.zeros(SHAPE)
    image[place] = 50 * SIGMA
    assert scatter(image).n_rejected == 1


def test_negative_outlier_stays_so_that_the_noises_disagree() -> None:
    image = np.zeros(SHAPE)
    image[50, 50] = -1000 * SIGMA
    assert scatter(image).n_rejected == 0


def test_masked_and_nan_pixels_neither_count_nor_seed() -> None:
    image = np.random.default_rng(6).normal(0.0, SIGMA, SHAPE)
    mask = np.zeros(SHAPE, np.uint16)
    image[10, 10], mask[10, 10] = 1e6, EXCLUDED_PLANES
    image[20, 20] = np.nan
    image[30, 30] = np.inf
    found = scatter(image, mask)
    good = (mask == 0) & np.isfinite(image)
    assert found.n_rejected == 0
    assert found.standard_deviation == pytest.approx(image[good].astype(np.float32).std(ddof=1), rel=1e-5)


def test_finder_gives_up_when_too_much_looks_like_cosmic_rays() -> None:
    rng = np.random.default_rng(7)
    image = rng.normal(0.0, SIGMA, SHAPE)
    image[rng.random(SHAPE) < 0.05] += 100 * SIGMA
    found = scatter(image)
    assert found.gave_up
    assert math.isnan(found.standard_deviation)
    assert math.isnan(found.mean)
    assert found.n_rejected > 0.01 * image.size


@pytest.mark.parametrize("sigma", [0.0, math.nan])
def test_amplifier_without_scatter_is_not_searched(sigma: float) -> None:
    image = np.zeros(SHAPE)
    image[5, 5] = 1.0
    found = scatter(image, sky=0.0, sigma=sigma)
    assert (found.n_rejected, found.gave_up) == (0, False)


def test_no_usable_pixel_gives_no_scatter() -> None:
    found = scatter(np.full(SHAPE, np.nan))
    assert math.isnan(found.standard_deviation)
    assert not found.gave_up
