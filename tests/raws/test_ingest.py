"""Raws go into a real Butler once, as every site knows them; what is none is refused by name."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from astropy.time import Time
from lsst.daf.butler import Butler

from infra.butler.repository import create_repository, open_butler, register_instrument
from infra.errors import RawRejected
from infra.instruments.class_names import instrument_class_name
from infra.raws import raw_file_from_image, read_raw
from infra.raws.batch import RawBatch
from infra.raws.ingest import ingest_raws
from infra.raws.quick_statistics import QuickStatistics
from tests.raws.small_raws import write_raw

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


def test_a_filter_the_instrument_does_not_list_is_added(butler, tmp_path):
    ingest_raws(butler, [write_raw(tmp_path / "a.fits", 1, FILTER="laboratory_7")])
    assert len(held(butler)) == 1
    names = {record.name for record in butler.query_dimension_records("physical_filter", instrument="LATISS")}
    assert "laboratory_7~empty" in names


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
