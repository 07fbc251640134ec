"""The per-pixel clipped stack against the plain rule."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from infra.errors import CalprodError
from tasks.combine.sorting import LANES, exchanges, sort_columns
from tasks.combine.stack import combine_rows
from tests.combine.reference import clipped_stack

FLOAT32_STEP = 2.0**-23

# Few levels make ties at the limit and quartiles of zero range; NaN and infinity are excluded samples.
LEVELS = st.sampled_from([0.0, 1.0, 2.0, 3.0, 4.0, 10.0, -10.0, 1000.0, np.nan, np.inf])
COUNTS = st.integers(-(2**17), 2**17).map(float)
NOISE = st.floats(-1e5, 1e5, width=32)
SHAPES = st.tuples(st.integers(1, 24), st.integers(1, 2), st.integers(1, 9))
RULES = st.sampled_from([(3.0, 3), (3.0, 3), (2.0, 3), (3.0, 1), (5.0, 3), (1.5, 6)])


def assert_agrees(rows, expected):
    mean, variance, count = expected
    np.testing.assert_array_equal(rows.count, count)
    np.testing.assert_array_equal(np.isnan(rows.mean), np.isnan(mean))
    # Rounding to float32 once: half a step. Subnormal results have no relative precision.
    np.testing.assert_allclose(rows.mean, mean, rtol=FLOAT32_STEP, atol=1e-9)
    # The plain variance is a difference from a rounded mean: it is only known to 2⁻⁵² of the values squared.
    largest = np.nanmax(np.abs(mean), initial=0.0)
    np.testing.assert_allclose(
        rows.variance, variance, rtol=2 * FLOAT32_STEP, atol=1e-12 * (1 + largest) ** 2
    )


@given(hnp.arrays(np.float32, SHAPES, elements=st.one_of(LEVELS, COUNTS, NOISE)), RULES)
def test_any_stack_agrees_with_the_plain_rule_to_float32_rounding(stack, rule):
    assert_agrees(combine_rows(stack, None, *rule), clipped_stack(stack, None, *rule))


@given(hnp.arrays(np.float32, SHAPES, elements=LEVELS), RULES)
def test_stacks_full_of_ties_agree_with_the_plain_rule(stack, rule):
    assert_agrees(combine_rows(stack, None, *rule), clipped_stack(stack, None, *rule))


@given(
    hnp.arrays(np.float32, st.tuples(st.integers(1, 6), st.just(1), st.integers(1, 9)), elements=LEVELS),
    st.integers(0, 2**32 - 1),
)
def test_propagated_variances_are_those_of_the_survivors(stack, seed):
    variances = np.random.default_rng(seed).uniform(1, 100, stack.shape).astype(np.float32)
    assert_agrees(combine_rows(stack, variances), clipped_stack(stack, variances))


def test_realistic_stacks_agree_with_the_plain_rule():
    random = np.random.default_rng(11)
    for n in (1, 2, 3, 4, 5, 6, 19, 20, 33, 64, 65):
        stack = random.normal(1000, 8, (n, 3, 150)).astype(np.float32)
        stack[random.random(stack.shape) < 0.03] += 300  # cosmic rays
        stack[random.random(stack.shape) < 0.05] = np.nan  # masks
        assert_agrees(combine_rows(stack), clipped_stack(stack))


@pytest.mark.parametrize("n_pixels", [1, LANES - 1, LANES, LANES + 1, 3 * LANES + 5])
def test_every_width_of_image_is_treated_alike(n_pixels):
    stack = np.random.default_rng(n_pixels).normal(size=(7, 1, n_pixels)).astype(np.float32)
    whole = combine_rows(stack)
    alone = [combine_rows(np.ascontiguousarray(stack[:, :, i : i + 1])) for i in range(n_pixels)]
    np.testing.assert_array_equal(whole.mean[0], [one.mean[0, 0] for one in alone])
    np.testing.assert_array_equal(whole.variance[0], [one.variance[0, 0] for one in alone])


def test_the_order_of_the_exposures_does_not_matter():
    random = np.random.default_rng(4)
    stack = random.integers(0, 40, (20, 4, 64)).astype(np.float32)
    first, second = combine_rows(stack), combine_rows(np.ascontiguousarray(stack[random.permutation(20)]))
    np.testing.assert_array_equal(first.mean, second.mean)
    np.testing.assert_array_equal(first.count, second.count)


@pytest.mark.parametrize("level", [0.0, 1000.0, 2.0**20])
def test_a_value_exactly_on_the_limit_of_a_later_pass_is_kept(level):
    # Quartiles ±2.25: pass 1 keeps all. Mean 0, s² = (2 · 81 + 16 · 2.25²) / 27 = 9: ±9 stands on 3 s.
    sample = np.array([-9.0] + [-2.25] * 8 + [0.0] * 10 + [2.25] * 8 + [9.0], np.float32) + np.float32(level)
    rows = combine_rows(np.ascontiguousarray(sample[:, None, None]))
    assert rows.count[0, 0] == sample.size
    beyond = sample.copy()
    beyond[-1] = np.nextafter(beyond[-1], np.float32(np.inf)) + np.float32(0.5)
    assert combine_rows(np.ascontiguousarray(beyond[:, None, None])).count[0, 0] < sample.size


def test_a_large_common_level_does_not_change_what_is_clipped():
    random = np.random.default_rng(9)
    offsets = random.integers(-6, 7, (15, 2, 100)).astype(np.float32)
    low, high = combine_rows(offsets), combine_rows(offsets + np.float32(2**22))
    np.testing.assert_array_equal(low.count, high.count)
    np.testing.assert_allclose(high.variance, low.variance, rtol=FLOAT32_STEP)


def test_a_single_survivor_of_many_has_a_mean_but_no_variance():
    stack = np.full((6, 1, 1), np.nan, np.float32)
    stack[3] = 5.0
    rows = combine_rows(stack)
    assert (rows.mean[0, 0], rows.count[0, 0]) == (5.0, 1)
    assert np.isnan(rows.variance[0, 0])


@pytest.mark.parametrize("n", [*range(1, 40), 64, 100, 127, 128, 129])
def test_the_sorting_network_sorts_any_number(n):
    block = np.random.default_rng(n).normal(size=(n, LANES)).astype(np.float32)
    block[:, 5] = np.inf
    block[n // 2, 7] = np.inf
    expected = np.sort(block, axis=0)
    sort_columns(block, exchanges(n))
    np.testing.assert_array_equal(block, expected)


def test_a_network_of_zeros_and_ones_proves_it_for_every_input():
    # Zero-one principle (Knuth, TAOCP 3, theorem 5.3.4Z): all 2ⁿ inputs of zeros and ones, here for n = 7.
    columns = ((np.arange(128) >> np.arange(7)[:, None]) & 1).astype(np.float32)
    expected = np.sort(columns, axis=0)
    sort_columns(columns, exchanges(7))
    np.testing.assert_array_equal(columns, expected)


@pytest.mark.parametrize(
    ("stack", "variances", "rule"),
    [
        (np.zeros((3, 4), np.float32), None, (3.0, 3)),
        (np.zeros((3, 4, 5)), None, (3.0, 3)),
        (np.zeros((0, 4, 5), np.float32), None, (3.0, 3)),
        (np.zeros((3, 4, 10), np.float32)[:, :, ::2], None, (3.0, 3)),
        (np.zeros((3, 4, 5), np.float32), np.zeros((2, 4, 5), np.float32), (3.0, 3)),
        (np.zeros((3, 4, 5), np.float32), None, (0.0, 3)),
        (np.zeros((3, 4, 5), np.float32), None, (3.0, 0)),
    ],
)
def test_a_stack_of_the_wrong_kind_is_refused(stack, variances, rule):
    with pytest.raises(CalprodError):
        combine_rows(stack, variances, *rule)
