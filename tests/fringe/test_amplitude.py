"""The amplitude of fringes in an exposure, against what was put in."""

import numpy as np
import pytest

from infra.errors import CalprodError
from infra.images import MaskPlane
from tasks.isr.fringe import fit_fringe, subtract_fringe
from tests.fringe.skies import LAYOUT, READ_NOISE, SHAPE, Sky, fringe_frame, pattern

CLEAR = np.zeros(SHAPE, np.uint16)


def test_the_amplitude_is_within_its_error_of_the_truth():
    """20 skies with and without stars: pulls of mean 0 and scatter 1, to 4.5 of their standard errors."""
    fringe, pulls = fringe_frame(), []
    for seed in range(20):
        sky = Sky(level=1000.0 + 300.0 * seed, fringes=1.0 - 0.04 * seed, n_stars=2 * seed, seed=seed)
        fit = fit_fringe(sky.image(), CLEAR, fringe)
        pulls.append((fit.amplitude - sky.level * sky.fringes) / fit.amplitude_error)
    assert abs(np.mean(pulls)) < 4.5 / np.sqrt(20)
    assert np.std(pulls, ddof=1) == pytest.approx(1.0, abs=4.5 / np.sqrt(2 * 19))


def test_the_noise_of_the_fringe_frame_does_not_lower_the_amplitude():
    """A fringe frame as noisy in a block as its pattern: a plain regression would come out near a half.

    The power of the pattern over that of the noise in blocks of 64 pixels is (RATIO^2 / 2) / (0.15^2 / 64),
    about 1.3. The mean of ten independent pairs is within four of its errors of the truth.
    """
    ratios = []
    for seed in range(10):
        sky = Sky(n_stars=0, seed=seed)
        fit = fit_fringe(sky.image(), CLEAR, fringe_frame(noise=0.15, seed=100 + seed))
        ratios.append(fit.amplitude / sky.level)
    assert np.mean(ratios) == pytest.approx(1.0, abs=4 * np.std(ratios, ddof=1) / np.sqrt(10))
    assert np.std(ratios, ddof=1) < 0.1


def test_what_is_subtracted_leaves_photon_noise():
    """Variance of the pixels: that of the photons, to 4.5 of its standard errors, sqrt(2 / N) relative."""
    sky = Sky(n_stars=0, gradient=0.0, seed=3)
    image, variance = sky.image(), np.full(SHAPE, sky.level + READ_NOISE**2, np.float32)
    fit = subtract_fringe(image, CLEAR.copy(), fringe_frame(noise=1e-4), variance)
    y = np.indices(SHAPE)[0]
    smooth = sky.level * (1 + 0.05 * (y / SHAPE[0] - 0.5) ** 2)
    # The photons of the fringes are in the noise, but average out over the detector.
    expected = smooth.mean() + READ_NOISE**2
    assert np.var(image - smooth) == pytest.approx(expected, rel=4.5 * np.sqrt(2 / image.size))
    added = fit.amplitude**2 * 1e-8
    assert variance.mean(dtype=float) == pytest.approx(sky.level + READ_NOISE**2 + added, rel=1e-6)
    cards = fit.cards()
    assert cards["LSST ISR FRINGE APPLIED"] is True
    assert cards["LSST ISR FRINGE AMPLITUDE"] == fit.amplitude
    assert cards["LSST ISR FRINGE AMPLITUDE ERROR"] == fit.amplitude_error > 0


def test_bad_pixels_take_no_part_and_those_of_the_fringe_frame_become_bad():
    sky, fringe = Sky(seed=4), fringe_frame()
    image, mask = sky.image(), CLEAR.copy()
    image[:, 100:150] = 1e6
    mask[:, 100:150] = np.uint16(MaskPlane.SAT)
    image[20, 20] = np.nan
    fringe.image[50:60, 300:310] = 30.0
    fringe.mask[50:60, 300:310] = np.uint16(MaskPlane.BAD)
    fit = subtract_fringe(image, mask, fringe)
    assert fit.amplitude == pytest.approx(sky.level, abs=4.5 * fit.amplitude_error)
    assert (mask[50:60, 300:310] == MaskPlane.BAD).all()
    assert fit.n_pixels < image.size - 50 * SHAPE[0]


def test_a_gradient_of_the_sky_is_no_fringe():
    """Without fringes the amplitude is zero within 4.5 of its errors, however steep the sky."""
    sky = Sky(fringes=0.0, gradient=0.8, n_stars=0, seed=8)
    fit = fit_fringe(sky.image(), CLEAR, fringe_frame())
    assert fit.amplitude == pytest.approx(0.0, abs=4.5 * fit.amplitude_error)
    assert fit.amplitude_error < 0.02 * sky.level


def test_a_frame_of_noise_is_refused():
    fringe = fringe_frame(noise=0.01)
    fringe.image[...] -= pattern()
    with pytest.raises(CalprodError, match="is noise"):
        fit_fringe(Sky(seed=1).image(), CLEAR, fringe)


def test_an_empty_frame_is_refused():
    fringe = fringe_frame()
    fringe.image[...] = 0.0
    with pytest.raises(CalprodError, match="cannot be told from a smooth surface"):
        fit_fringe(Sky(seed=1).image(), CLEAR, fringe)


def test_an_image_without_sky_is_refused():
    mask = np.full(SHAPE, np.uint16(MaskPlane.DETECTED), np.uint16)
    with pytest.raises(CalprodError, match="0 usable blocks"):
        fit_fringe(Sky(seed=1).image(), mask, fringe_frame())


def test_a_fringe_frame_of_another_detector_is_refused():
    with pytest.raises(CalprodError, match="of this detector"):
        fit_fringe(np.zeros((10, 10), np.float32), np.zeros((10, 10), np.uint16), fringe_frame())


def test_the_detector_of_these_tests_is_not_square():
    """So that an exchange of the axes would show."""
    assert LAYOUT.image_shape[0] != LAYOUT.image_shape[1]
