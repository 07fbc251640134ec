"""RICE compression against cfitsio's, through astropy."""

import io

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from infra.simulator.rice import compress_rows


def cfitsio_rows(image: np.ndarray) -> list[bytes]:
    stream = io.BytesIO()
    fits.CompImageHDU(image, compression_type="RICE_1", tile_shape=(1, image.shape[1])).writeto(stream)
    with fits.open(io.BytesIO(stream.getvalue()), disable_image_compression=True) as file:
        return [row.tobytes() for row in file[1].data["COMPRESSED_DATA"]]


def assert_same_bytes(image: np.ndarray) -> None:
    sizes, heap = compress_rows(image)
    expected = cfitsio_rows(image)
    assert [len(row) for row in expected] == sizes.tolist()
    assert b"".join(expected) == heap


@pytest.mark.parametrize("width", [1, 31, 32, 33, 131, 576])
def test_noise_gives_the_bytes_of_cfitsio(width):
    image = np.random.default_rng(width).normal(25000, 8, (9, width)).round().astype(np.int32)
    assert_same_bytes(image)


def test_constant_image_gives_the_bytes_of_cfitsio():
    assert_same_bytes(np.full((4, 100), -7, dtype=np.int32))


def test_single_spike_in_a_flat_row_gives_the_bytes_of_cfitsio():
    image = np.zeros((3, 70), dtype=np.int32)
    image[:, 40] = 262143
    assert_same_bytes(image)


@given(
    arrays(
        np.int32, st.tuples(st.integers(1, 3), st.integers(1, 70)), elements=st.integers(-(2**31), 2**31 - 1)
    )
)
def test_any_image_gives_the_bytes_of_cfitsio(image):
    assert_same_bytes(image)
