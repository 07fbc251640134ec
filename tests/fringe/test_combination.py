"""The fringe frame out of skies with stars, against the pattern that was put in."""

import numpy as np
import pytest

from infra.errors import CalprodError
from infra.images import MaskPlane
from tasks.combine.smooth_sky import SkySettings
from tasks.fringe.algorithm import LEVEL_CARD, combine_fringes, without_sky
from tests.combine.exposures import described, exposure, options
from tests.fringe.skies import LAYOUT, READ_NOISE, SHAPE, Sky, pattern, stream

OPTIONS = options(layout=LAYOUT)


@pytest.fixture(scope="module")
def skies():
    """Return eight skies of different levels, each with its own stars."""
    return [Sky(level=1500.0 + 300.0 * i, n_stars=60, seed=20 + i) for i in range(8)]


@pytest.fixture(scope="module")
def combined(skies):
    """Return their fringe frame."""
    return combine_fringes(stream(skies), OPTIONS)


def test_the_fringe_frame_is_the_pattern_within_its_noise(combined, skies):
    """The noise of a clipped mean lies between those of mean and median (1.25 times that of the mean).

    The pattern is compared after its own smooth part has been taken off, as that belongs to the sky. Its
    amplitude comes out as 1 over the clipped level, which the curvature of the sky raises by 0.05 / 12.
    """
    truth = without_sky(exposure(1.0 + pattern()), SkySettings(n_sigma=50.0), "truth").image
    good = (combined.image.mask == 0) & (combined.count >= 5)
    assert good.mean() > 0.98
    found, truth = combined.image.image[good], truth[good]
    levels = np.array([sky.level for sky in skies])
    noise = np.sqrt(np.sum((levels + READ_NOISE**2) / levels**2)) / len(skies)
    assert 0.99 < (found - truth).std() / noise < 1.25
    amplitude = (found @ truth) / (truth @ truth)
    error = 1.25 * noise / np.sqrt(truth @ truth)
    assert amplitude == pytest.approx(1 / (1 + 0.05 / 12), abs=4.5 * error)


def test_the_fringe_frame_has_mean_zero(combined):
    """Of each amplifier, to the error of a mean over its pixels and what of the fringes it sees."""
    noise = np.sqrt(1 / 2500.0 + (READ_NOISE / 2500.0) ** 2) / np.sqrt(8)
    assert abs(combined.image.image.mean(dtype=float)) < 5 * noise / np.sqrt(np.prod(SHAPE)) + 1e-4


def test_the_header_lists_the_levels(combined, skies):
    """To the clipped mean's error, and the 0.4 % that the curvature of the sky adds to its centre's level."""
    cards = combined.image.metadata
    assert (cards["OBSTYPE"], cards["BUNIT"], cards["EXPTIME"]) == ("fringe", "", 1.0)
    for i, sky in enumerate(skies):
        assert cards[f"CPP_INPUT_SCALE_{i}"] == pytest.approx(sky.level, rel=0.01)
    assert LEVEL_CARD not in cards


def test_stars_leave_no_trace(combined, skies):
    """Pixels that held a star in one exposure scatter about the pattern as the others do."""
    starry = np.zeros(SHAPE, bool)
    for one, exposed in stream(skies[:2]):
        prepared = without_sky(exposed, SkySettings(), str(one.exposure))
        starry |= (prepared.mask & np.uint16(MaskPlane.DETECTED)) != 0
    assert 0.01 < starry.mean() < 0.3
    found = combined.image.image - pattern()
    other = found[~starry]
    assert found[starry].mean() == pytest.approx(
        other.mean(), abs=5 * other.std() / np.sqrt(starry.sum()) + 0.02 * other.std()
    )


def test_a_star_in_all_exposures_leaves_bad_pixels():
    skies = [Sky(n_stars=0, seed=i).image() for i in range(3)]
    for image in skies:
        image[100:110, 200:210] += 5000.0
    result = combine_fringes([(described(i), exposure(one)) for i, one in enumerate(skies)], OPTIONS)
    assert (result.image.mask[100:110, 200:210] & np.uint16(MaskPlane.BAD)).all()
    assert result.n_bad < 400


def test_an_exposure_without_sky_is_refused_by_name():
    dark = np.random.default_rng(1).normal(-5.0, 1.0, SHAPE)
    inputs = [*stream([Sky(n_stars=0)]), (described(1), exposure(dark))]
    with pytest.raises(CalprodError, match=r"fringe exposure 2024032600001 .*leave the exposure out"):
        combine_fringes(inputs, OPTIONS)


def test_an_exposure_that_is_masked_throughout_is_refused_by_name():
    mask = np.full(SHAPE, np.uint16(MaskPlane.SAT), np.uint16)
    inputs = [(described(4), exposure(np.full(SHAPE, 1e5), mask))]
    with pytest.raises(CalprodError, match=r"exposure 2024032600004: 0 usable blocks"):
        combine_fringes(inputs, OPTIONS)
