"""Exact quantiles of large samples."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.combine import order_statistics
from tasks.combine.order_statistics import quantiles, quartiles


def sample_of(kind, size, seed):
    random = np.random.default_rng(seed)
    return {
        "gauss": lambda: random.normal(0, 8, size),
        "counts": lambda: random.poisson(4, size),
        "constant": lambda: np.full(size, 3.25),
        "nearly constant": lambda: np.where(np.arange(size) == size // 2, 1.0, 0.0),
        "periodic": lambda: np.arange(size) % 509,
        "descending": lambda: -np.arange(size),
        "heavy": lambda: random.standard_cauchy(size),
    }[kind]()


KINDS = ["gauss", "counts", "constant", "nearly constant", "periodic", "descending", "heavy"]


@given(
    st.sampled_from(KINDS),
    st.sampled_from([1, 2, 3, 4, 5, 8192, 8193, 20_000, 100_003]),
    st.integers(0, 2**32 - 1),
    st.sampled_from([np.float32, np.float64]),
    st.sampled_from([(0.25, 0.5, 0.75), (0.05, 0.16, 0.5), (0.84, 0.95, 0.95), (0.0, 0.001, 1.0)]),
)
def test_quantiles_equal_numpys_to_the_bit(kind, size, seed, dtype, fractions):
    values = sample_of(kind, size, seed).astype(dtype)
    assert quantiles(values, fractions) == tuple(np.quantile(values.astype(float), fractions))


def test_a_misleading_subsample_costs_time_but_not_truth(monkeypatch):
    values = np.zeros(100_000, np.float32)
    stride = (values.size // 8192) | 1
    values[::stride] = np.linspace(1, 2, values[::stride].size)  # the subsample sees nothing but these
    assert quartiles(values) == tuple(np.percentile(values.astype(float), [25, 50, 75]))


def test_a_gaussian_amplifier_needs_no_full_sort(monkeypatch):
    def refuse(values, places):
        pytest.fail("fell back to sorting everything")

    monkeypatch.setattr(order_statistics, "_partitioned", refuse)
    random = np.random.default_rng(3)
    for _ in range(20):
        values = random.normal(0, 8, 100_000).astype(np.float32)
        for fractions in ((0.25, 0.5, 0.75), (0.05, 0.16, 0.5), (0.84, 0.95, 0.95)):
            quantiles(values, fractions)
