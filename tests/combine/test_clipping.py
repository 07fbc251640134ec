"""Clipped statistics of one sample."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from infra.images import MaskPlane
from tasks.combine.clipping import clipped_mean, clipped_statistics_of_amplifier, clipped_variance_factor
from tests.combine.reference import clipped

# Multiples of 1/4 within ±2¹⁷ are exact in float32 and their sums in float64, so that true ties occur.
QUARTERS = st.integers(-(2**19), 2**19).map(lambda n: n / 4)
FEW_LEVELS = st.sampled_from([0.0, 1.0, 2.0, 3.0, 4.0, 100.0, np.nan])


def test_a_hand_computed_sample_with_one_outlier():
    # Median 3.5, quartiles 2.25 and 4.75: pass 1 keeps |x − 3.5| ≤ 3 · 0.7413 · 2.5 = 5.56. Then mean 3,
    # variance 10 / 4, and 3 s = 4.74 keeps the same five.
    result = clipped_mean(np.array([1.0, 2.0, 3.0, 4.0, 5.0, 1000.0]))
    assert (result.mean, result.n_valid, result.n_used) == (3.0, 6, 5)
    assert result.standard_deviation == pytest.approx(np.sqrt(2.5), rel=1e-15)
    assert (result.median, result.iqr) == (3.5, 2.5)
    assert result.standard_error == pytest.approx(np.sqrt(0.5), rel=1e-15)


@pytest.mark.parametrize(
    ("n_sigma", "factor"),
    [(5.5, 1.0000011847), (3.0, 1.0273934695), (2.0, 1.1368472343**2)],
)
def test_the_variance_factors_known_from_the_formula(n_sigma, factor):
    # Known answers to ten decimals; F(k) = 1 / [1 − 2 k φ(k) / (Φ(k) − Φ(−k))].
    assert clipped_variance_factor(n_sigma) == pytest.approx(factor, abs=1.2e-10)


def test_the_variance_factor_undoes_the_clip_of_a_gaussian():
    # One pass at the true width: truncation at k σ, so F(k) must restore 1. Error of a variance: √(2 / n).
    sample = np.random.default_rng(5).normal(size=400_000)
    for n_sigma in (1.5, 2.0, 3.0):
        kept = sample[np.abs(sample) <= n_sigma]
        assert clipped_variance_factor(n_sigma) * kept.var() == pytest.approx(
            1.0, abs=5 * np.sqrt(2 / kept.size)
        )
        assert clipped_variance_factor(n_sigma) == pytest.approx(
            1 / stats.truncnorm.var(-n_sigma, n_sigma), rel=1e-9
        )


def test_an_interquartile_range_of_zero_keeps_only_the_median():
    result = clipped_mean(np.array([7.0, 7.0, 7.0, 7.0, 7.0, 7.0, 8.0]))
    assert (result.mean, result.standard_deviation, result.n_used) == (7.0, 0.0, 6)


def test_one_value_has_a_mean_but_no_scatter():
    result = clipped_mean(np.array([np.nan, 4.5, np.inf]))
    assert (result.mean, result.n_valid, result.n_used) == (4.5, 1, 1)
    assert np.isnan(result.standard_deviation)


def test_no_value_has_neither():
    result = clipped_mean(np.array([np.nan, np.inf]))
    assert np.isnan(result.mean)
    assert np.isnan(result.standard_error)
    assert (result.n_valid, result.n_used) == (0, 0)


def test_a_value_clipped_in_one_pass_may_return_in_the_next():
    # Each pass is applied to the full sample, not to what the pass before left.
    # Pass 1: |x| ≤ 3 · 0.7413 · 1 = 2.22 drops 2.5; pass 2: 3 s = 3.5 about 0 takes it back.
    sample = np.array([-0.5] * 10 + [0.0, 0.0] + [0.5] * 10 + [2.0, -2.0] * 4 + [2.5])
    mean, _, kept = clipped(sample)
    result = clipped_mean(sample)
    assert result.n_used == kept.sum() == sample.size
    assert clipped_mean(sample, n_iterations=1).n_used == sample.size - 1
    assert result.mean == pytest.approx(mean, rel=1e-14)


@given(hnp.arrays(np.float32, st.integers(1, 60), elements=st.one_of(QUARTERS, FEW_LEVELS)))
def test_samples_with_ties_and_nan_agree_with_the_plain_rule(sample):
    mean, variance, kept = clipped(sample)
    result = clipped_mean(sample)
    assert result.n_used == kept.sum()
    assert result.mean == pytest.approx(mean, rel=1e-12, abs=1e-9, nan_ok=True)
    # The textbook formula loses digits where values are large and alike: 2¹⁷ · 2⁻⁵³ · 2¹⁷.
    assert result.standard_deviation**2 == pytest.approx(variance, rel=1e-9, abs=1e-5, nan_ok=True)


@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([9_000, 20_001, 65_536]),
    st.sampled_from(["gauss", "counts", "constant", "two", "sorted", "heavy"]),
    st.sampled_from([np.float32, np.float64]),
    st.sampled_from([(3.0, 3), (5.0, 3), (5.5, 3), (1.0, 5)]),
)
def test_large_samples_agree_with_the_plain_rule(seed, size, kind, dtype, rule):
    random = np.random.default_rng(seed)
    sample = {
        "gauss": lambda: random.normal(10_000, 8, size),
        "counts": lambda: random.poisson(3, size),
        "constant": lambda: np.full(size, 12.5),
        "two": lambda: random.integers(0, 2, size) * 1e4,
        "sorted": lambda: np.sort(random.normal(size=size)),
        "heavy": lambda: random.standard_t(1.2, size),
    }[kind]().astype(dtype)
    mean, variance, kept = clipped(sample, *rule)
    result = clipped_mean(sample, *rule)
    assert result.n_used == kept.sum()
    assert result.mean == pytest.approx(mean, rel=1e-10, abs=1e-10)
    assert result.standard_deviation**2 == pytest.approx(variance, rel=1e-8, abs=1e-10)


def test_masked_and_infinite_pixels_of_an_amplifier_are_left_out():
    random = np.random.default_rng(1)
    image = random.normal(100, 5, (60, 50)).astype(np.float32)
    mask = np.zeros(image.shape, np.uint16)
    clean = clipped_statistics_of_amplifier(image[:, :40], mask[:, :40])
    image[:, 40:45], mask[:, 40:45] = 101.0, MaskPlane.BAD
    image[:, 45:] = np.nan
    result = clipped_statistics_of_amplifier(image, mask)
    assert result == clean
    assert clipped_statistics_of_amplifier(image, mask, MaskPlane.SAT).n_valid == 60 * 45


def test_five_sigma_statistics_of_an_amplifier_recover_the_noise():
    # Scatter of a measured σ: σ / √(2 n); clipping at 5 σ takes nothing of a Gaussian this size.
    noise = 8.4
    image = np.random.default_rng(2).normal(0.3, noise, (400, 300)).astype(np.float32)
    image[17, :] += 500.0  # a bright row, 0.25 % of the pixels
    result = clipped_statistics_of_amplifier(image, n_sigma=5.0)
    assert result.standard_deviation == pytest.approx(noise, abs=5 * noise / np.sqrt(2 * image.size))
    assert result.mean == pytest.approx(0.3, abs=5 * noise / np.sqrt(image.size))


@pytest.mark.parametrize(("n_sigma", "n_iterations"), [(0.0, 3), (-1.0, 3), (np.nan, 3), (3.0, 0)])
def test_a_rule_that_makes_no_sense_is_refused(n_sigma, n_iterations):
    with pytest.raises(ValueError, match="clipping needs"):
        clipped_mean(np.arange(5.0), n_sigma, n_iterations)
