"""From spooled exposures to one image: the rules for few exposures, for bad pixels and for bad input."""

import numpy as np
import pytest

from infra.errors import CalprodError
from infra.images import MaskPlane
from tasks.combine.combination import combine
from tasks.combine.spool import ExposureSpool
from tests.combine.exposures import exposure
from tests.combine.reference import clipped_stack

SHAPE = (40, 37)
NOISE = 8.0


def biases(n, seed=0):
    """Synthetic biases with a structure, one hot pixel in one exposure and one row of NaN in all."""
    random = np.random.default_rng(seed)
    structure = random.normal(0, 3, SHAPE)
    images = (structure + random.normal(0, NOISE, (n, *SHAPE))).astype(np.float32)
    images[0, 5, 6] += 1e5
    images[:, 11] = np.nan
    return images, structure


def combined(images, masks=None, scales=None, excluded=MaskPlane.DETECTED | MaskPlane.INTRP, **settings):
    masks = np.zeros(images.shape, np.uint16) if masks is None else masks
    with ExposureSpool(excluded) as spool:
        for image, mask in zip(images, masks, strict=True):
            spool.append(exposure(image, mask, variance=NOISE**2))
        return combine(spool, scales or [1.0] * len(images), **settings)


@pytest.mark.parametrize("n", [1, 2, 4, 5, 20])
def test_synthetic_biases_of_every_number(n):
    images, structure = biases(n)
    result = combined(images)
    mean, scatter, count = clipped_stack(images)
    known = np.ones(SHAPE, bool)
    known[11] = False
    np.testing.assert_allclose(result.image[known], mean[known], rtol=2**-23, atol=1e-9)
    np.testing.assert_array_equal(result.count, count)
    if n < 5:
        # Propagated from the input variances, whatever the scatter.
        np.testing.assert_allclose(result.variance[known], NOISE**2 / count[known], rtol=1e-6)
    else:
        np.testing.assert_allclose(result.variance[known], scatter[known], rtol=1e-6)
    # The NaN row holds the medians of the rest of the detector and is BAD; nothing else is.
    np.testing.assert_array_equal(result.mask, np.where(known, 0, MaskPlane.BAD))
    np.testing.assert_array_equal(result.image[11], np.float32(np.median(result.image[known])))
    np.testing.assert_array_equal(result.variance[11], np.float32(np.median(result.variance[known])))
    # One hot pixel in one exposure goes unless it is one of two or fewer, of which neither is the outlier.
    assert (abs(result.image[5, 6] - structure[5, 6]) < 6 * NOISE) == (n >= 4)


def test_the_variance_of_five_and_of_four_follow_different_rules():
    images = np.zeros((5, *SHAPE), np.float32)
    images += np.arange(5, dtype=np.float32)[:, None, None]
    np.testing.assert_allclose(combined(images).variance, 2.5 / 5)
    np.testing.assert_allclose(combined(images[:4]).variance, NOISE**2 / 4)


def test_each_exposure_is_divided_by_its_scale_and_its_variance_by_the_square():
    images = np.stack([np.full(SHAPE, 10.0), np.full(SHAPE, 40.0)]).astype(np.float32)
    result = combined(images, scales=[10.0, 40.0])
    np.testing.assert_allclose(result.image, 1.0)
    np.testing.assert_allclose(result.variance, (NOISE**2 / 100 + NOISE**2 / 1600) / 4, rtol=1e-6)


