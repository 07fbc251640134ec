"""One amplifier in one pair: known numbers, masks, clip, gain."""

import numpy as np
import pytest

from infra.images import MaskPlane
from tasks.combine.clipping import clipped_variance_factor
from tasks.flat_pairs.gain import GainCorrection, gain_from_pair
from tasks.flat_pairs.pair_statistics import measure_amplifier_pair
from tasks.ptc.algorithm import AmplifierReading, ExtractSettings
from tests.ptc.flats import description, flat, mock_measurements

SHAPE = (200, 200)


def pair(seed=1, level=20_000.0, **camera):
    random = np.random.default_rng(seed)
    return flat(random, level, SHAPE, **camera), flat(random, level, SHAPE, **camera)


def measure(images, masks=None, **settings):
    return measure_amplifier_pair(
        "C10", images, masks, description(0, 20_000), AmplifierReading(7 / 1.1), ExtractSettings(**settings)
    )


def test_first_pair_of_the_reference_test():
    """Mock flats of cp_pipe's unit test, 1 s; numbers from an independent numpy extraction.

    That one multiplied in float32, as afw does; ours multiplies in float64: equal to 2e-7.
    """
    one = mock_measurements()[0]
    assert one.mean == pytest.approx(1333.26739217, rel=1e-10)
    assert one.variance == pytest.approx(1789.83551769, rel=2e-7)
    factor = clipped_variance_factor(5.5)
    assert one.covariances[0, 0] / factor == pytest.approx(1789.78953, rel=2e-7)
    assert one.covariances[0, 1] / factor**2 == pytest.approx(4.82266, abs=2e-5)


def test_weights_are_those_of_gaussian_noise():
    one = measure(pair(), matrix_side=3)
    zero_lag = one.covariances[0, 0] / clipped_variance_factor(5.5)
    expected = np.sqrt(one.n_pixels) / zero_lag
    expected[0, 0] /= np.sqrt(2.0)
    np.testing.assert_allclose(one.sqrt_weights, expected, rtol=1e-12)


def test_weights_agree_with_the_scatter_of_the_covariances():
    """60 pairs: a scatter is known to 1/√(2·59), 9 %; four times that."""
    rows = [measure(pair(seed, 1000.0, a_matrix=None), matrix_side=2) for seed in range(60)]
    pulls = [(one.covariances - [[919.1, 0], [0, 0]]) * one.sqrt_weights for one in rows]
    np.testing.assert_allclose(np.std(pulls, axis=0), 1.0, atol=0.37)


def test_the_level_of_the_lamp_may_differ_between_the_two():
    random = np.random.default_rng(3)
    images = flat(random, 20_000, SHAPE, a_matrix=None), flat(random, 22_000, SHAPE, a_matrix=None)
    one = measure(images, matrix_side=2)
    assert one.delta == pytest.approx(2000 / 1.1, rel=0.01)
    assert one.variance == pytest.approx((21_000 + 49) / 1.1**2, rel=5 * np.sqrt(2 / 40_000) + 0.003)


def test_fixed_structure_cancels():
    random = np.random.default_rng(4)
    response = 1 + 0.02 * random.standard_normal(SHAPE)
    images = tuple((random.poisson(20_000 * response) / 1.0).astype(np.float32) for _ in range(2))
    assert measure(images, matrix_side=2).variance == pytest.approx(20_000, rel=5 * np.sqrt(2 / 40_000))


def test_masked_pixels_and_the_edge_take_no_part():
    images = pair()
    expected = measure(images, matrix_side=3, edge=10)
    spoiled = tuple(image.copy() for image in images)
    masks = np.zeros((2, *SHAPE), np.uint16)
    for image in spoiled:
        image[:10], image[:, -10:] = 1e5, np.nan
    for i, plane in enumerate((MaskPlane.BAD, MaskPlane.SAT)):
        spoiled[i][50 + i, 60] = 6e4
        masks[i, 50 + i, 60] = plane
    found = measure(spoiled, (masks[0], masks[1]), matrix_side=3, edge=10)
    assert found.mean == pytest.approx(expected.mean, rel=1e-5)
    assert found.n_pixels[0, 0] == expected.n_pixels[0, 0] - 2
    assert found.variance == pytest.approx(expected.variance, rel=1e-3)


