"""Sources and background of an image: what is found, and what must not be."""

import math

import numpy as np
import pytest

from infra.errors import CalprodError
from infra.images import MaskPlane
from tasks.combine.background import background, cell_edges, cell_means, interpolate_cells
from tasks.combine.sources import detect_sources

SHAPE = (200, 160)
NOISE = 10.0


def sky(seed: int = 1, level: float = 0.0) -> np.ndarray:
    """Return noise of `NOISE` about a level."""
    return np.random.default_rng(seed).normal(level, NOISE, SHAPE).astype(np.float32)


def add_star(image: np.ndarray, y: float, x: float, flux: float, width: float = 1.5) -> None:
    """Add a Gaussian star."""
    yy, xx = np.indices(image.shape)
    profile = np.exp(-((yy - y) ** 2 + (xx - x) ** 2) / (2 * width**2)) / (2 * math.pi * width**2)
    image += (flux * profile).astype(np.float32)


def test_finds_stars_of_both_signs_and_little_else() -> None:
    """The smoothed noise is NOISE/sqrt(4 pi): 5 sigma of it is passed by 6e-7 of independent pixels."""
    image, mask = sky(level=500.0), np.zeros(SHAPE, np.uint16)
    add_star(image, 60, 50, 3000.0)
    add_star(image, 140, 100, -3000.0)
    found = detect_sources(image, mask)
    assert found[60, 50]
    assert found[140, 100]
    near = np.zeros(SHAPE, bool)
    near[45:76, 35:66] = near[125:156, 85:116] = True
    assert not found[~near].any()
    bright = detect_sources(image, mask, both_signs=False)
    assert bright[60, 50]
    assert not bright[140, 100]


def test_false_detections_are_as_rare_as_a_gaussian_says() -> None:
    """At 3 sigma, after smoothing with 1 pixel, a fraction 2 (1 - Phi(3)) = 0.0027 of the pixels.

    The smoothed noise is correlated over 4 pi pixels, so 32000 pixels are about 2500 independent ones: the
    fraction is known to sqrt(0.0027 / 2500) = 0.001. The clip at 3 sigma lowers the measured sigma by 1.4 %,
    which raises the fraction to 0.0031.
    """
    found = detect_sources(sky(7), np.zeros(SHAPE, np.uint16), n_sigma=3.0, grow=0)
    assert found.mean() == pytest.approx(0.0031, abs=5 * 0.001)
    assert found.any()


def test_grows_footprints_along_the_axes() -> None:
    """One pixel grown by 2 is a diamond of 13."""
    image, mask = np.zeros(SHAPE, np.float32), np.zeros(SHAPE, np.uint16)
    image += sky(3) * np.float32(0.01)
    image[50, 50] = 1e4
    assert detect_sources(image, mask, width=0.0, grow=2).sum() == 13


def test_a_bad_region_makes_no_source_of_its_rim() -> None:
    """Nor of itself, whatever it holds."""
    image, mask = sky(5, level=1000.0), np.zeros(SHAPE, np.uint16)
    image[80:120, 40:80] = 0.0
    mask[80:120, 40:80] = np.uint16(MaskPlane.BAD)
    image[10, 10] = np.nan
    assert not detect_sources(image, mask).any()


def test_saturated_stars_are_sources() -> None:
    """A saturated pixel is bright, not unknown."""
    image, mask = sky(6), np.zeros(SHAPE, np.uint16)
    image[100:104, 70:74] = 1e5
    mask[100:104, 70:74] = np.uint16(MaskPlane.SAT)
    assert detect_sources(image, mask)[100:104, 70:74].all()


def test_nothing_usable_holds_no_source() -> None:
    """An image all BAD, or constant."""
    bad = np.full(SHAPE, np.uint16(MaskPlane.BAD), np.uint16)
    assert not detect_sources(sky(), bad).any()
    assert not detect_sources(np.full(SHAPE, 3.0, np.float32), np.zeros(SHAPE, np.uint16)).any()


def test_refuses_planes_that_do_not_belong_together() -> None:
    """Shapes differ, or the threshold makes no sense."""
    with pytest.raises(CalprodError, match="mask"):
        detect_sources(sky(), np.zeros((3, 3), np.uint16))
    with pytest.raises(CalprodError, match="σ"):
        detect_sources(sky(), np.zeros(SHAPE, np.uint16), n_sigma=0.0)


def test_background_follows_a_gradient_under_stars() -> None:
    """Cells of 40 x 40 pixels know their mean to NOISE/40; the spline through them adds no more than that.

    The plane is reproduced between the outermost centres, within five of these errors.
    """
    image, mask = sky(9), np.zeros(SHAPE, np.uint16)
    yy, xx = np.indices(SHAPE)
    plane = 200.0 + 0.5 * yy - 0.2 * xx
    image += plane.astype(np.float32)
    add_star(image, 100, 80, 1e5)
    stars = np.hypot(yy - 100, xx - 80) < 12
    model = background(image, stars | (mask != 0), 40)
    inner = (slice(20, -20), slice(20, -20))
    assert np.abs(model - plane)[inner].max() < 5 * NOISE / 40


def test_cells_have_the_mean_and_its_error_of_their_usable_pixels() -> None:
    """A cell too much of which is masked has none; the error is that of a mean of Gaussian numbers."""
    image, usable = sky(11, level=100.0), np.ones(SHAPE, bool)
    usable[:40, :32] = False
    usable[40:80, :20] = False
    image[41, 25] = 1e6
    cells = cell_means(image, usable, 40)
    assert cells.mean.shape == (5, 4)
    assert list(cells.edges_x) == [0, 40, 80, 120, 160]
    assert np.isfinite(cells.mean[1:]).all()
    # 40 x 20 pixels, of which the clip takes 0.3 % and 1.4 % of their scatter.
    assert cells.error[1, 0] == pytest.approx(NOISE / np.sqrt(800), rel=0.1)
    assert np.abs(cells.mean - 100.0)[np.isfinite(cells.mean)].max() < 5 * NOISE / np.sqrt(320)
    assert np.isnan(cell_means(image, usable, 40, fewest=0.3).mean[0, 0])


def test_a_spline_goes_through_the_middles_of_cells_and_fills_those_unknown() -> None:
    edges = cell_edges(200, 40), cell_edges(160, 40)
    values = np.add.outer(np.arange(5.0), 10.0 * np.arange(4.0))
    values[2, 1] = np.nan
    image = interpolate_cells(values, *edges)
    # The middle of a cell of 40 pixels lies between two of them.
    between = image[19:21, 19:21].mean()
    assert between == pytest.approx(values[0, 0], abs=0.1)
    assert image.shape == SHAPE
    assert np.isfinite(image).all()
    assert image[99:101, 59:61].mean() in (pytest.approx(v, abs=0.1) for v in (11.0, 13.0, 2.0, 22.0))
