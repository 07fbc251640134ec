"""A FITS file as a list of HDUs with their cards and the place of their data; nothing is decoded here."""

import gzip
import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from infra.errors import RawRejected
from infra.raws.cards import Header, parse_cards, whole_number

__all__ = ["FitsFile", "Hdu", "primary_header"]

_BLOCK = 2880
_READ_AHEAD = 12 * _BLOCK  # holds nearly every header whole
_MOST_HEADER_BLOCKS = 1000
_LONGEST_SALVAGED = 100 * _BLOCK
_MOST_HDUS = 1000
_GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Hdu:
    """One header and data unit.

    Parameters
    ----------
    index
        Number in the file; 0 is the primary.
    name
        EXTNAME, in upper case: some writers change the case, so it means nothing.
    header
        Its cards.
    data_offset, data_size
        Place of its data in the (uncompressed) file, in bytes, without padding.
    """

    index: int
    name: str
    header: Header
    data_offset: int
    data_size: int

    @property
    def label(self) -> str:
        """How messages call it."""
        return f"HDU {self.index} ({self.name or 'unnamed'})"


class FitsFile:
    """A FITS file open for reading, plain or as a gzip stream whatever its name.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    infra.errors.RawRejected
        If the file cannot be read, is not FITS, or ends before the data that its headers announce.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._content: bytes | None = None
        try:
            self._descriptor = os.open(self.path, os.O_RDONLY)
        except OSError as error:
            raise RawRejected(f"{self.path}: cannot be read: {error.strerror}") from error
        try:
            self._size = os.fstat(self._descriptor).st_size
            if self._read_at(0, 2) == _GZIP_MAGIC:
                self._content = self._gunzip()
                self._size = len(self._content)
            self.hdus: tuple[Hdu, ...] = self._scan()
        except OSError as error:
            self.close()
            raise RawRejected(f"{self.path}: cannot be read: {error.strerror}") from error
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; a second time does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def read_data(self, hdu: Hdu, spare: int = 0) -> bytearray:
        """Return the data of an HDU, heap included, without padding.

        Parameters
        ----------
        hdu
            One of the file's HDUs.
        spare
            Zero bytes to append.

        Raises
        ------
        infra.errors.RawRejected
            If the file has become shorter since it was opened.
        """
        data = bytearray(hdu.data_size + spare)
        view, done = memoryview(data)[: hdu.data_size], 0
        if self._content is not None:
            view[:] = self._content[hdu.data_offset : hdu.data_offset + hdu.data_size]
            return data
        # Not mapped: a mapped file that is cut short by another process kills this one.
        while done < hdu.data_size:
            n_read = os.preadv(self._descriptor, [view[done:]], hdu.data_offset + done)
            if n_read == 0:
                raise RawRejected(f"{self.path}: truncated: {hdu.label} ends early")
            done += n_read
        return data

    def _read_at(self, offset: int, size: int) -> bytes:
        if self._content is not None:
            return self._content[offset : offset + size]
        parts = []
        while size > 0 and (part := os.pread(self._descriptor, size, offset)):
            parts.append(part)
            offset, size = offset + len(part), size - len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _gunzip(self) -> bytes:
        try:
            return gzip.decompress(self._read_at(0, self._size))
        except EOFError:
            raise RawRejected(f"{self.path}: truncated: its gzip stream ends early") from None
        except (zlib.error, gzip.BadGzipFile) as error:
            raise RawRejected(f"{self.path}: its gzip stream is corrupt: {error}") from error

    def _scan(self) -> tuple[Hdu, ...]:
        if self._size == 0:
            raise RawRejected(f"{self.path}: the file is empty")
        if not self._read_at(0, 9).startswith(b"SIMPLE  ="):
            raise RawRejected(f"{self.path}: not a FITS file: it does not begin with a SIMPLE card")
        hdus: list[Hdu] = []
        offset = 0
        while offset < self._size and len(hdus) < _MOST_HDUS:
            if hdus and self._read_at(offset, 8) != b"XTENSION":
                self._check_trailing_bytes(hdus[-1], offset)
                break
            hdu = self._scan_hdu(len(hdus), offset)
            hdus.append(hdu)
            offset = hdu.data_offset + -(-hdu.data_size // _BLOCK) * _BLOCK
            # Padding counts: whoever lost bytes there lost an unknown number of HDUs behind them.
            if offset > self._size:
                missing = offset - self._size
                raise RawRejected(f"{self.path}: truncated: {hdu.label} lacks its last {missing} bytes")
        return tuple(hdus)

    def _check_trailing_bytes(self, last: Hdu, offset: int) -> None:
        if self._read_at(offset, min(8, self._size - offset)).strip(b"\0 "):
            raise RawRejected(f"{self.path}: what follows {last.label} is not a FITS extension")

    def _scan_hdu(self, index: int, offset: int) -> Hdu:
        header, size = self._read_header(index, offset)
        name = header.get("EXTNAME")
        try:
            data_size = _data_size(header)
        except RawRejected as error:
            raise RawRejected(f"{self.path}: HDU {index} ({name or 'unnamed'}): {error}") from error
        return Hdu(index, str(name or "").strip().upper(), header, offset + size, data_size)

    def _read_header(self, index: int, offset: int) -> tuple[Header, int]:
        """Return the cards of the header at that offset and the size of the header in bytes."""
        block = self._read_at(offset, _READ_AHEAD)
        while True:
            header, is_complete = parse_cards(block[: len(block) // _BLOCK * _BLOCK])
            if is_complete:
                return header, _header_size(block)
            if len(block) >= _MOST_HEADER_BLOCKS * _BLOCK or offset + len(block) >= self._size:
                raise RawRejected(f"{self.path}: truncated: the header of HDU {index} has no END card")
            block += self._read_at(offset + len(block), 4 * len(block))


def primary_header(path: str | os.PathLike[str]) -> Header:
    """Return the primary header of a file that may be spoiled further on; empty if it cannot be read."""
    try:
        with open(path, "rb") as file:
            block = file.read(_LONGEST_SALVAGED)
        if block.startswith(_GZIP_MAGIC):
            block = zlib.decompressobj(wbits=31).decompress(block, _LONGEST_SALVAGED)
    except (OSError, zlib.error):
        return {}
    header, is_complete = parse_cards(block[: len(block) // _BLOCK * _BLOCK])
    return header if is_complete and "SIMPLE" in header else {}


def _header_size(block: bytes) -> int:
    """Return the size of a header in bytes, up to the end of the block that holds its END card."""
    position = 0
    while block[position : position + 8] != b"END     " or block[position + 8 : position + 80].strip():
        position += 80
    return (position // _BLOCK + 1) * _BLOCK


def _data_size(header: Header) -> int:
    """Return the size of an HDU's data in bytes: FITS Standard 4.0, eq. (2)."""
    axes = [whole_number(header, f"NAXIS{axis + 1}") for axis in range(whole_number(header, "NAXIS"))]
    if not axes:
        return 0
    bits = abs(whole_number(header, "BITPIX"))
    groups, parameters = whole_number(header, "GCOUNT", 1), whole_number(header, "PCOUNT", 0)
    elements = 1
    for axis in axes:
        elements *= axis
    size = bits // 8 * groups * (parameters + elements)
    if min(*axes, groups, parameters, 0) < 0 or bits not in (8, 16, 32, 64) or len(axes) > 999:
        raise RawRejected("the cards BITPIX, NAXISn, PCOUNT and GCOUNT make no sense")
    return size
