"""Raws go into a real Butler once, as every site knows them; what is none is refused by name."""

import gzip
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from astropy.time import Time
from lsst.daf.butler import Butler

from infra.butler.repository import create_repository, open_butler, register_instrument
from infra.errors import RawRejected, UsageError
from infra.instruments import camera
from infra.instruments.butler_instruments import instrument_class_name
from infra.instruments.geometry import SegmentModel
from infra.raws import raw_file_from_image, read_raw
from infra.raws.batch import RawBatch
from infra.raws.ingest import ingest_raws
from infra.raws.quick_statistics import QuickStatistics
from tests.raws.small_raws import primary_cards, raw_bytes, stored_segments, write_raw

RUN = "LATISS/raw/all"


def mjd(date: str) -> float:
    return float(Time(date, scale="tai").mjd)


def held(butler: Butler) -> list:
    return sorted(butler.query_datasets("raw", RUN, explain=False), key=lambda ref: ref.dataId["exposure"])


@pytest.mark.parametrize("transfer", ["copy", "symlink", "hardlink", "direct"])
def test_a_raw_goes_in_and_comes_out_again_whole(butler, tmp_path, transfer):
    path = write_raw(tmp_path / "a.fits", 7, kind="dark")
    report = ingest_raws(butler, [path], transfer=transfer)
    assert [raw.exposure for raw in report.ingested] == [2024031800007]
    assert not report.refused
    assert not report.skipped
    (ref,) = held(butler)
    raw, original = raw_file_from_image(butler.get(ref)), read_raw(path)
    np.testing.assert_array_equal(raw.image, original.image)
    assert raw.layout == original.layout
    assert raw.segment == original.segment
    assert raw.primary_header == original.primary_header
    assert raw.instrument == "LATISS"
    stored = Path(butler.getURI(ref).ospath)
    assert stored.is_symlink() == (transfer == "symlink")
    assert (stored == path) == (transfer == "direct")
    assert (os.path.samefile(stored, path)) == (transfer != "copy")


def test_the_exposure_record_says_what_the_header_says(butler, tmp_path):
    write_raw(tmp_path / "a.fits", 7, kind="dark")
    ingest_raws(butler, [tmp_path / "a.fits"])
    (record,) = butler.query_dimension_records("exposure", instrument="LATISS")
    assert (record.id, record.obs_id, record.day_obs, record.seq_num) == (
        2024031800007,
        "AT_O_20240318_000007",
        20240318,
        7,
    )
    assert (record.observation_type, record.observation_reason, record.science_program) == (
        "dark",
        "dark",
        "calibration",
    )
    assert record.physical_filter == "SDSSr_65mm~empty"
    assert (record.exposure_time, record.dark_time) == (30.0, 30.25)
    assert record.target_name == "Park position"
    assert not record.has_simulated
    assert abs(record.timespan.begin.tai.mjd - mjd("2024-03-18T18:07:00.000")) < 1e-9
    assert abs(record.timespan.end.tai.mjd - mjd("2024-03-18T18:07:30.000")) < 1e-9
    (day,) = butler.query_dimension_records("day_obs", instrument="LATISS")
    assert abs(day.timespan.begin.tai.mjd - mjd("2024-03-18T12:00:00.000")) < 1e-9
    assert abs(day.timespan.end.tai.mjd - mjd("2024-03-19T12:00:00.000")) < 1e-9


def test_a_bias_of_no_duration_lies_within_a_validity_range(butler, tmp_path):
    ingest_raws(butler, [write_raw(tmp_path / "a.fits", 1, kind="bias")])
    (record,) = butler.query_dimension_records("exposure", instrument="LATISS")
    (day,) = butler.query_dimension_records("day_obs", instrument="LATISS")
    assert not record.timespan.isEmpty()
    assert day.timespan.contains(record.timespan)


def test_the_same_raw_has_the_same_uuid_in_every_repository(butler, tmp_path):
    path = write_raw(tmp_path / "a.fits")
    first = ingest_raws(butler, [path]).ingested[0].dataset
    create_repository(tmp_path / "other")
    with open_butler(tmp_path / "other", writeable=True) as other:
        register_instrument(other, instrument_class_name("LATISS"))
        assert ingest_raws(other, [path], transfer="copy").ingested[0].dataset == first


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


def test_a_filter_the_instrument_does_not_list_is_added(butler, tmp_path):
    ingest_raws(butler, [write_raw(tmp_path / "a.fits", 1, FILTER="laboratory_7")])
    assert len(held(butler)) == 1
    names = {record.name for record in butler.query_dimension_records("physical_filter", instrument="LATISS")}
    assert "laboratory_7~empty" in names


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


def test_an_ingest_killed_after_copying_can_be_run_again(butler, tmp_path):
    path = write_raw(tmp_path / "a.fits", 1)
    ingest_raws(butler, [path], transfer="copy")
    (ref,) = held(butler)
    left = Path(butler.getURI(ref).ospath)
    butler.pruneDatasets([ref], unstore=True, purge=True, disassociate=True)
    left.parent.mkdir(parents=True, exist_ok=True)
    left.write_bytes(path.read_bytes()[:1000])
    report = ingest_raws(butler, [path], transfer="copy")
    assert [raw.path for raw in report.ingested] == [path]
    assert left.read_bytes() == path.read_bytes()


