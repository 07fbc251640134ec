"""The pixels of one segment's HDU, put where they belong in the raw mosaic."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infra.errors import RawRejected
from infra.raws.cards import Header, number, whole_number
from infra.raws.fits_file import FitsFile, Hdu

__all__ = ["Target", "check_descriptors", "image_axes", "is_float", "read_segment"]

_RICE_NAMES = ("RICE_1", "RICE_ONE")
# Pixel widths (ZBITPIX, BYTEPIX) whose Rice streams our decoder reads; any other is astropy's.
_RICE_WIDTHS = {(8, 1), (16, 2), (32, 4)}


@dataclass(frozen=True, slots=True)
class Target:
    """Where a segment goes: its box in the mosaic, and whether it is mirrored.

    Parameters
    ----------
    mosaic
        Raw mosaic [ny, nx], int32 or float32; the segment's own pixels are written.
    rows, columns
        The segment's box in it.
    flip_x, flip_y
        Whether the stored segment is mirrored in x and in y.
    """

    mosaic: NDArray[Any]
    rows: slice
    columns: slice
    flip_x: bool
    flip_y: bool

    def put(self, pixels: NDArray[Any]) -> None:
        """Write a segment given as it is stored, pixel (0, 0) read out first."""
        view = self.mosaic[self.rows, self.columns]
        view[:: -1 if self.flip_y else 1, :: -1 if self.flip_x else 1] = pixels


def is_compressed(header: Header) -> bool:
    """Tell whether an HDU is a tile-compressed image."""
    return header.get("ZIMAGE") is True


def image_axes(header: Header) -> tuple[int, int]:
    """Return columns and rows of an image HDU, compressed or not.

    Raises
    ------
    infra.errors.RawRejected
        If it is no image of two axes.
    """
    prefix = "Z" if is_compressed(header) else ""
    if not prefix and header.get("XTENSION") not in ("IMAGE", None):
        raise RawRejected(f"header card XTENSION is {header.get('XTENSION')!r}: the HDU holds no image")
    if whole_number(header, f"{prefix}NAXIS") != 2:
        raise RawRejected(f"header card {prefix}NAXIS is not 2: no image of two axes")
    axes = whole_number(header, f"{prefix}NAXIS1"), whole_number(header, f"{prefix}NAXIS2")
    if min(axes) < 1:
        raise RawRejected(f"header cards {prefix}NAXISn say {axes[0]} x {axes[1]} pixels")
    return axes


def is_float(header: Header) -> bool:
    """Tell whether pixels are no whole numbers: real or scaled ones, or with undefined ones among them."""
    bits = whole_number(header, "ZBITPIX" if is_compressed(header) else "BITPIX")
    scale, zero = _scaling(header)
    has_undefined = any(header.get(keyword) is not None for keyword in ("BLANK", "ZBLANK"))
    return bits < 0 or scale != 1.0 or not float(zero).is_integer() or has_undefined


def read_segment(file: FitsFile, hdu: Hdu, target: Target) -> None:
    """Decode a segment straight to its place.

    Parameters
    ----------
    file
        The open file.
    hdu
        One of its image HDUs.
    target
        Where the pixels go; its box has the size of the image.

    Raises
    ------
    infra.errors.RawRejected
        If the pixels are corrupt.
    """
    try:
        if not is_compressed(hdu.header):
            target.put(_plain_pixels(file, hdu))
        elif not (_is_our_rice(hdu.header, target) and _read_rice(file, hdu, target)):
            target.put(_pixels_by_astropy(file, hdu))
    except RawRejected as error:
        raise _named(file, hdu, error) from error


def check_descriptors(file: FitsFile, hdu: Hdu) -> None:
    """Check without decoding that every tile of a compressed segment lies within the file.

    Raises
    ------
    infra.errors.RawRejected
        If a tile is missing or lies outside.
    """
    if _is_row_tiled(hdu.header):
        try:
            _tiles(file.read_data(hdu), hdu)
        except RawRejected as error:
            raise _named(file, hdu, error) from error


def _named(file: FitsFile, hdu: Hdu, error: RawRejected) -> RawRejected:
    prefix = f"{file.path}: "
    return error if error.message.startswith(prefix) else RawRejected(f"{prefix}{hdu.label}: {error.message}")


def _scaling(header: Header) -> tuple[float, float]:
    scale, zero = number(header, "BSCALE"), number(header, "BZERO")
    return 1.0 if scale is None else scale, 0.0 if zero is None else zero


def _plain_pixels(file: FitsFile, hdu: Hdu) -> NDArray[Any]:
    bits = whole_number(hdu.header, "BITPIX")
    kinds = {8: ">u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}
    if bits not in kinds:
        raise RawRejected(f"header card BITPIX is {bits}")
    columns, rows = image_axes(hdu.header)
    pixels: NDArray[Any] = np.frombuffer(file.read_data(hdu), kinds[bits]).reshape(rows, columns)
    scale, zero = _scaling(hdu.header)
    if is_float(hdu.header):
        scaled = pixels if (scale, zero) == (1.0, 0.0) else pixels * scale + zero
        blank = hdu.header.get("BLANK")
        return scaled if blank is None else np.where(pixels == blank, np.nan, scaled)
    if bits < 64 and zero == 0.0:
        return pixels
    return _narrowed(pixels.astype(np.int64) + int(zero))


def _narrowed(pixels: NDArray[Any]) -> NDArray[Any]:
    """Return whole numbers as they are, if they fit the mosaic's int32."""
    limits = np.iinfo(np.int32)
    if pixels.dtype.kind in "iu" and (pixels.min() < limits.min or pixels.max() > limits.max):
        raise RawRejected("pixel values exceed 32 bits")
    return pixels


