"""Integer dithering."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.isr.dithering import Dither, dithered


@pytest.mark.parametrize(("mode", "low"), [("SYMMETRIC", -0.5), ("POSITIVE", 0.0), ("NEGATIVE", -1.0)])
def test_the_numbers_are_those_of_numpys_legacy_generator(mode, low):
    raw = np.random.default_rng(0).poisson(25_000, (70, 333)).astype(np.int32)
    expected = raw.astype(np.float32)
    expected += np.random.RandomState(12345).uniform(low, low + 1.0, raw.shape)
    np.testing.assert_array_equal(dithered(raw, 12345, mode), expected)


@given(st.lists(st.integers(1, 900), min_size=1, max_size=8), st.integers(0, 2**40))
def test_rows_taken_in_pieces_get_the_same_numbers(sizes, seed):
    raw = np.arange(sum(sizes), dtype=np.int32)
    dither, out = Dither(seed), np.empty(raw.size, np.float32)
    start = 0
    for size in sizes:
        dither.add(raw[start : start + size], out[start : start + size])
        start += size
    np.testing.assert_array_equal(out, dithered(raw[None], seed)[0])


def test_only_the_lowest_32_bits_of_the_seed_count():
    raw = np.zeros((2, 50), np.int32)
    np.testing.assert_array_equal(dithered(raw, 44358986240), dithered(raw, 44358986240 & 0xFFFFFFFF))


def test_the_added_numbers_are_uniform_and_leave_the_mean():
    # Error of the mean: 1 / √(12 n); every count stays within half an adu (float32 near 0 resolves it).
    raw = np.zeros((500, 400), np.int32)
    image = dithered(raw, 1)
    assert image.dtype == np.float32
    assert np.abs(image).max() <= 0.5
    assert image.mean(dtype=float) == pytest.approx(0.0, abs=5 / np.sqrt(12 * raw.size))
    assert image.var(dtype=float) == pytest.approx(1 / 12, rel=0.02)
