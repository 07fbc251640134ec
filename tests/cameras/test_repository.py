"""A repository of a described camera: made, filled and read, also by those who know the Butler alone."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from lsst.daf.butler import Butler
from lsst.pipe.base import Instrument

from flows.cli import main
from flows.cli.init import initialise
from infra.butler.repository import create_repository, open_butler, register_instrument
from infra.errors import ProfileError, UsageError
from infra.instruments.class_names import instrument_class_name
from infra.instruments.described import CAMERA_FILE, describe_instrument
from infra.instruments.described.instrument import described_class_name
from infra.raws import raw_file_from_image, read_raw
from infra.raws.ingest import ingest_raws
from infra.settings import load_profile
from tasks.campaigns.intake import take_in
from tests.cameras.frames import described, description_values, write_description, write_frame
from tests.raws.small_raws import write_raw

RUN = "BENCH/raw/all"
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def empty(tmp_path_factory) -> Path:
    """Return an empty repository of the small camera, to be copied."""
    folder = tmp_path_factory.mktemp("bench")
    initialise(folder / "repo", camera_file=write_description(folder / "bench.yaml"))
    return folder / "repo"


@pytest.fixture
def repository(empty, tmp_path) -> Path:
    return Path(shutil.copytree(empty, tmp_path / "repo"))


def held(butler: Butler) -> list:
    return sorted(butler.query_datasets("raw", RUN, explain=False), key=lambda ref: ref.dataId["exposure"])


def in_another_process(code: str, *arguments: object) -> str:
    """Run a program that imports nothing of calprod by itself, and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("CALPROD")},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_init_leaves_description_and_a_profile_that_fits(repository):
    assert (repository / CAMERA_FILE).is_file()
    profile = load_profile(repository / "calprod" / "profile.yaml")
    assert profile.instrument == "BENCH"
    assert profile.camera_state_keys == ("SET-TEMP",)
    with open_butler(repository) as butler:
        (detector,) = butler.query_dimension_records("detector", instrument="BENCH")
        assert (detector.full_name, detector.raft) == ("CCD0", None)
        filters = butler.query_dimension_records("physical_filter", instrument="BENCH")
        assert {one.name: one.band for one in filters} == {"r_01": "r", "none": "white"}


@pytest.mark.parametrize("transfer", ["direct", "copy", "symlink", "hardlink"])
def test_a_raw_is_read_by_who_has_the_butler_alone(repository, tmp_path, transfer):
    path = write_frame(tmp_path / "a.fits")
    report = take_in(repository, None, [path], transfer=transfer)
    assert [one.exposure for one in report.ingested] == [2024031828837]
    sum_of_pixels = int(read_raw(path, description=described(tmp_path)).image.sum())
    code = (
        "import sys; from lsst.daf.butler import Butler;"
        " butler = Butler.from_config(sys.argv[1], instrument='BENCH', collections='BENCH/raw/all');"
        " image = butler.get('raw', exposure=2024031828837, detector=0);"
        " print(int(image.array.sum()), image.metadata['CALPROD INSTRUMENT'])"
    )
    assert in_another_process(code, repository) == f"{sum_of_pixels} BENCH"
    assert path.exists()


def test_a_repository_that_moved_is_read_as_before(repository, tmp_path):
    take_in(repository, None, [write_frame(tmp_path / "a.fits")])
    moved = repository.rename(tmp_path / "moved")
    with open_butler(moved) as butler:
        raw = raw_file_from_image(butler.get(held(butler)[0]))
    assert raw.layout.raw_shape == (40, 80)


def test_the_layout_travels_with_the_pixels(repository, tmp_path):
    path = write_frame(tmp_path / "a.fits")
    take_in(repository, None, [path])
    with open_butler(repository) as butler:
        raw, original = (
            raw_file_from_image(butler.get(held(butler)[0])),
            read_raw(path, description=described(tmp_path)),
        )
    assert raw.layout == original.layout
    assert raw.primary_header == original.primary_header
    np.testing.assert_array_equal(raw.image, original.image)


def test_the_class_can_be_imported_by_its_name_alone(repository):
    code = (
        "import sys; from lsst.daf.butler import Butler; from lsst.pipe.base import Instrument;"
        " registry = Butler.from_config(sys.argv[1]).registry;"
        " instrument = Instrument.fromName('BENCH', registry);"
        " print(instrument.getName(), instrument.makeDefaultRawIngestRunName(),"
        " len(registry.queryDimensionRecords('instrument').__iter__().__next__().class_name) <= 64)"
    )
    assert in_another_process(code, repository) == f"BENCH {RUN} True"
    assert issubclass(Instrument.from_string(described_class_name("A" * 16)).__class__, Instrument)
    assert len(described_class_name("A" * 16)) <= 64
    with pytest.raises(UsageError, match="cannot name an instrument"):
        described_class_name("no name")


