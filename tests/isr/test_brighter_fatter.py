"""The brighter-fatter correction: known answers, charge that is kept, and simulated truth."""

import numpy as np
import pytest

from infra.errors import CalprodError
from tasks.isr.brighter_fatter import (
    BrighterFatterKernel,
    BrighterFatterSettings,
    correct_brighter_fatter,
    detector_kernel,
)
from tasks.isr.distortion import DistortionMatrix, correct_distortion
from tests.isr.brighter_fatter_truth import (
    SIDE,
    covariances,
    flat,
    kernel,
    matrix,
    moments,
    spot,
)

CONSERVING = BrighterFatterSettings("COULTON18_FLUX_CONSERVING")
ONCE = BrighterFatterSettings(max_iterations=1)
CENTRE, ALONG_X, ALONG_Y = -3e-6, -1e-6, -5e-7
SMALL = BrighterFatterKernel(np.array([[0, ALONG_X, 0], [ALONG_Y, CENTRE, ALONG_Y], [0, ALONG_X, 0]]))
"""[serial lag][parallel lag]: neighbours along x have the larger value."""


def corrected(image, one=None, settings=None):
    found = np.array(image, np.float32)
    correct_brighter_fatter(found, one or kernel(), settings)
    return found


def bump(background, height):
    image = np.full((11, 11), background)
    image[5, 5] += height
    return image


def test_one_pass_by_hand():
    """I = B + h at one pixel: C = h K. Written out from I' = I + ½ (∇I·∇C + I ∇²C)."""
    background, height = 1000.0, 20_000.0
    found = corrected(bump(background, height), SMALL, ONCE) - bump(background, height)
    at_centre = 0.5 * (background + height) * height * (2 * ALONG_X + 2 * ALONG_Y - 4 * CENTRE)
    assert found[5, 5] == pytest.approx(at_centre, rel=1e-4)
    # To the right I falls by h/2 and C by h K(0)/2, and the curvature is K(0) − 4 K(1, 0).
    gradient = 0.25 * height * height * CENTRE
    right = 0.5 * (gradient + background * height * (CENTRE - 4 * ALONG_X))
    above = 0.5 * (gradient + background * height * (CENTRE - 4 * ALONG_Y))
    np.testing.assert_allclose([found[5, 4], found[5, 6]], right, rtol=1e-4)
    np.testing.assert_allclose([found[4, 5], found[6, 5]], above, rtol=1e-4)
    np.testing.assert_allclose(found[5, 7], 0.5 * background * height * ALONG_X, rtol=1e-3)
    np.testing.assert_allclose(found[7, 5], 0.5 * background * height * ALONG_Y, rtol=1e-3)


def test_one_transfer_by_hand():
    """Charge flows down the slope of C, to where it is lowest, and comes from where it was."""
    background, height = 1000.0, 20_000.0
    settings = BrighterFatterSettings("COULTON18_FLUX_CONSERVING", max_iterations=1)
    found = corrected(bump(background, height), SMALL, settings) - bump(background, height)
    into_x = 0.5 * background * height * (ALONG_X - CENTRE)  # from a neighbour, which has the background
    into_y = 0.5 * background * height * (ALONG_Y - CENTRE)
    assert found[5, 5] == pytest.approx(2 * (into_x + into_y), rel=1e-4)
    # The neighbour along x gets from the one behind and from its two at the sides.
    from_sides = 0.5 * background * height * -ALONG_X
    assert found[5, 6] == pytest.approx(3 * from_sides - into_x, rel=1e-3)
    assert found[6, 5] == pytest.approx(3 * 0.5 * background * height * -ALONG_Y - into_y, rel=1e-3)


def test_a_correction_is_proportional_to_its_kernel_and_a_level_has_none():
    image = flat()[1][:200, :200]
    twice = BrighterFatterKernel(2 * kernel().kernel)
    once = corrected(image, settings=ONCE) - image.astype(float)
    double = corrected(image, twice, ONCE) - image.astype(float)
    np.testing.assert_allclose(double, 2 * once, atol=0.02)  # float32 at 60000 has steps of 0.004
    for settings in (ONCE, CONSERVING):
        np.testing.assert_array_equal(corrected(np.full((80, 80), 5e4), settings=settings), 5e4)


def test_transfer_through_faces_keeps_the_charge():
    """Each of n pixels is rounded to 2^-9 electron at 6e4: the sum is known to 5 σ of n such roundings."""
    image = flat()[1]
    found = corrected(image, settings=CONSERVING)
    rounding = 2.0**-8 / np.sqrt(12.0) * SIDE
    assert abs(found.sum(dtype=float) - image.sum(dtype=float)) < 5 * rounding
    diffused = corrected(image)
    assert abs(diffused.sum(dtype=float) - image.sum(dtype=float)) > 100 * rounding
    same = image.copy()
    correct_distortion(same, matrix())
    # What moves is rounded in each of four exchanges.
    assert abs(same.sum(dtype=float) - image.sum(dtype=float)) < 5 * 4 * rounding


