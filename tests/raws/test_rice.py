"""Our Rice decoder gives what CFITSIO gives, and survives whatever bytes it is fed."""

import io
from dataclasses import dataclass

import fitsio
import hypothesis.strategies as st
import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis.extra import numpy as hnp

from infra.raws.rice import SPARE_BYTES, decode_rows

TYPES = {1: "u1", 2: ">i2", 4: ">i4"}


@dataclass
class Tiles:
    """Rice row tiles of one image, taken out of a FITS file that astropy wrote."""

    data: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray
    shape: tuple[int, int]
    bytes_per_pixel: int
    block_size: int

    def decode(self, flip_y: bool = False, flip_x: bool = False) -> tuple[int, np.ndarray]:
        ny, nx = self.shape
        mosaic = np.full((ny + 2, nx + 2), -7, np.int32)
        row = decode_rows(
            self.data,
            self.starts,
            self.lengths,
            nx,
            self.bytes_per_pixel,
            self.block_size,
            mosaic,
            ny if flip_y else 1,
            -1 if flip_y else 1,
            nx if flip_x else 1,
            -1 if flip_x else 1,
        )
        frame = np.concatenate([mosaic[0], mosaic[-1], mosaic[:, 0], mosaic[:, -1]])
        assert (frame == -7).all(), "pixels outside the segment were written"
        return row, mosaic[1:-1, 1:-1]


def compressed(image: np.ndarray, block_size: int = 32) -> bytes:
    hdu = fits.CompImageHDU(image, compression_type="RICE_1", tile_shape=(1, image.shape[1]))
    buffer = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(buffer)
    return buffer.getvalue()


def tiles_of(content: bytes) -> Tiles:
    with fits.open(io.BytesIO(content), disable_image_compression=True) as hdus:
        header, offset = hdus[1].header, hdus[1].fileinfo()["datLoc"]
    rows, width = header["NAXIS2"], header["NAXIS1"]
    size = width * rows + header["PCOUNT"]
    data = np.zeros(size + SPARE_BYTES, np.uint8)
    data[:size] = np.frombuffer(content, np.uint8, size, offset)
    descriptors = (
        np.frombuffer(data, ">i4" if width == 8 else ">i8", 2 * rows).reshape(rows, 2).astype(np.int64)
    )
    options = {header[f"ZNAME{index}"]: header[f"ZVAL{index}"] for index in (1, 2)}
    return Tiles(
        data=data,
        starts=descriptors[:, 1] + width * rows,
        lengths=descriptors[:, 0].copy(),
        shape=(header["ZNAXIS2"], header["ZNAXIS1"]),
        bytes_per_pixel=options["BYTEPIX"],
        block_size=options["BLOCKSIZE"],
    )


def images(dtype: str) -> st.SearchStrategy[np.ndarray]:
    """Images of small and of any values: neighbours alike, and as different as can be."""
    limits = np.iinfo(np.dtype(dtype))
    shapes = st.tuples(st.integers(1, 4), st.integers(1, 100))
    near = st.integers(max(limits.min, -3), 3 if limits.min < 0 else 6)
    anything = st.integers(int(limits.min), int(limits.max))
    return shapes.flatmap(lambda shape: hnp.arrays(dtype, shape, elements=st.one_of(near, anything)))


@pytest.mark.parametrize("bytes_per_pixel", [1, 2, 4])
def test_any_image_comes_back_as_it_was(bytes_per_pixel):
    @given(images(TYPES[bytes_per_pixel]), st.booleans(), st.booleans())
    @settings(max_examples=150)
    def check(image, flip_y, flip_x):
        tiles = tiles_of(compressed(image))
        assert tiles.bytes_per_pixel == bytes_per_pixel
        row, decoded = tiles.decode(flip_y, flip_x)
        assert row == -1
        np.testing.assert_array_equal(decoded[:: -1 if flip_y else 1, :: -1 if flip_x else 1], image)

    check()


@pytest.mark.parametrize("scatter", [0.0, 0.4, 8.0, 200.0, 1e4, 1e8])
@pytest.mark.parametrize("bytes_per_pixel", [2, 4])
def test_noise_of_any_size_agrees_with_astropy_and_cfitsio(bytes_per_pixel, scatter, tmp_path):
    rng = np.random.default_rng(11)
    limits = np.iinfo(TYPES[bytes_per_pixel])
    image = rng.normal(2000.0, scatter, (40, 576)).clip(limits.min, limits.max).astype(TYPES[bytes_per_pixel])
    content = compressed(image)
    (tmp_path / "a.fits").write_bytes(content)
    row, decoded = tiles_of(content).decode()
    assert row == -1
    np.testing.assert_array_equal(decoded, fits.getdata(io.BytesIO(content), 1))
    np.testing.assert_array_equal(decoded, fitsio.read(str(tmp_path / "a.fits"), ext=1))


