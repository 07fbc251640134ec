"""Frames that contradict the camera or are spoiled: told before anybody uses them."""

import contextlib
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings

from infra.errors import RawRejected
from infra.raws.reader import RawReader, read_raw
from tests.raws.small_raws import primary_cards, raw_bytes, stored_segments, write_raw


def write(path: Path, segments, **options) -> Path:
    path.write_bytes(raw_bytes(primary_cards(1), segments, **options))
    return path


def refused(path, segments=None, **options):
    with pytest.raises(RawRejected) as caught:
        read_raw(write(path, segments or stored_segments(), **options))
    assert str(path) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("cards", "reason"),
    [
        ({"DATASEC": "[1:20,1:16]"}, "DATASEC.*prescan has 3 columns"),
        ({"DATASEC": "[11:30,1:16]"}, "DATASEC.*prescan has 3 columns"),
        ({"DATASEC": "[4:23,2:16]"}, "DATASEC.*row 1"),
        ({"DATASEC": "[4:60,1:16]"}, "DATASEC.*35 x 24"),
        ({"DATASEC": "[4:23,1:30]"}, "DATASEC.*35 x 24"),
        ({"DATASEC": "[4:2003,1:16]"}, "DATASEC.*509 x 2000"),
        ({"DATASEC": "[4:3,1:16]"}, "DATASEC"),
        ({"DATASEC": "everything"}, "DATASEC.*not a section"),
        ({"DATASEC": None}, "DATASEC is missing"),
        ({"DETSEC": "[1:20,1:16]"}, "DETSEC.*is mirrored"),
    ],
)
def test_sections_that_contradict_the_camera_are_refused(tmp_path, cards, reason):
    with pytest.raises(RawRejected, match=rf"HDU 1 \(SEGMENT10\): header card {reason}"):
        read_raw(write(tmp_path / "raw.fits", stored_segments(), segment_cards=cards))


def test_the_y_of_detsec_is_known_to_be_wrong_and_ignored(tmp_path):
    for y in ("1:16", "32:17"):
        path = write(tmp_path / "raw.fits", stored_segments(), segment_cards={"DETSEC": f"[20:1,{y}]"})
        assert read_raw(path).layout.image_shape == (32, 160)


def test_missing_and_foreign_segments_are_named(tmp_path):
    segments = stored_segments()
    some = {name: image for name, image in segments.items() if name not in ("C12", "C00")}
    assert "EXTNAME Segment12, Segment00" in refused(tmp_path / "a.fits", some)
    assert "SEGMENT20" in refused(tmp_path / "b.fits", {**segments, "C20": segments["C10"]})


def test_a_segment_that_is_there_twice_is_refused(tmp_path):
    path = write(tmp_path / "raw.fits", stored_segments())
    path.write_bytes(path.read_bytes().replace(b"'SEGMENT11'", b"'SEGMENT10'"))
    with pytest.raises(RawRejected, match="EXTNAME repeats"):
        read_raw(path)


def test_segments_of_different_sizes_are_refused(tmp_path):
    segments = stored_segments()
    segments["C05"] = segments["C05"][:-1]
    assert "HDU 11 (SEGMENT05): cards NAXISn or DATASEC differ" in refused(tmp_path / "raw.fits", segments)


def test_a_header_that_asks_for_gigabytes_is_refused(tmp_path):
    path = write(tmp_path / "raw.fits", stored_segments())
    path.write_bytes(
        path.read_bytes().replace(b"ZNAXIS1 =                   35", b"ZNAXIS1 =            100000000")
    )
    with pytest.raises(RawRejected, match="far more than the sensor has"):
        read_raw(path)


def test_a_frame_of_another_camera_is_foreign(tmp_path):
    path = tmp_path / "raw.fits"
    fits.PrimaryHDU(np.zeros((10, 10), np.int16), fits.Header({"INSTRUME": "SBIG STL-1001"})).writeto(path)
    with pytest.raises(RawRejected, match="foreign: header card INSTRUME is 'SBIG STL-1001'"):
        read_raw(path)


@pytest.mark.parametrize("options", [{}, {"compression": "GZIP_2"}], ids=["rice", "gzip"])
def test_spoiled_pixels_are_found(tmp_path, options):
    path = write(tmp_path / "raw.fits", stored_segments(), **options)
    content = bytearray(path.read_bytes())
    heap = (content.rindex(b"END" + b" " * 77) // 2880 + 1) * 2880 + 24 * 8
    content[heap + 10 : heap + 300] = b"\xa5" * 290
    path.write_bytes(content)
    with pytest.raises(RawRejected, match="SEGMENT00"):
        read_raw(path)


def test_tiles_outside_the_file_are_found_without_decoding(tmp_path):
    path = write(tmp_path / "raw.fits", stored_segments())
    content = bytearray(path.read_bytes())
    table = (content.rindex(b"END" + b" " * 77) // 2880 + 1) * 2880
    content[table + 8 * 5 + 4 : table + 8 * 5 + 8] = (2**30).to_bytes(4, "big")
    path.write_bytes(content)
    with RawReader(path) as reader, pytest.raises(RawRejected, match=r"SEGMENT00.*row 5 lie outside"):
        reader.check_extents()
    with pytest.raises(RawRejected, match=r"SEGMENT00.*row 5 lie outside"):
        read_raw(path)


@given(st.data())
@settings(max_examples=150)
def test_whatever_bytes_are_spoiled_nothing_crashes(tmp_path_factory, data):
    folder = tmp_path_factory.getbasetemp()
    whole = folder / "whole.fits"
    if not whole.exists():
        write_raw(whole)
    content = bytearray(whole.read_bytes())
    for _ in range(data.draw(st.integers(1, 10))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    spoiled = folder / "spoiled.fits"
    spoiled.write_bytes(content)
    with contextlib.suppress(RawRejected):
        assert read_raw(spoiled).image.shape[0] >= 48