def test_masked_samples_are_left_out_and_their_planes_cleared():
    images = np.random.default_rng(1).normal(0, NOISE, (6, *SHAPE)).astype(np.float32)
    masks = np.zeros(images.shape, np.uint16)
    images[:, 4, 5] = np.arange(6)
    images[3, 4, 5], masks[3, 4, 5] = 50.0, MaskPlane.DETECTED  # one exposure
    masks[:, 7, 8] = MaskPlane.INTRP  # all exposures
    masks[:, 9, 9] = MaskPlane.SAT | MaskPlane.SUSPECT  # not excluded
    result = combined(images, masks)
    assert result.count[4, 5] == 5
    assert result.image[4, 5] == np.float32(12 / 5)
    assert result.mask[7, 8] == MaskPlane.BAD
    assert result.mask[9, 9] == 0
    assert np.count_nonzero(result.mask) == 1
    assert result.image[7, 8] == np.float32(np.median(result.image[result.mask == 0].astype(float)))


def test_a_bad_amplifier_comes_out_as_the_median_and_bad():
    images = np.random.default_rng(2).normal(3.0, NOISE, (6, *SHAPE)).astype(np.float32)
    masks = np.zeros(images.shape, np.uint16)
    masks[:, :20, :10], images[:, :20, :10] = MaskPlane.BAD, 1e6
    result = combined(images, masks)
    assert np.unique(result.image[:20, :10]).size == 1
    assert result.image[0, 0] == pytest.approx(3.0, abs=1.0)
    assert (result.mask[:20, :10] == MaskPlane.BAD).all()
    assert not result.mask[20:].any()


@pytest.mark.parametrize("scale", [0.0, -1.0, np.nan, np.inf])
def test_a_scale_that_cannot_divide_is_refused_up_front(scale):
    images, _ = biases(2)
    with pytest.raises(CalprodError, match=f"exposure 1 of the stack cannot be divided by its scale {scale}"):
        combined(images, scales=[1.0, scale])


def test_no_exposures_are_refused():
    with pytest.raises(CalprodError, match="no exposures"):
        combined(np.zeros((0, *SHAPE), np.float32))


def test_scales_of_another_number_are_refused():
    images, _ = biases(2)
    with pytest.raises(CalprodError, match="3 scales for 2 exposures"):
        combined(images, scales=[1.0, 1.0, 1.0])


def test_a_stack_in_which_nothing_survives_is_refused():
    with pytest.raises(CalprodError, match="no pixel"):
        combined(np.full((6, *SHAPE), np.nan, np.float32))


def test_few_exposures_without_variances_are_refused_not_called_noiseless():
    with ExposureSpool(MaskPlane(0)) as spool:
        for _ in range(2):
            spool.append(exposure(np.zeros(SHAPE), variance=np.nan))
        with pytest.raises(CalprodError, match="value and a variance"):
            combine(spool, [1.0, 1.0])


@pytest.mark.parametrize("n", [5, 20])
def test_noise_averages_down_as_the_plain_rule_says(n):
    # A clipped mean is a little noisier than the mean: by how much, the plain rule tells on other samples.
    # Scatter of a mean square of m Gaussian numbers: √(2 / m).
    images = np.random.default_rng(n).normal(0, NOISE, (n, 200, 300)).astype(np.float32)
    result = combined(images)
    other = np.random.default_rng(100 + n).normal(0, NOISE, (n, 50, 80)).astype(np.float32)
    found = np.mean(result.image.astype(float) ** 2) / (NOISE**2 / n)
    expected = np.mean(clipped_stack(other)[0] ** 2) / (NOISE**2 / n)
    assert found == pytest.approx(expected, abs=5 * np.sqrt(2 / 60_000 + 2 / 4_000))
    assert found > 1.0 - 5 * np.sqrt(2 / 60_000)


def test_the_variance_plane_tells_the_scatter_of_twenty_biases():
    # Clipping takes 3 % of Gaussian samples of 20 at most here, so that the estimated variance is at most
    # F(2.5) = 1.1 too small and never too large.
    images = np.random.default_rng(21).normal(0, NOISE, (20, 200, 300)).astype(np.float32)
    result = combined(images)
    ratio = float(result.variance.mean(dtype=float)) / (NOISE**2 / 20)
    assert 1 / 1.1 < ratio < 1.0 + 5 * np.sqrt(2 / 19 / result.variance.size)
