"""The files: the same bytes every time, valid FITS, the cards of the real camera."""

import hashlib
import warnings
from pathlib import Path

import numpy as np
import pytest
import yaml
from astropy.io import fits

from infra.instruments import camera
from infra.raws.reader import read_raw
from infra.simulator import load_night_spec, load_truth, simulate_night
from infra.simulator.segment_headers import segment_headers
from tests.simulator.nights import QUIET, exposures_of, night, read_segments

SETS = (
    {"name": "bias", "type": "bias", "count": 2},
    {"name": "flat", "type": "flat", "count": 2, "exposure_time": 2.0, "filter": "SDSSr_65mm~empty"},
)
SEGMENT = {"data_width": 16, "data_height": 24, "serial_overscan": 16, "parallel_overscan": 16}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("night")
    simulate_night(night(*SETS, segment=SEGMENT), directory)
    return directory


def digests(directory: Path) -> dict[str, str]:
    return {
        str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(directory.rglob("*.fits")) + sorted(directory.rglob("*.json"))
    }


def test_same_specification_gives_the_same_bytes_with_any_number_of_workers(folder: Path, tmp_path: Path):
    simulate_night(night(*SETS, segment=SEGMENT), tmp_path, workers=3)
    assert digests(tmp_path) == digests(folder)


def test_another_seed_changes_frames_but_not_the_camera(folder: Path, tmp_path: Path):
    simulate_night(night(*SETS, segment=SEGMENT, seed=2), tmp_path)
    mine, other = digests(folder), digests(tmp_path)
    same = {name for name in mine if mine[name] == other[name]}
    assert same == {name for name in mine if name.startswith("truth/") and name != "truth/truth.json"}


def test_switching_one_effect_leaves_the_noise_of_the_others_alone():
    _, plain = exposures_of(night(*SETS, segment=SEGMENT))
    _, without = exposures_of(night(*SETS, segment=SEGMENT, camera={"cosmic_rays": None, "row_drift": None}))
    difference = np.concatenate([(a - b).ravel() for a, b in zip(plain, without, strict=True)])
    assert np.median(np.abs(difference)) < 3  # the drift of 1.5 adu and rounding, not 8 adu of read noise


def test_file_is_valid_fits_with_right_checksums(folder: Path):
    for path in sorted(folder.glob("*.fits")):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with fits.open(path, checksum=True) as file:
                file.verify("exception")
                assert [hdu.name.upper() for hdu in file[1:]] == [
                    *(f"SEGMENT1{i}" for i in range(8)),
                    *(f"SEGMENT0{i}" for i in range(7, -1, -1)),
                    "REB_COND",
                ]
                assert {hdu.data.dtype.kind for hdu in file[1:17]} == {"i"}


def test_pixels_come_back_through_cfitsio(folder: Path):
    fitsio = pytest.importorskip("fitsio")
    _, exposures = exposures_of(night(*SETS, segment=SEGMENT))
    for path, segments in zip(sorted(folder.glob("*.fits")), exposures, strict=True):
        with fitsio.FITS(str(path)) as file:
            for hdu in range(1, 17):
                np.testing.assert_array_equal(file[hdu].read(), segments[hdu - 1])


def test_our_own_reader_puts_every_segment_where_the_truth_has_it(folder: Path):
    sensor, exposures = exposures_of(night(*SETS, segment=SEGMENT))
    raw = read_raw(folder / "AT_O_20240318_000003_R00_S00.fits")
    assert raw.layout == sensor.layout
    for amplifier, segment in zip(sensor.layout.amplifiers, exposures[2], strict=True):
        stored = raw.image[amplifier.raw_box.slices]
        stored = stored[:: -1 if amplifier.flip_y else 1, :: -1 if amplifier.flip_x else 1]
        np.testing.assert_array_equal(stored, segment)


def test_every_card_of_a_real_dark_is_there_with_a_value_of_its_kind(folder: Path, test_data: Path):
    name = "latiss-AT_O_20240624_000169_R00_S00.yaml"
    real = yaml.safe_load((test_data / "headers" / "raw" / name).read_text())
    path = folder / "AT_O_20240318_000003_R00_S00.fits"
    with fits.open(path, disable_image_compression=True) as file:
        cards = fits.Header(file[0].header, copy=True)
        cards.update(file[1].header)
    # ZHECKSUM is the sum of an uncompressed HDU, header included, that exists nowhere.
    assert {key for key in real if key not in cards} == {"ZHECKSUM"}
    wrong = []
    for key, value in real.items():
        if key in {"COMMENT", "ZHECKSUM"} or value is None or cards[key] is None:
            continue
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not isinstance(cards[key], (int, float) if number else type(value)):
            wrong.append(key)
    assert wrong == []


def test_first_segment_of_a_full_frame_has_the_real_geometry_cards(test_data: Path):
    name = "latiss-AT_O_20240624_000169_R00_S00.yaml"
    real = yaml.safe_load((test_data / "headers" / "raw" / name).read_text())
    detector = camera("LATISS").detector(0)
    cards = fits.Header.fromstring(segment_headers("LATISS", detector, detector.segment)[0])
    assert {key: cards[key] for key in cards} == {key: real[key] for key in cards}


def test_header_says_what_was_taken(folder: Path):
    header = fits.getheader(folder / "AT_O_20240318_000003_R00_S00.fits")
    told = {
        key: header[key] for key in ("DAYOBS", "SEQNUM", "OBSID", "IMGTYPE", "FILTER", "GRATING", "EXPTIME")
    }
    assert told == {
        "DAYOBS": "20240318",
        "SEQNUM": 3,
        "OBSID": "AT_O_20240318_000003",
        "IMGTYPE": "FLAT",
        "FILTER": "SDSSr_65mm",
        "GRATING": "empty_1",
        "EXPTIME": 2.0,
    }
    assert header["DARKTIME"] >= header["EXPTIME"]
    assert header["MJD-END"] - header["MJD-BEG"] == pytest.approx(header["DARKTIME"] / 86400, abs=1e-8)


def test_truth_is_read_back(folder: Path):
    truth = load_truth(folder)
    sensor, _ = exposures_of(night(*SETS, segment=SEGMENT))
    assert [item.file for item in truth.exposures] == sorted(path.name for path in folder.glob("*.fits"))
    np.testing.assert_allclose(truth.image("bias"), sensor.bias, rtol=1e-7)  # written as float32
    np.testing.assert_allclose(truth.image("dark"), sensor.dark_rate, rtol=1e-7)
    flat = truth.image("flat-SDSSr_65mm~empty")
    assert flat[~sensor.defects.mask].mean() == pytest.approx(1.0, abs=0.01)
    assert truth.amplifiers[0].gain == 1.0811


def test_progress_counts_every_exposure(tmp_path: Path):
    counts: list[tuple[int, int]] = []
    simulate_night(night(*SETS, segment=SEGMENT), tmp_path, progress=lambda *count: counts.append(count))
    assert counts == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_full_frames_have_the_real_size(tmp_path: Path):
    simulate_night(night({"name": "bias", "type": "bias", "count": 1}, camera=QUIET), tmp_path, full=True)
    assert read_segments(tmp_path / "AT_O_20240318_000001_R00_S00.fits").shape == (16, 2048, 576)


def test_small_night_is_quick_to_describe():
    assert len(load_night_spec("small").sets) == 3