@pytest.mark.parametrize("block_size", [16, 32])
@pytest.mark.parametrize("bits", [16, 32])
def test_files_of_fitsio_agree(tmp_path, block_size, bits):
    # CFITSIO has no way to choose the block size: rows of 16 pixels are one short block of 32.
    rng = np.random.default_rng(5)
    image = rng.normal(27000.0, 30.0, (9, block_size)).astype(f"i{bits // 8}")
    path = tmp_path / "a.fits"
    fitsio.write(str(path), image, compress="rice", tile_dims=(1, block_size), clobber=True)
    row, decoded = tiles_of(path.read_bytes()).decode()
    assert row == -1
    np.testing.assert_array_equal(decoded, image)


def encoded(values: list[int], block_size: int, bytes_per_pixel: int = 4) -> bytes:
    """Return a row in Rice code with two low bits in every block, for block sizes no library writes."""
    bits = f"{values[0]:0{8 * bytes_per_pixel}b}"
    last = values[0]
    for begin in range(0, len(values), block_size):
        bits += f"{3:0{ {1: 3, 2: 4, 4: 5}[bytes_per_pixel] }b}"
        for value in values[begin : begin + block_size]:
            step = value - last
            folded = 2 * step if step >= 0 else -2 * step - 1
            bits += "0" * (folded >> 2) + "1" + f"{folded & 3:02b}"
            last = value
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8)


@pytest.mark.parametrize("block_size", [16, 32, 7])
@pytest.mark.parametrize("bytes_per_pixel", [1, 2, 4])
def test_other_block_sizes(block_size, bytes_per_pixel):
    values = [int(value) for value in np.random.default_rng(3).integers(0, 120, 50)]
    row = encoded(values, block_size, bytes_per_pixel)
    data = np.frombuffer(row + bytes(SPARE_BYTES), np.uint8).copy()
    lengths = np.array([len(row)])
    tiles = Tiles(data, np.array([0]), lengths, (1, 50), bytes_per_pixel, block_size)
    assert tiles.decode()[0] == -1
    np.testing.assert_array_equal(tiles.decode()[1][0], values)


def test_a_run_of_zero_bits_longer_than_a_word():
    row = encoded([0, 5000, 0, 5000], 32)  # 5000 zero bits in a row
    data = np.frombuffer(row + bytes(SPARE_BYTES), np.uint8).copy()
    tiles = Tiles(data, np.array([0]), np.array([len(row)]), (1, 4), 4, 32)
    assert tiles.decode()[0] == -1
    np.testing.assert_array_equal(tiles.decode()[1][0], [0, 5000, 0, 5000])


@given(st.binary(max_size=80), st.sampled_from([1, 2, 4]), st.sampled_from([16, 32]), st.integers(1, 200))
@settings(max_examples=500)
def test_random_bytes_never_reach_beyond_the_row(content, bytes_per_pixel, block_size, width):
    # What lies behind the row must not matter: twice the same bytes, with other bytes behind them.
    results = []
    for behind in (0x00, 0xFF):
        data = np.full(len(content) + SPARE_BYTES, behind, np.uint8)
        data[: len(content)] = np.frombuffer(content, np.uint8)
        tiles = Tiles(data, np.array([0]), np.array([len(content)]), (1, width), bytes_per_pixel, block_size)
        row, image = tiles.decode()
        assert row in (-1, 0)
        results.append((row, image[0].tolist() if row == -1 else None))
    assert results[0] == results[1]


@given(st.data())
@settings(max_examples=300)
def test_spoiled_rows_are_found_or_decoded_but_never_leave_their_place(data):
    image = np.random.default_rng(8).normal(1000, 20, (6, 90)).astype(">i4")
    tiles = tiles_of(compressed(image))
    first = int(tiles.starts.min())
    for _ in range(data.draw(st.integers(1, 8))):
        place = data.draw(st.integers(first, tiles.data.size - SPARE_BYTES - 1))
        tiles.data[place] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        row = data.draw(st.integers(0, 5))
        tiles.lengths[row] = data.draw(st.integers(0, int(tiles.lengths[row])))
    assert tiles.decode()[0] in range(-1, 6)


def test_a_row_that_ends_early_is_named():
    image = np.random.default_rng(8).normal(1000, 20, (6, 90)).astype(">i4")
    tiles = tiles_of(compressed(image))
    tiles.lengths[4] -= 3
    assert tiles.decode()[0] == 4
    tiles.lengths[2] = 0
    assert tiles.decode()[0] == 2