def _pixels_by_astropy(file: FitsFile, hdu: Hdu) -> NDArray[Any]:
    """Return the pixels of whatever compression ours does not read."""
    from astropy.io import fits

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with fits.open(file.path, memmap=False) as hdus:
                pixels = np.asarray(hdus[hdu.index].data)
    except Exception as error:  # corrupt bytes raise whatever the decoders trip over
        raise RawRejected(f"its compressed pixels cannot be decoded: {error}") from error
    if pixels.shape != image_axes(hdu.header)[::-1]:
        raise RawRejected(f"its pixels have shape {pixels.shape}, which its header does not announce")
    return _narrowed(pixels)


def _is_row_tiled(header: Header) -> bool:
    """Tell whether a compressed image has one tile per row in a single column COMPRESSED_DATA."""
    return (
        is_compressed(header)
        and header.get("XTENSION") == "BINTABLE"
        and header.get("ZTILE1", header.get("ZNAXIS1")) == header.get("ZNAXIS1")
        and header.get("ZTILE2", 1) == 1
        and header.get("NAXIS2") == header.get("ZNAXIS2")
        and header.get("TFIELDS") == 1
        and header.get("TTYPE1") == "COMPRESSED_DATA"
        and str(header.get("TFORM1")).lstrip("1")[:2] in ("PB", "QB")
    )


def _is_our_rice(header: Header, target: Target) -> bool:
    bits = header.get("ZBITPIX"), _rice_parameter(header, "BYTEPIX", 4)
    return (
        header.get("ZCMPTYPE") in _RICE_NAMES
        and _is_row_tiled(header)
        and bits in _RICE_WIDTHS
        and 0 < _rice_parameter(header, "BLOCKSIZE", 32) <= 1 << 16
        and target.mosaic.dtype == np.int32
        and (bits[0] != 32 or _scaling(header)[1] == 0.0)  # so that no sum passes 32 bits
        and abs(_scaling(header)[1]) < 1 << 24
    )


def _rice_parameter(header: Header, name: str, default: int) -> int:
    """Return a value of the pairs ZNAMEn, ZVALn."""
    for index in range(1, 10):
        if header.get(f"ZNAME{index}") == name:
            value = header.get(f"ZVAL{index}")
            return value if isinstance(value, int) else -1
    return default


def _tiles(data: bytearray, hdu: Hdu) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return first byte and number of bytes of every tile, having checked that they lie in the heap."""
    width, rows = whole_number(hdu.header, "NAXIS1"), whole_number(hdu.header, "NAXIS2")
    is_wide = "QB" in str(hdu.header["TFORM1"])
    if width != (16 if is_wide else 8):
        raise RawRejected(f"header card NAXIS1 is {width}, which TFORM1 contradicts")
    descriptors = np.frombuffer(data, ">i8" if is_wide else ">i4", 2 * rows).reshape(rows, 2).astype(np.int64)
    lengths = np.ascontiguousarray(descriptors[:, 0])
    heap = whole_number(hdu.header, "THEAP", width * rows)
    starts, end = descriptors[:, 1] + heap, hdu.data_size
    bad = (lengths < 0) | (descriptors[:, 1] < 0) | (starts > end) | (lengths > end - starts) | (heap < 0)
    if bad.any():
        raise RawRejected(f"the compressed bytes of row {int(np.argmax(bad))} lie outside the HDU")
    return starts, lengths


def _read_rice(file: FitsFile, hdu: Hdu, target: Target) -> bool:
    """Decode Rice rows to their place; False if some row is not Rice at all (stored empty by a fallback)."""
    from infra.raws.rice import SPARE_BYTES, decode_rows  # numba: not for those who only want headers

    data = file.read_data(hdu, SPARE_BYTES)
    starts, lengths = _tiles(data, hdu)
    columns, rows = image_axes(hdu.header)
    mosaic, zero = target.mosaic, int(_scaling(hdu.header)[1])
    if target.mosaic[target.rows, target.columns].shape != (rows, columns) or not mosaic.flags.c_contiguous:
        raise RawRejected("the image does not have the size of its place")
    y_first, y_step = (target.rows.stop - 1, -1) if target.flip_y else (target.rows.start, 1)
    x_first, x_step = (target.columns.stop - 1, -1) if target.flip_x else (target.columns.start, 1)
    bad_row = decode_rows(
        np.frombuffer(data, np.uint8),
        starts,
        lengths,
        columns,
        _rice_parameter(hdu.header, "BYTEPIX", 4),
        _rice_parameter(hdu.header, "BLOCKSIZE", 32),
        mosaic,
        y_first,
        y_step,
        x_first,
        x_step,
    )
    if bad_row >= 0:
        raise RawRejected(f"its compressed pixels are corrupt in row {bad_row}")
    if zero:
        mosaic[target.rows, target.columns] += np.int32(zero)
    return True
