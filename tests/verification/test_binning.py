"""Binned residuals are block means of usable pixels, edges included."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.errors import CalprodError
from infra.images import MaskPlane
from tasks.verification.binning import bin_image


@given(
    ny=st.integers(1, 30),
    nx=st.integers(1, 30),
    factor=st.integers(1, 12),
    seed=st.integers(0, 2**32 - 1),
    bad=st.floats(0.0, 1.0),
)
def test_blocks_agree_with_plain_numpy(ny: int, nx: int, factor: int, seed: int, bad: float) -> None:
    rng = np.random.default_rng(seed)
    image = rng.normal(100.0, 10.0, (ny, nx)).astype(np.float32)
    mask = np.where(rng.random((ny, nx)) < bad / 2, MaskPlane.BAD, MaskPlane.SAT).astype(np.uint16)
    image[rng.random((ny, nx)) < bad / 2] = np.nan
    binned = bin_image(image, mask, factor)
    assert binned.dtype == np.float32
    assert binned.shape == (math.ceil(ny / factor), math.ceil(nx / factor))
    usable = np.isfinite(image) & ((mask & MaskPlane.BAD) == 0)
    for row in range(binned.shape[0]):
        for column in range(binned.shape[1]):
            block = np.s_[row * factor : (row + 1) * factor, column * factor : (column + 1) * factor]
            values = image[block][usable[block]]
            if values.size:
                assert binned[row, column] == pytest.approx(values.mean(dtype=np.float64), rel=1e-6)
            else:
                assert np.isnan(binned[row, column])


def test_planes_to_leave_out_can_be_chosen() -> None:
    image = np.array([[1.0, 9.0]], np.float32)
    mask = np.array([[0, MaskPlane.CR]], np.uint16)
    assert bin_image(image, mask, 2)[0, 0] == 5.0
    assert bin_image(image, mask, 2, MaskPlane.CR)[0, 0] == 1.0


def test_view_of_a_larger_image_can_be_binned() -> None:
    image = np.arange(64, dtype=np.float32).reshape(8, 8)
    mask = np.zeros((8, 8), np.uint16)
    view = bin_image(image[2:6, 2:6], mask[2:6, 2:6], 2)
    assert np.array_equal(view, bin_image(image[2:6, 2:6].copy(), mask[2:6, 2:6].copy(), 2))


@pytest.mark.parametrize("factor", [0, -8])
def test_factor_below_one_is_refused(factor: int) -> None:
    with pytest.raises(CalprodError, match="cannot be binned"):
        bin_image(np.zeros((4, 4), np.float32), np.zeros((4, 4), np.uint16), factor)


def test_mask_of_another_shape_is_refused() -> None:
    with pytest.raises(CalprodError, match="its mask"):
        bin_image(np.zeros((4, 4), np.float32), np.zeros((4, 5), np.uint16))