def test_a_raw_whose_file_was_lost_is_said_to_be_lost(butler, tmp_path):
    path = write_raw(tmp_path / "a.fits", 1)
    ingest_raws(butler, [path], transfer="copy")
    Path(butler.getURI(held(butler)[0]).ospath).unlink()
    (refused,) = ingest_raws(butler, [path], transfer="copy").refused
    assert "gone" in refused.reason


def test_pruning_a_direct_raw_leaves_the_observatorys_file(butler, tmp_path):
    path = write_raw(tmp_path / "a.fits", 1)
    ingest_raws(butler, [path])
    butler.pruneDatasets(held(butler), unstore=True, purge=True, disassociate=True)
    assert path.exists()


def test_the_report_holds_what_the_ledger_keeps(butler, tmp_path):
    write_raw(tmp_path / "a.fits", 1)
    report = ingest_raws(butler, [tmp_path], state_keys=["SEQNAME", "TEMP_SET", "ODP"])
    (observation,) = report.observations
    assert observation.header_values == {"SEQNAME": "FP_ITL_2s_ir2_v26.seq", "TEMP_SET": -104.15, "ODP": None}
    assert observation.statistics is not None
    values = json.loads(json.dumps(observation.statistics.to_json()))
    assert QuickStatistics.from_json(values) == observation.statistics
    assert json.loads(json.dumps(report.to_json()))["ingested"][0]["exposure"] == 2024031800001


def test_headers_alone_can_be_ingested(butler, tmp_path):
    write_raw(tmp_path / "a.fits", 1)
    (observation,) = ingest_raws(butler, [tmp_path / "a.fits"], statistics=False).observations
    assert observation.statistics is None


def test_a_component_needs_no_pixels(butler, tmp_path):
    path = write_raw(tmp_path / "a.fits", 1)
    ingest_raws(butler, [path], statistics=False)
    whole = bytearray(path.read_bytes())
    heap = (whole.rindex(b"END" + b" " * 77) // 2880 + 1) * 2880 + 24 * 8
    whole[heap : heap + 400] = b"\xff" * 400
    path.write_bytes(whole)
    (ref,) = held(butler)
    assert butler.get(ref.makeComponentRef("bbox")).shape == (48, 280)
    with pytest.raises(ValueError, match="SEGMENT00"):
        butler.get(ref)


def test_a_part_of_a_raw_can_be_read(butler, tmp_path):
    from lsst.images import Box

    ingest_raws(butler, [write_raw(tmp_path / "a.fits", 1)])
    box = Box.from_shape((4, 6), start=(3, 2))
    part = butler.get(held(butler)[0], parameters={"bbox": box})
    np.testing.assert_array_equal(part.array, read_raw(tmp_path / "a.fits").image[3:7, 2:8])
    with pytest.raises(RawRejected, match="the whole raw"):
        raw_file_from_image(part)


def test_a_file_that_took_the_place_of_another_detectors_is_not_read(butler, tmp_path):
    path = write_raw(tmp_path / "a.fits", 1)
    ingest_raws(butler, [path])
    content = path.read_bytes()
    other = content.replace(b"INSTRUME= 'LATISS  '", b"INSTRUME= 'lsstCam '")
    assert other != content
    path.write_bytes(other)
    with pytest.raises(ValueError, match="RAFTBAY"):
        butler.get(held(butler)[0])


def test_an_unknown_way_of_transfer_is_refused(butler, tmp_path):
    with pytest.raises(UsageError, match="one of copy, symlink, hardlink, direct"):
        ingest_raws(butler, [tmp_path], transfer="teleport")


def test_two_ingests_at_the_same_time_make_one_raw(butler, tmp_path, monkeypatch):
    """The second looks before the first has written and writes after it."""
    path = write_raw(tmp_path / "a.fits", 1)
    ingest_raws(butler, [path], transfer="copy")
    monkeypatch.setattr(RawBatch, "_held", lambda self, candidates: {})
    assert not ingest_raws(butler, [path], transfer="copy").refused
    assert len(held(butler)) == 1
    assert raw_file_from_image(butler.get(held(butler)[0])).layout == read_raw(path).layout


def test_folders_are_read_and_what_lies_below_them_is_not(butler, tmp_path):
    folder = tmp_path / "night"
    (folder / "truth").mkdir(parents=True)
    write_raw(folder / "b.fits", 2)
    write_raw(folder / "a.fits.gz", 1)
    write_raw(folder / "truth" / "c.fits", 3)
    (folder / "notes.txt").write_text("clouds")
    report = ingest_raws(butler, [folder])
    assert [raw.path.name for raw in report.ingested] == ["a.fits.gz", "b.fits"]
    assert not report.refused


def test_progress_is_told_file_by_file(butler, tmp_path):
    paths = [write_raw(tmp_path / f"{number}.fits", number) for number in (1, 2, 3)]
    told: list[tuple[int, int]] = []
    ingest_raws(butler, paths, on_progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize("transfer", ["copy", "direct", "symlink"])
def test_names_with_blanks_and_signs(butler, tmp_path, transfer):
    folder = tmp_path / "night #1 100%"
    folder.mkdir()
    path = write_raw(folder / "Bias für C10 a%20b.fits", 1)
    ingest_raws(butler, [path], transfer=transfer)
    assert raw_file_from_image(butler.get(held(butler)[0])).layout.id == 0
