"""What ingest refuses or skips, by name and reason, while the rest goes in."""

import gzip
import os
import shutil
from pathlib import Path

import pytest
from lsst.daf.butler import Butler

from infra.errors import UsageError
from infra.instruments import camera
from infra.instruments.geometry import SegmentModel
from infra.raws.ingest import ingest_raws
from tests.raws.small_raws import primary_cards, raw_bytes, stored_segments, write_raw

RUN = "LATISS/raw/all"


def held(butler: Butler) -> list:
    return sorted(butler.query_datasets("raw", RUN, explain=False), key=lambda ref: ref.dataId["exposure"])


def test_what_is_there_is_skipped_however_it_is_named(butler, tmp_path):
    path = write_raw(tmp_path / "a.fits")
    ingest_raws(butler, [path])
    copy = tmp_path / "copy.fits"
    shutil.copy(path, copy)
    report = ingest_raws(butler, [path, copy, path])
    assert not report.ingested
    assert not report.refused
    assert [raw.path.name for raw in report.skipped] == ["a.fits", "copy.fits"]
    assert len(held(butler)) == 1


def test_a_file_with_the_same_exposure_and_other_pixels_is_refused(butler, tmp_path):
    ingest_raws(butler, [write_raw(tmp_path / "a.fits", 1)])
    other = write_raw(tmp_path / "b.fits", 1, seed=99)
    (refused,) = ingest_raws(butler, [other]).refused
    assert "other content" in refused.reason
    assert refused.exposure_id == 2024031800001


def test_two_files_of_one_exposure_in_one_call_are_not_both_taken(butler, tmp_path):
    write_raw(tmp_path / "a.fits", 1)
    write_raw(tmp_path / "b.fits", 1, seed=99)
    shutil.copy(tmp_path / "a.fits", tmp_path / "c.fits")
    report = ingest_raws(butler, [tmp_path / name for name in ("a.fits", "b.fits", "c.fits")])
    assert [raw.path.name for raw in report.ingested] == ["a.fits"]
    assert [raw.path.name for raw in report.skipped] == ["c.fits"]
    assert [raw.path.name for raw in report.refused] == ["b.fits"]


def test_a_raw_that_says_otherwise_than_its_exposure_is_refused(butler, tmp_path):
    ingest_raws(butler, [write_raw(tmp_path / "a.fits", 1, kind="bias")])
    butler.pruneDatasets(held(butler), unstore=True, purge=True, disassociate=True)
    (refused,) = ingest_raws(butler, [write_raw(tmp_path / "b.fits", 1, kind="flat")]).refused
    assert "observation_type 'flat' instead of 'bias'" in refused.reason


