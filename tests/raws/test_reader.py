"""A raw becomes the mosaic that its file holds, however packed; what contradicts the camera is refused."""

import gzip
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from infra.errors import RawRejected
from infra.instruments import camera
from infra.instruments.geometry import SegmentModel
from infra.raws.reader import read_raw
from tests.raws.small_raws import DETECTOR, SEGMENT, primary_cards, raw_bytes, stored_segments, write_raw

E2V = camera("LSSTCam").detector_named("R22_S11")
E2V_SEGMENT = SegmentModel(naxis1=42, naxis2=24, prescan=10, data_width=20, data_height=16)


def mosaic_of(segments, layout):
    """Assemble stored segments plainly."""
    image = np.zeros(layout.raw_shape, next(iter(segments.values())).dtype)
    for amplifier in layout.amplifiers:
        pixels = segments[amplifier.name]
        if amplifier.flip_x:
            pixels = pixels[:, ::-1]
        if amplifier.flip_y:
            pixels = pixels[::-1]
        image[amplifier.raw_box.slices] = pixels
    return image


def write(path: Path, segments, **options) -> Path:
    path.write_bytes(raw_bytes(primary_cards(1), segments, **options))
    return path


COMPRESSIONS = {
    "rice": {},
    "rice in blocks of rows": {"tile_shape": (4, 35)},
    "gzip 1": {"compression": "GZIP_1"},
    "gzip 2": {"compression": "GZIP_2"},
    "hcompress": {"compression": "HCOMPRESS_1", "tile_shape": (8, 35), "hcomp_scale": 0},
    "plio": {"compression": "PLIO_1"},
    "none": {"compression": None},
}


@pytest.mark.parametrize("options", COMPRESSIONS.values(), ids=COMPRESSIONS.keys())
@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzipped"])
def test_every_compression_gives_the_same_mosaic(tmp_path, options, zipped):
    segments = stored_segments()
    path = write(tmp_path / "raw.fits", segments, **options)
    if zipped:
        path.write_bytes(gzip.compress(path.read_bytes()))
    raw = read_raw(path)
    assert raw.image.dtype == np.int32
    np.testing.assert_array_equal(raw.image, mosaic_of(segments, raw.layout))
    assert raw.segment == SEGMENT
    assert raw.instrument == "LATISS"


@pytest.mark.parametrize("kind", ["u1", "i2", "u2", "i4", "i8", "f4", "f8"])
@pytest.mark.parametrize("compression", [None, "RICE_1"])
def test_every_kind_of_pixel(tmp_path, kind, compression):
    if kind == "i8" and compression:
        pytest.skip("FITS compresses no 64-bit whole numbers")
    segments = {name: (image % 200).astype(kind) for name, image in stored_segments().items()}
    options = {"quantize_level": 0.0} if kind.startswith("f") and compression else {}
    if options:
        compression = "GZIP_2"  # real numbers are whole in GZIP only
    raw = read_raw(write(tmp_path / "raw.fits", segments, compression=compression, **options))
    assert raw.image.dtype == (np.float32 if kind.startswith("f") else np.int32)
    np.testing.assert_array_equal(raw.image, mosaic_of(segments, raw.layout))


def test_nan_of_a_float_raw_stays_nan(tmp_path):
    segments = {name: image.astype(np.float32) for name, image in stored_segments().items()}
    segments["C03"][2, 5] = np.nan
    raw = read_raw(write(tmp_path / "raw.fits", segments, compression=None))
    assert np.count_nonzero(np.isnan(raw.image)) == 1


def test_rows_that_rice_cannot_hold_are_left_to_astropy(tmp_path):
    rng = np.random.default_rng(4)
    segments = {
        name: rng.integers(-(2**31), 2**31 - 1, image.shape, dtype=np.int32)
        for name, image in stored_segments().items()
    }
    raw = read_raw(write(tmp_path / "raw.fits", segments))
    np.testing.assert_array_equal(raw.image, mosaic_of(segments, raw.layout))


def test_an_e2v_sensor_is_mirrored_as_its_model_says(tmp_path):
    segments = stored_segments(detector=E2V, segment=E2V_SEGMENT)
    cards = {"INSTRUME": "lsstCam", "RAFTBAY": "R22", "CCDSLOT": "S11"}
    path = tmp_path / "raw.fits"
    path.write_bytes(raw_bytes(primary_cards(1, **cards), segments, segment=E2V_SEGMENT))
    raw = read_raw(path)
    assert (raw.instrument, raw.layout.name, raw.layout.id) == ("LSSTCam", "R22_S11", 94)
    np.testing.assert_array_equal(raw.image, mosaic_of(segments, raw.layout))


def test_data_sections_hold_the_light(tmp_path):
    raw = read_raw(write(tmp_path / "raw.fits", stored_segments(level=5000.0)))
    for amplifier in raw.layout.amplifiers:
        data = np.median(raw.image[amplifier.data_box.slices])
        for box in (amplifier.serial_overscan_box, amplifier.parallel_overscan_box):
            # 5 adu of noise in 192 pixels or more: the medians are good to 0.6 adu.
            assert abs(data - np.median(raw.image[box.slices]) - 5000) < 5