def test_a_cosmic_ray_is_clipped():
    images = pair()
    expected = measure(images, matrix_side=2)
    images[0][100, 20:60] += 5000
    found = measure(images, matrix_side=2)
    assert found.n_pixels[0, 0] == expected.n_pixels[0, 0] - 40
    assert found.covariances[1, 0] == pytest.approx(
        expected.covariances[1, 0], abs=3 / found.sqrt_weights[1, 0]
    )


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda image: np.full_like(image, np.nan), "no usable pixel"),
        (lambda image: image - 1e5, "mean signal of"),
        (lambda image: np.where(np.arange(200) < 40, image, np.nan), "usable pixels, fewer than 10000"),
        (lambda image: np.full_like(image, 65_535), "no noise"),
    ],
    ids=["NaN", "negative", "few", "constant"],
)
def test_a_pair_that_tells_nothing_says_why(spoil, reason):
    images = tuple(spoil(image) for image in pair())
    one = measure(images)
    assert reason in (one.reason or "")
    assert one.covariances.shape == (8, 8)


def test_too_few_pixels_after_the_clip_warn():
    masks = np.zeros((2, *SHAPE), np.uint16)
    masks[:, 40:] = MaskPlane.BAD
    assert "fewer than 10000" in (measure(pair(), (masks[0], masks[1])).reason or "")


def test_row_means_scatter_as_their_pixels_do():
    """200 rows: 10 %; four times that. Every row counts, the last too."""
    one = measure(pair(a_matrix=None), matrix_side=2)
    assert one.row_mean_variance == pytest.approx(2 * one.variance / 200, rel=0.4)


def test_gain_from_a_pair_at_low_signal():
    """Reference's unit test: 100 electron, gain within 0.04."""
    for correction in GainCorrection:
        if correction is not GainCorrection.NONE:
            gains = [
                measure(pair(s, 400.0, a_matrix=None), gain_correction=correction).gain for s in range(5)
            ]
            assert np.mean(gains) == pytest.approx(1.1, abs=0.04)


def test_read_noise_is_taken_out_of_the_gain_exactly():
    gain, mean, noise = 1.3, 150.0, 6.0
    # ⟨(I₁−I₂)²/(I₁+I₂)⟩ of the FULL variant solved for the contrast.
    contrast = (mean / gain - 0.5 / gain**2 + noise**2) / mean
    assert gain_from_pair(contrast, mean, noise) == pytest.approx(gain, rel=1e-12)
    assert gain_from_pair(contrast, mean, noise, GainCorrection.NONE) == pytest.approx(1 / contrast)
    assert gain_from_pair(contrast, mean, np.nan) == pytest.approx(1 / contrast)


def test_the_simple_gain_has_no_slip_of_precedence():
    """cp_pipe evaluates g₀²/2 where the derivation has 1/(2 g₀²); we took the derivation's side."""
    contrast, mean, noise = 0.5, 100.0, 4.0
    expected = 1 / (contrast - (16 - 0.5 * contrast**2) / mean)
    assert gain_from_pair(contrast, mean, noise, GainCorrection.SIMPLE) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("contrast", [0.0, -1.0, np.nan, np.inf])
def test_no_gain_without_contrast(contrast):
    assert np.isnan(gain_from_pair(contrast, 100.0, 5.0))


def test_a_lamp_that_changes_between_the_two_leaves_the_gain_alone():
    """One percent at 40 000 electron; taken for noise, the step would make the gain three times too small."""
    first, second = pair(3, 40_000.0, a_matrix=None)
    steady, changed = measure((first, second)), measure((first, np.float32(1.01) * second))
    assert changed.gain == pytest.approx(steady.gain, rel=0.01)
    assert changed.variance == pytest.approx(steady.variance, rel=0.02)


def test_flats_of_unlike_light_are_refused_where_there_is_light():
    first, second = pair(4, a_matrix=None)
    assert measure((first, second), largest_imbalance=0.1).reason is None
    unlike = measure((first, np.float32(0.8) * second), largest_imbalance=0.1)
    assert unlike.reason == "the two flats differ by 22%"
    assert measure((first, np.float32(0.8) * second)).reason is None  # nobody asked
    faint = pair(5, 3.0, a_matrix=None)
    assert measure((faint[0], faint[1] * 0.5), largest_imbalance=0.1, minimum_pixels=100).reason is None