def test_registering_by_hand_needs_the_description(tmp_path, monkeypatch):
    create_repository(tmp_path / "repo")
    values = {**description_values(), "instrument": "BY_HAND"}
    path = write_description(tmp_path / "by_hand.yaml", values)
    with open_butler(tmp_path / "repo", writeable=True) as butler:
        with pytest.raises(UsageError, match="CALPROD_CAMERA"):
            register_instrument(butler, described_class_name("BY_HAND"))
        monkeypatch.setenv("CALPROD_CAMERA", str(path))
        register_instrument(butler, described_class_name("BY_HAND"))
        assert len(list(butler.query_dimension_records("detector", instrument="BY_HAND"))) == 1
    assert instrument_class_name("BY_HAND") == described_class_name("BY_HAND")


def test_a_raw_in_no_repository_says_what_is_missing(tmp_path, monkeypatch):
    """Someone registered the camera elsewhere and ingested in place, without calprod."""
    values = {**description_values(), "instrument": "ELSEWHERE"}
    description = described(tmp_path, values)
    describe_instrument(description)
    create_repository(tmp_path / "repo")
    path = write_frame(tmp_path / "a.fits")
    with open_butler(tmp_path / "repo", writeable=True) as butler:
        register_instrument(butler, described_class_name("ELSEWHERE"))
        ingest_raws(butler, [path], description=description)
        monkeypatch.setattr("infra.instruments.described.finding._known", {})
        (ref,) = butler.query_datasets("raw", "ELSEWHERE/raw/all", explain=False)
        with pytest.raises(ValueError, match="no description of the camera ELSEWHERE"):
            butler.get(ref)
        monkeypatch.setenv("CALPROD_CAMERA", str(tmp_path / "camera.yaml"))
        assert butler.get(ref).array.shape == (40, 80)


def test_ingest_can_be_repeated_and_refuses_by_name(repository, tmp_path):
    good = write_frame(tmp_path / "a.fits")
    take_in(repository, None, [good])
    bad = [
        write_frame(tmp_path / "binned.fits", XBINNING=2),
        write_frame(tmp_path / "untimed.fits", DATE_OBS=None),
        write_frame(tmp_path / "odd.fits", IMAGETYP="Light Frame"),
        write_frame(tmp_path / "same_second.fits", seed=2),
        write_frame(tmp_path / "other.fits", INSTRUME="HST"),
        write_raw(tmp_path / "latiss.fits", 1),
    ]
    report = take_in(repository, None, [good, *bad])
    assert [one.path.name for one in report.skipped] == ["a.fits"]
    reasons = {one.path.stem: one.reason for one in report.refused}
    assert "XBINNING is 2" in reasons["binned"]
    assert "DATE-OBS is missing" in reasons["untimed"]
    assert "observation.type" in reasons["odd"]
    assert "with other content" in reasons["same_second"]
    assert "'HST', not 'bench cam*'" in reasons["other"]
    assert "a raw of LATISS; the repository's instruments: BENCH" in reasons["latiss"]
    assert not report.ingested


def test_another_description_is_refused(repository, tmp_path):
    initialise(repository, camera_file=write_description(tmp_path / "same.yaml"))
    assert initialise(repository, "BENCH") == "BENCH"
    values = description_values()
    values["detectors"][0]["amplifiers"][0]["gain"] = 1.6
    with pytest.raises(UsageError, match="describes its camera otherwise"):
        initialise(repository, camera_file=write_description(tmp_path / "other.yaml", values))


def test_a_wrong_description_leaves_nothing_behind(tmp_path):
    values = description_values()
    del values["detectors"]
    with pytest.raises(ProfileError, match="detectors: is missing"):
        initialise(tmp_path / "repo", camera_file=write_description(tmp_path / "bad.yaml", values))
    assert not (tmp_path / "repo").exists()


@pytest.mark.parametrize("arguments", [[], ["--instrument", "LATISS", "--camera", "stl1001e"]])
def test_the_instrument_must_be_named_once(tmp_path, capsys, arguments):
    with pytest.raises(SystemExit) as leaving:
        main(["init", str(tmp_path / "repo"), *arguments])
    assert leaving.value.code == 2
    assert "either --instrument NAME or --camera FILE" in capsys.readouterr().err
