"""FITS files from ready headers and arrays, with checksums, the same bytes every time.

A raw has sixteen compressed segments. A general FITS library spends most of its time on their headers, which
are the same in every file but for a few cards; here the others are made once.
"""

import functools
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from infra.simulator.rice import BLOCK_SIZE, compress_rows

__all__ = ["Card", "compressed_hdu", "header_text", "image_hdu", "primary_hdu", "table_hdu"]

_BLOCK = 2880
_ZERO_CHECKSUM = "0" * 16


@dataclass(frozen=True, slots=True)
class Card:
    """A header card.

    Parameters
    ----------
    key
        Keyword; longer ones become HIERARCH cards.
    value
        None makes a card without value, which cameras write for what they do not know.
    comment
        Text after the value.
    """

    key: str
    value: str | int | float | bool | None
    comment: str = ""


def header_text(cards: Iterable[Card]) -> str:
    """Return the cards in FITS form, 80 characters each."""
    texts = []
    for card in cards:
        if card.key == "COMMENT":
            texts.append(f"COMMENT {card.value}".ljust(80))
            continue
        key = f"HIERARCH {card.key}" if " " in card.key or len(card.key) > 8 else card.key
        value = fits.card.UNDEFINED if card.value is None else card.value
        texts.append(fits.Card(key, value, card.comment or None).image)
    return "".join(texts)


def primary_hdu(header: str) -> bytes:
    """Return a primary HDU without data; `header` holds the cards after EXTEND."""
    structure = [Card("SIMPLE", True), Card("BITPIX", 8), Card("NAXIS", 0), Card("EXTEND", True)]
    return _hdu(header_text(structure) + header, b"")


def table_hdu(header: str) -> bytes:
    """Return a binary table without rows or columns, as cameras use to carry cards."""
    structure = [
        *(
            Card("XTENSION", "BINTABLE"),
            Card("BITPIX", 8),
            Card("NAXIS", 2),
            Card("NAXIS1", 0),
            Card("NAXIS2", 0),
        ),
        *(Card("PCOUNT", 0), Card("GCOUNT", 1), Card("TFIELDS", 0)),
    ]
    return _hdu(header_text(structure) + header, b"")


def image_hdu(image: NDArray[np.float32] | NDArray[np.int32], header: str, *, primary: bool = False) -> bytes:
    """Return an uncompressed image HDU.

    Parameters
    ----------
    image
        Shape [ny, nx], float32 or int32.
    header
        Cards after those of the structure.
    primary
        Whether it is the first HDU of a file.
    """
    ny, nx = image.shape
    floating = image.dtype.kind == "f"
    structure = [
        Card("SIMPLE", True) if primary else Card("XTENSION", "IMAGE"),
        *(Card("BITPIX", -32 if floating else 32), Card("NAXIS", 2), Card("NAXIS1", nx), Card("NAXIS2", ny)),
        *(() if primary else (Card("PCOUNT", 0), Card("GCOUNT", 1))),
    ]
    return _hdu(header_text(structure) + header, image.astype(">f4" if floating else ">i4").tobytes())


def compressed_hdu(image: NDArray[np.int32], header: str) -> bytes:
    """Return an image HDU compressed by RICE_1, a tile for each row.

    Parameters
    ----------
    image
        Shape [ny, nx], int32.
    header
        Cards after those of the structure.
    """
    ny, nx = image.shape
    sizes, heap = compress_rows(image)
    descriptors = np.empty((ny, 2), dtype=">i4")
    descriptors[:, 0] = sizes
    descriptors[:, 1] = np.cumsum(sizes) - sizes
    structure = [
        *(
            Card("XTENSION", "BINTABLE"),
            Card("BITPIX", 8),
            Card("NAXIS", 2),
            Card("NAXIS1", 8),
            Card("NAXIS2", ny),
        ),
        *(
            Card("PCOUNT", len(heap)),
            Card("GCOUNT", 1),
            Card("TFIELDS", 1),
            Card("TTYPE1", "COMPRESSED_DATA"),
        ),
        Card("TFORM1", f"1PB({sizes.max()})"),
    ]
    uncompressed = _sum_of_words(_pad(image.astype(">i4").tobytes(), b"\0"))
    cards = header_text(structure) + _tiling(nx, ny) + header_text([Card("ZDATASUM", str(uncompressed))])
    return _hdu(cards + header, descriptors.tobytes() + heap)


@functools.cache
def _tiling(nx: int, ny: int) -> str:
    """Cards that describe how an image of that size is cut into rows and compressed."""
    return header_text(
        [
            *(Card("ZIMAGE", True), Card("ZTILE1", nx), Card("ZTILE2", 1), Card("ZCMPTYPE", "RICE_1")),
            *(
                Card("ZNAME1", "BLOCKSIZE"),
                Card("ZVAL1", BLOCK_SIZE),
                Card("ZNAME2", "BYTEPIX"),
                Card("ZVAL2", 4),
            ),
            *(Card("ZTENSION", "IMAGE"), Card("ZBITPIX", 32), Card("ZNAXIS", 2), Card("ZNAXIS1", nx)),
            *(Card("ZNAXIS2", ny), Card("ZPCOUNT", 0), Card("ZGCOUNT", 1)),
        ]
    )


def _hdu(header: str, data: bytes) -> bytes:
    """Join header and data, with DATASUM and CHECKSUM (FITS Standard 4.0, section 4.4.2.7, appendix J)."""
    body = _pad(data, b"\0")
    body_sum = _sum_of_words(body)
    complete = header + header_text([Card("DATASUM", str(body_sum)), Card("CHECKSUM", _ZERO_CHECKSUM)])
    head = _pad((complete + "END".ljust(80)).encode("ascii"), b" ")
    checksum = _encode_checksum(_add_words(_sum_of_words(head), body_sum))
    return head.replace(_ZERO_CHECKSUM.encode("ascii"), checksum, 1) + body


def _pad(data: bytes, filler: bytes) -> bytes:
    """Fill the data up to whole FITS blocks."""
    return data + filler * (-len(data) % _BLOCK)


def _add_words(first: int, second: int) -> int:
    """Sum of two 32-bit words in ones' complement."""
    total = first + second
    while total >> 32:
        total = (total & 0xFFFFFFFF) + (total >> 32)
    return total


def _sum_of_words(data: bytes) -> int:
    """Sum of all 32-bit words in ones' complement."""
    return _add_words(int(np.frombuffer(data, dtype=">u4").sum(dtype=np.uint64)), 0)


def _encode_checksum(total: int) -> bytes:
    """Write the complement of a sum as 16 letters and digits whose own sum it is."""
    punctuation = set(b":;<=>?@[\\]^_`")
    encoded = bytearray(16)
    complement = 0xFFFFFFFF - total
    for place in range(4):
        byte = complement >> (24 - 8 * place) & 0xFF
        letters = [byte // 4 + 0x30] * 4
        letters[0] += byte % 4
        while punctuation & set(letters):
            for left in (0, 2):
                if punctuation & {letters[left], letters[left + 1]}:
                    letters[left] += 1
                    letters[left + 1] -= 1
        for i, letter in enumerate(letters):
            encoded[4 * i + place] = letter
    return bytes(encoded[-1:] + encoded[:-1])
