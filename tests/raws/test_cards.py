"""Cards and HDUs are read as astropy reads them."""

import contextlib
import gzip
import io
import os
import re

import hypothesis.strategies as st
import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings

from infra.errors import RawRejected
from infra.raws.cards import number, parse_cards, whole_number
from infra.raws.fits_file import FitsFile, primary_header
from tests.raws.small_raws import primary_cards, raw_bytes, stored_segments

VALUES = {
    "TEXT": "plain",
    "QUOTES": "it's 'quoted' / not a comment",
    "EMPTY": "",
    "BLANKS": "   leading and trailing   ",
    "LONG": "x" * 200 + " 'with quotes' " + "y" * 100,
    "WHOLE": -42,
    "BIG": 2**40,
    "REAL": -1.25e-7,
    "YES": True,
    "NO": False,
    "NOTHING": None,
    "HIERARCH SIMULATE ATDOME": 1,
    "HIERARCH MONOCH-WAVELENG": 675.004,
    "HIERARCH Stutter rows long name": "text",
}


def text_of(header: fits.Header) -> bytes:
    return header.tostring(endcard=True, padding=True).encode("latin-1")


def plain(value):
    return None if isinstance(value, fits.card.Undefined) else value


def test_all_kinds_of_cards():
    header = fits.Header()
    for name, value in VALUES.items():
        header[name] = (value, "a comment / with 'quotes'") if name != "LONG" else value
    cards, is_complete = parse_cards(text_of(header))
    assert is_complete
    for name in header:
        assert cards[name.upper()] == plain(header[name]), name
        assert type(cards[name.upper()]) is type(plain(header[name])), name


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=300))
def test_any_string(text):
    header = fits.Header([("KEY", text)])
    assert parse_cards(text_of(header))[0]["KEY"] == text.rstrip()


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**18), 10**18) | st.booleans())
def test_any_number(value):
    header = fits.Header([("KEY", value)])
    assert parse_cards(text_of(header))[0]["KEY"] == fits.Header.fromstring(header.tostring())["KEY"]


@given(st.binary(max_size=800))
@settings(max_examples=300)
def test_no_bytes_make_the_parser_fail(content):
    parse_cards(content)


def test_of_repeated_cards_the_first_counts_and_comments_are_joined():
    block = b"".join(
        line.ljust(80) for line in (b"A       = 1", b"A       = 2", b"COMMENT one", b"COMMENT two", b"END")
    )
    assert parse_cards(block) == ({"A": 1, "COMMENT": "one\ntwo"}, True)


def test_exponents_of_fortran():
    assert parse_cards(b"A       = 1.5D3".ljust(80))[0]["A"] == 1500.0


def test_numbers_that_are_none_are_refused_by_name():
    with pytest.raises(RawRejected, match="BSCALE"):
        number({"BSCALE": "one"}, "BSCALE")
    assert number({"BSCALE": " "}, "BSCALE") is None
    with pytest.raises(RawRejected, match="NAXIS1"):
        whole_number({"NAXIS1": 1.5}, "NAXIS1")
    with pytest.raises(RawRejected, match="NAXIS1"):
        whole_number({"NAXIS1": True}, "NAXIS1")


@pytest.fixture
def content() -> bytes:
    conditions = {"AP0_RC": 1, "ODP": 3.5}
    return raw_bytes(primary_cards(1), stored_segments(), conditions=conditions)


def test_hdus_lie_where_astropy_finds_them(content, tmp_path):
    (tmp_path / "a.fits").write_bytes(content)
    with (
        FitsFile(tmp_path / "a.fits") as file,
        fits.open(io.BytesIO(content), disable_image_compression=True) as hdus,
    ):
        assert len(file.hdus) == len(hdus)
        for ours, theirs in zip(file.hdus, hdus, strict=True):
            assert ours.data_offset == theirs.fileinfo()["datLoc"]
            assert ours.name == theirs.name.replace("PRIMARY", "")
            for name in theirs.header:
                if name not in ("COMMENT", "HISTORY", ""):
                    assert ours.header[name] == plain(theirs.header[name])


def test_every_truncation_is_found(content, tmp_path):
    path = tmp_path / "a.fits"
    sizes = {1, 79, 2879, 2880, 5000, len(content) - 1, len(content) - 2879}
    sizes |= set(np.random.default_rng(1).integers(1, len(content), 60).tolist())
    with fits.open(io.BytesIO(content), disable_image_compression=True) as hdus:
        ends = {hdu.fileinfo()["datLoc"] + hdu.fileinfo()["datSpan"] for hdu in hdus}
    for size in sorted(sizes - ends):
        path.write_bytes(content[:size])
        with pytest.raises(RawRejected, match=re.escape(str(path))):
            FitsFile(path)


def test_gzip_is_known_by_its_first_bytes(content, tmp_path):
    path = tmp_path / "gzipped.fits"
    path.write_bytes(gzip.compress(content))
    with FitsFile(path) as file:
        assert bytes(file.read_data(file.hdus[1])) != b""
    for spoiled, reason in ((gzip.compress(content)[:-9], "truncated"), (b"\x1f\x8b" + b"x" * 50, "corrupt")):
        path.write_bytes(spoiled)
        with pytest.raises(RawRejected, match=reason):
            FitsFile(path)


@given(st.data())
@settings(max_examples=100)
def test_spoiled_headers_are_refused_or_read_but_never_crash(tmp_path_factory, data):
    whole = raw_bytes(primary_cards(1), dict(list(stored_segments().items())[:2]))
    content = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("spoiled") / "a.fits"
    path.write_bytes(content)
    with contextlib.suppress(RawRejected):
        FitsFile(path).close()


def test_bytes_behind_the_last_hdu_are_refused_unless_they_are_nothing(content, tmp_path):
    path = tmp_path / "a.fits"
    path.write_bytes(content + bytes(2880))
    FitsFile(path).close()
    path.write_bytes(content + b"garbage ".ljust(2880))
    with pytest.raises(RawRejected, match="not a FITS extension"):
        FitsFile(path)


def test_a_file_shortened_while_it_is_open_is_found(content, tmp_path):
    path = tmp_path / "a.fits"
    path.write_bytes(content)
    with FitsFile(path) as file:
        os.truncate(path, 2880 * 3)
        with pytest.raises(RawRejected, match="truncated"):
            file.read_data(file.hdus[16])


def test_the_first_header_survives_what_spoils_the_rest(content, tmp_path):
    path = tmp_path / "a.fits"
    path.write_bytes(content[:9000])
    assert primary_header(path)["SEQNUM"] == 1
    path.write_bytes(gzip.compress(content)[:4000])
    assert primary_header(path)["SEQNUM"] == 1
    for nothing in (b"", b"text", b"\x1f\x8bxx"):
        path.write_bytes(nothing)
        assert primary_header(path) == {}
    assert primary_header(tmp_path / "absent") == {}


def test_a_folder_and_an_unreadable_file_are_refused(tmp_path):
    with pytest.raises(RawRejected, match="cannot be read"):
        FitsFile(tmp_path)