def test_bad_files_are_named_and_the_rest_goes_in(butler, tmp_path):
    good = write_raw(tmp_path / "good.fits", 1).read_bytes()
    (tmp_path / "tail.fits").write_bytes(write_raw(tmp_path / "x.fits", 2).read_bytes()[:-1])
    (tmp_path / "x.fits").unlink()
    (tmp_path / "half.fits").write_bytes(good[: len(good) // 2 // 2880 * 2880])
    (tmp_path / "empty.fits").write_bytes(b"")
    (tmp_path / "text.fits").write_bytes(b"not a frame")
    (tmp_path / "cut.fits.gz").write_bytes(gzip.compress(good)[:-500])
    write_raw(tmp_path / "negative.fits", 3, EXPTIME=-1.0)
    write_raw(tmp_path / "undated.fits", 4, **{"DATE-BEG": "yesterday"})
    write_raw(tmp_path / "foreign.fits", 5, INSTRUME="SBIG STL-1001")
    paths = [*sorted(tmp_path.glob("*.fits*")), tmp_path / "absent.fits"]
    report = ingest_raws(butler, paths)
    assert [raw.path.name for raw in report.ingested] == ["good.fits"]
    reasons = {refused.path.name: refused.reason for refused in report.refused}
    assert set(reasons) == {path.name for path in paths} - {"good.fits"}
    assert "truncated: HDU 16 (SEGMENT00)" in reasons["tail.fits"]
    assert "no HDU with EXTNAME" in reasons["half.fits"] or "truncated" in reasons["half.fits"]
    assert "empty" in reasons["empty.fits"]
    assert "not a FITS file" in reasons["text.fits"]
    assert "truncated" in reasons["cut.fits.gz"]
    assert "EXPTIME" in reasons["negative.fits"]
    assert "DATE-BEG" in reasons["undated.fits"]
    assert "INSTRUME" in reasons["foreign.fits"]
    assert "No such file" in reasons["absent.fits"]


def test_a_truncated_raw_is_refused_under_the_exposure_it_was_to_be(butler, tmp_path):
    whole = write_raw(tmp_path / "whole.fits", 2).read_bytes()
    for name, content in {"cut.fits": whole[:-5000], "cut.fits.gz": gzip.compress(whole)[:-5000]}.items():
        (tmp_path / name).write_bytes(content)
        (refused,) = ingest_raws(butler, [tmp_path / name]).refused
        assert (refused.exposure_id, refused.day_obs) == (2024031800002, 20240318)


def test_corrupt_pixels_are_found_when_they_are_decoded(butler, tmp_path):
    whole = bytearray(write_raw(tmp_path / "a.fits", 1).read_bytes())
    marker = whole.rindex(b"END" + b" " * 77)
    heap = (marker // 2880 + 1) * 2880 + 24 * 8
    whole[heap : heap + 400] = b"\xff" * 400
    (tmp_path / "a.fits").write_bytes(whole)
    (refused,) = ingest_raws(butler, [tmp_path / "a.fits"]).refused
    assert "HDU 16 (SEGMENT00): its compressed pixels are corrupt in row 0" in refused.reason


def test_an_instrument_that_is_not_registered_is_refused(butler, tmp_path):
    cards = {"INSTRUME": "lsstCam", "CAMCODE": "MC", "RAFTBAY": "R22", "CCDSLOT": "S11"}
    detector = camera("LSSTCam").detector_named("R22_S11")
    segment = SegmentModel(42, 24, 10, 20, 16)
    segments = stored_segments(detector=detector, segment=segment)
    path = tmp_path / "mc.fits"
    path.write_bytes(raw_bytes(primary_cards(1, **cards), segments, segment=segment))
    (refused,) = ingest_raws(butler, [path]).refused
    assert "LSSTCam" in refused.reason
    assert "LATISS" in refused.reason


def test_a_file_that_cannot_be_linked_does_not_keep_out_the_rest(butler, tmp_path, monkeypatch):
    good, bad = write_raw(tmp_path / "good.fits", 1), write_raw(tmp_path / "bad.fits", 2)
    link = os.link

    def refuse(source, target, **options):
        if str(source).endswith("bad.fits"):
            raise OSError(18, "Invalid cross-device link")
        link(source, target, **options)

    monkeypatch.setattr(os, "link", refuse)
    report = ingest_raws(butler, [good, bad], transfer="hardlink")
    assert [raw.path.name for raw in report.ingested] == ["good.fits"]
    assert ["bad.fits" in str(refused.path) for refused in report.refused] == [True]
    assert "cross-device" in report.refused[0].reason


def test_a_raw_whose_file_was_lost_is_said_to_be_lost(butler, tmp_path):
    path = write_raw(tmp_path / "a.fits", 1)
    ingest_raws(butler, [path], transfer="copy")
    Path(butler.getURI(held(butler)[0]).ospath).unlink()
    (refused,) = ingest_raws(butler, [path], transfer="copy").refused
    assert "gone" in refused.reason


def test_an_unknown_way_of_transfer_is_refused(butler, tmp_path):
    with pytest.raises(UsageError, match="one of copy, symlink, hardlink, direct"):
        ingest_raws(butler, [tmp_path], transfer="teleport")