def test_the_border_is_left_alone():
    image = flat()[1][:120, :100]
    border = kernel().border
    for settings in (None, CONSERVING):
        changed = corrected(image, settings=settings) != image
        assert not changed[:border].any()
        assert not changed[-border:].any()
        assert not changed[:, :border].any()
        assert not changed[:, -border:].any()
        assert changed[border:-border, border:-border].mean() > 0.9


def test_it_ends_when_nothing_changes_or_tells_that_it_did_not():
    image = flat()[1][:200, :200]
    fit = correct_brighter_fatter(image.copy(), kernel())
    assert fit.converged
    assert 1 < fit.n_iterations < 10
    assert fit.change < 1000.0
    short = correct_brighter_fatter(
        image.copy(), kernel(), BrighterFatterSettings(max_iterations=2, threshold=1e-6)
    )
    assert (short.converged, short.n_iterations) == (False, 2)
    # Further passes change less and less.
    closer = correct_brighter_fatter(image.copy(), kernel(), BrighterFatterSettings(threshold=1.0))
    assert closer.converged
    assert closer.n_iterations > fit.n_iterations


def residuals(correction):
    """Return what a correction leaves of the covariances' excess over photons, in parts of what was there."""
    charge, image = flat()
    found = image.copy()
    correction(found)
    truth = covariances(charge)
    return (covariances(found) - truth) / (covariances(image) - truth)


METHODS = {
    "diffusion": lambda image: correct_brighter_fatter(image, kernel()),
    "transfer": lambda image: correct_brighter_fatter(image, kernel(), CONSERVING),
    "boundaries": lambda image: correct_distortion(image, matrix()),
}


@pytest.mark.parametrize("method", METHODS)
def test_flats_get_the_covariances_of_photons(method):
    """Both neighbours, which differ by four, and the variance.

    The same photons are looked at without the effect, so that no noise but only second order remains, a µ of
    the effect or 12 % at 6e4 electron: the passes use the corrected charge throughout, where on average 5/12
    of what moves had moved, and overdo it by half of that; the boundary shifts take the image as it is.
    """
    left = residuals(METHODS[method])
    assert abs(left[0]) < (0.03 if method == "boundaries" else 0.10)
    assert abs(left[2]) < (0.05 if method == "boundaries" else 0.20)
    assert abs(left[1]) < (0.05 if method == "boundaries" else 0.20)


@pytest.mark.parametrize(
    "correction",
    [
        lambda image: correct_brighter_fatter(image, kernel(exchanged=True)),
        lambda image: correct_distortion(image, matrix(exchanged=True)),
    ],
)
def test_exchanged_axes_leave_neighbours_correlated(correction):
    """Serial neighbours get four times too much, parallel ones a quarter of theirs."""
    left = residuals(correction)
    assert left[1] < -1.5
    assert left[2] > 0.5


@pytest.mark.parametrize("method", METHODS)
def test_bright_spots_get_the_size_of_faint_ones(method):
    """Moments of a spot of 9e4 electron grow by 1.0 and 1.1 %; a tenth of a per cent may remain.

    A kernel that is convolved with an image cannot follow the gradients in a spot of σ = 2 pixels quite:
    diffusion leaves 0.03 %, transfer from the donor alone 0.3 %.
    """
    charge, image = spot(90_000.0)
    found = image.copy()
    METHODS[method](found)
    before = np.array(moments(image)) / moments(charge) - 1.0
    after = np.array(moments(found)) / moments(charge) - 1.0
    assert (before > 9e-3).all()
    assert (np.abs(after) < (4e-3 if method == "transfer" else 1e-3)).all()


def test_the_kernel_of_a_detector_leaves_out_what_is_far_off():
    random = np.random.default_rng(2)
    kernels = random.normal(1.0, 0.01, (16, 3, 3))
    kernels[3, 1, 2] = 50.0
    found = detector_kernel(kernels)
    assert found[1, 2] == pytest.approx(np.delete(kernels[:, 1, 2], 3).mean())
    assert found[0, 0] == pytest.approx(kernels[:, 0, 0].mean())


@pytest.mark.parametrize("bad", [np.ones((3, 5)), np.ones((4, 4)), np.full((3, 3), np.nan)])
def test_kernels_that_are_none_are_refused(bad):
    with pytest.raises(CalprodError, match="not square, odd and finite"):
        BrighterFatterKernel(bad)


def test_matrices_that_are_none_are_refused():
    with pytest.raises(CalprodError, match="boundary shifts of shapes"):
        DistortionMatrix(np.ones((3, 3)), np.ones((2, 2)))
    with pytest.raises(CalprodError, match="boundary shifts of shapes"):
        DistortionMatrix(np.full((3, 3), np.nan), np.ones((3, 3)))


def test_an_image_no_larger_than_the_kernel_is_refused():
    with pytest.raises(CalprodError, match=r"image of shape \(20, 80\)"):
        corrected(np.ones((20, 80)))