def test_a_longer_overscan_is_taken_as_it_is(tmp_path):
    segment = SegmentModel(naxis1=41, naxis2=30, prescan=3, data_width=20, data_height=16)
    raw = read_raw(write(tmp_path / "raw.fits", stored_segments(segment=segment), segment=segment))
    assert raw.segment == segment
    assert raw.layout.amplifiers[0].serial_overscan_box.width == 18


def test_conditions_are_merged_over_the_primary_header(tmp_path):
    conditions = {"TEMP6": 12.5, "ODP": 30.0, "SEQNAME": "conditions.seq"}
    path = write(tmp_path / "raw.fits", stored_segments(), conditions=conditions)
    for headers_only in (True, False):
        header = read_raw(path, headers_only=headers_only).primary_header
        assert (header["TEMP6"], header["ODP"], header["SEQNAME"]) == (12.5, 30.0, "conditions.seq")
        assert header["NAXIS"] == 0
        assert "XTENSION" not in header


def test_the_case_of_extension_names_means_nothing(tmp_path):
    path = write(tmp_path / "raw.fits", stored_segments())
    content = path.read_bytes()
    assert b"'SEGMENT10'" in content
    path.write_bytes(content.replace(b"'SEGMENT", b"'Segment"))
    assert read_raw(path).layout.raw_shape == (48, 280)


def test_reading_headers_loads_neither_numba_nor_astropy(tmp_path):
    path = write_raw(tmp_path / "raw.fits")
    code = (
        "import sys; from infra.raws import read_raw;"
        f"raw = read_raw({str(path)!r}, headers_only=True);"
        "print(raw.image.size, 'numba' in sys.modules, 'astropy' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["0", "False", "False"]


def test_full_size_raws(tmp_path):
    segments = stored_segments(segment=DETECTOR.segment)
    raw = read_raw(write(tmp_path / "raw.fits", segments, segment=DETECTOR.segment))
    assert (raw.layout.raw_shape, raw.layout.image_shape) == ((4096, 4608), (4000, 4072))
    np.testing.assert_array_equal(raw.image, mosaic_of(segments, raw.layout))


@pytest.mark.shared_data
def test_a_real_frame_of_an_e2v_sensor(test_data):
    """A gzip stream under the name .fits, from a test stand: no camera of ours, but a sensor of ours."""
    path = test_data / "frames" / "201807241028453-RTM-010-S11-det067.fits"
    if not path.exists():
        pytest.skip("no such frame")
    with pytest.raises(RawRejected, match="foreign"):
        read_raw(path)
    detector = camera("LSSTCam").detector(67)
    raw = read_raw(path, detector=detector)
    assert raw.segment == detector.segment
    assert raw.segment_headers["C00"]["DETSEC"] == "[1:512,4004:2003]"
    with fits.open(path) as hdus:
        for amplifier in raw.layout.amplifiers:
            pixels = hdus[f"Segment{amplifier.name[1:]}"].data
            stored = raw.image[amplifier.raw_box.slices]
            if amplifier.flip_x:
                pixels = pixels[:, ::-1]
            if amplifier.flip_y:
                pixels = pixels[::-1]
            np.testing.assert_array_equal(stored, pixels)
    corner = raw.layout.amplifier("C00")
    # Light in the data section, pedestal in the overscan: the camera's AVGBIAS card says 27227 adu for
    # Segment10.
    data, overscan = (
        np.median(raw.image[box.slices]) for box in (corner.data_box, corner.serial_overscan_box)
    )
    assert data > overscan + 10000


def test_rows_that_fell_back_to_gzip_are_left_to_astropy(tmp_path):
    """CFITSIO stores single rows in GZIP_COMPRESSED_DATA when Rice does not pay."""
    segments = stored_segments()
    path = write(tmp_path / "raw.fits", segments)
    with fits.open(path, disable_image_compression=True) as hdus:
        for hdu, (name, image) in zip(hdus[1:17], segments.items(), strict=True):
            if name != "C13":
                continue
            rice = [np.frombuffer(bytes(row), np.uint8) for row in hdu.data["COMPRESSED_DATA"]]
            zipped = [np.array([], np.uint8)] * len(rice)
            rice[3] = np.array([], np.uint8)
            zipped[3] = np.frombuffer(gzip.compress(image[3].astype(">i4").tobytes()), np.uint8)
            columns = [
                fits.Column(name="COMPRESSED_DATA", format="PB()", array=np.array(rice, dtype=object)),
                fits.Column(name="GZIP_COMPRESSED_DATA", format="PB()", array=np.array(zipped, dtype=object)),
            ]
            table = fits.BinTableHDU.from_columns(columns)
            for card in hdu.header.cards:
                if card.keyword.startswith("Z") or card.keyword in ("EXTNAME", "DATASEC", "CHANNEL"):
                    table.header[card.keyword] = card.value
        hdus[4] = table
        hdus.writeto(tmp_path / "mixed.fits")
    raw = read_raw(tmp_path / "mixed.fits")
    np.testing.assert_array_equal(raw.image, mosaic_of(segments, raw.layout))
