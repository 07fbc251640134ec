"""Pixels of a described camera come out where they belong, whatever the file looks like."""

import numpy as np
import pytest
from astropy.io import fits

from infra.errors import RawRejected
from infra.instruments.described import load_description
from infra.raws.quick_statistics import quick_statistics
from infra.raws.reader import read_raw
from tests.cameras.frames import described, description_values, write_frame
from tests.cameras.latiss_file import latiss_values
from tests.raws.small_raws import SEGMENT, primary_cards, raw_bytes, stored_segments


@pytest.mark.parametrize("name", ["a.fits", "a.fits.gz"])
def test_one_unsigned_image_of_two_amplifiers(tmp_path, name):
    path = write_frame(tmp_path / name)
    raw = read_raw(path, description=described(tmp_path))
    with fits.open(path) as hdus:
        assert hdus[0].header["BZERO"] == 32768
        np.testing.assert_array_equal(raw.image, hdus[0].data)
    assert raw.image.dtype == np.int32
    assert raw.instrument == "BENCH"
    assert [one.name for one in raw.layout.amplifiers] == ["A", "B"]
    assert raw.primary_header["SET-TEMP"] == -20.0
    assert raw.primary_header["CCDTEMP"] == -19.8
    assert raw.primary_header["CALPROD CAMERA"] == described(tmp_path).digest[:16]
    assert "BZERO" not in raw.primary_header


def test_headers_alone_are_read_without_pixels(tmp_path):
    raw = read_raw(write_frame(tmp_path / "a.fits"), description=described(tmp_path), headers_only=True)
    assert raw.image.size == 0
    assert raw.layout.raw_shape == (40, 80)


@pytest.mark.parametrize("compression", ["RICE_1", "GZIP_1", None])
def test_latiss_in_yaml_has_the_pixels_and_cards_of_latiss(tmp_path, compression):
    path = tmp_path / "a.fits"
    path.write_bytes(
        raw_bytes(
            primary_cards(3), stored_segments(3), compression=compression, conditions={"ODP": 4.5, "TEMP6": 1}
        )
    )
    built_in = read_raw(path)
    in_yaml = read_raw(path, description=described(tmp_path, latiss_values(SEGMENT)))
    np.testing.assert_array_equal(in_yaml.image, built_in.image)
    assert in_yaml.image.dtype == built_in.image.dtype
    assert in_yaml.layout == built_in.layout
    assert in_yaml.segment == built_in.segment
    for card in ("SEQNAME", "TEMP_SET", "EXPTIME", "ODP", "OBJECT"):
        assert in_yaml.primary_header[card] == built_in.primary_header[card]


@pytest.mark.parametrize("compressed", [False, True])
def test_the_examples_two_sensors_show_the_same_scene(tmp_path, compressed):
    """A scene put into both files, stored in the order of readout and assembled, comes out twice the same."""
    description = load_description("example")
    scene = np.arange(1024 * 1024, dtype=np.int32).reshape(1024, 1024) % 50021
    cards = {"INSTRUME": "Example camera", "XBINNING": 1, "YBINNING": 1}
    stored = fits.HDUList([fits.PrimaryHDU()])
    stored[0].header.update({**cards, "DETNAME": "CCD0"})
    for name, rows, columns, flips in (
        ("AMP_A", slice(0, 512), slice(0, 512), (1, 1)),
        ("AMP_B", slice(0, 512), slice(512, 1024), (1, -1)),
        ("AMP_C", slice(512, 1024), slice(0, 512), (-1, 1)),
        ("AMP_D", slice(512, 1024), slice(512, 1024), (-1, -1)),
    ):
        segment = np.zeros((522, 536), np.int32)
        segment[:512, 8:520] = scene[rows, columns][:: flips[0], :: flips[1]]
        make = fits.CompImageHDU if compressed else fits.ImageHDU
        stored.append(make(segment, name=name))
    stored.writeto(tmp_path / "stored.fits")
    assembled = np.zeros((1024, 1056), np.int32)
    assembled[:, :512], assembled[:, 544:] = scene[:, :512], scene[:, 512:]
    if compressed:  # as fpack leaves it
        image = fits.CompImageHDU(assembled)
        image.header.update({**cards, "DETNAME": "CCD1"})
        fits.HDUList([fits.PrimaryHDU(), image]).writeto(tmp_path / "assembled.fits")
        with fits.open(tmp_path / "assembled.fits", "update", disable_image_compression=True) as hdus:
            hdus[1].header["ZSIMPLE"] = True
    else:
        image = fits.PrimaryHDU(assembled)
        image.header.update({**cards, "DETNAME": "CCD1"})
        image.writeto(tmp_path / "assembled.fits")
    for name, detector in (("stored", 0), ("assembled", 1)):
        raw = read_raw(tmp_path / f"{name}.fits", description=description)
        assert raw.layout.id == detector
        for one in raw.layout.amplifiers:
            np.testing.assert_array_equal(raw.image[one.data_box.slices], scene[one.image_box.slices])


def test_floats_and_what_is_no_number_stay_so(tmp_path):
    path = tmp_path / "a.fits"
    write_frame(path)
    with fits.open(path) as hdus:
        header, data = hdus[0].header, hdus[0].data.astype(np.float32)
    data[3, 4] = np.nan
    for keyword in ("BZERO", "BSCALE"):
        del header[keyword]
    fits.PrimaryHDU(data, header).writeto(path, overwrite=True)
    raw = read_raw(path, description=described(tmp_path))
    assert raw.image.dtype == np.float32
    assert np.isnan(raw.image[3, 4])


@pytest.mark.parametrize(
    ("cards", "said"),
    [
        ({"INSTRUME": "Other cam"}, r"INSTRUME is 'Other cam', not 'bench cam\*' as BENCH is described"),
        ({"INSTRUME": None}, "INSTRUME is missing"),
        ({"XBINNING": 2}, r"XBINNING is 2, not 1 .*require"),
    ],
)
def test_what_the_description_does_not_fit_is_refused_by_its_card(tmp_path, cards, said):
    with pytest.raises(RawRejected, match=said):
        read_raw(write_frame(tmp_path / "a.fits", **cards), description=described(tmp_path))


def test_a_window_is_refused_by_its_size(tmp_path):
    path = write_frame(tmp_path / "a.fits")
    with fits.open(path) as hdus:
        fits.PrimaryHDU(hdus[0].data[:30], hdus[0].header).writeto(path, overwrite=True)
    with pytest.raises(RawRejected, match=r"a\.fits: HDU 0 .*80 x 30 pixels.*80 x 40.*image_size"):
        read_raw(path, description=described(tmp_path))


def test_an_hdu_that_is_missing_is_named(tmp_path):
    values = description_values()
    values["detectors"][0]["amplifiers"][0]["hdu"] = "IMAGE7"
    with pytest.raises(RawRejected, match=r"no HDU 'IMAGE7'.*HDU 0"):
        read_raw(write_frame(tmp_path / "a.fits"), description=described(tmp_path, values))


def test_a_detector_that_the_header_does_not_name(tmp_path):
    values = description_values()
    first = values["detectors"][0]
    values["detectors"] = [
        {**first, "when": {"DETNAME": "CCD0"}},
        {**first, "id": 1, "name": "CCD1", "when": {"DETNAME": "CCD1"}},
    ]
    description = described(tmp_path, values)
    with pytest.raises(RawRejected, match=r"none of BENCH's detectors.*DETNAME is missing"):
        read_raw(write_frame(tmp_path / "a.fits"), description=description)
    assert read_raw(write_frame(tmp_path / "b.fits", DETNAME="CCD1"), description=description).layout.id == 1


def test_the_quick_look_without_overscan_is_relative_to_the_pedestal(tmp_path):
    values = description_values()
    for one, pedestal in zip(values["detectors"][0]["amplifiers"], (1000, 1100), strict=True):
        del one["serial_overscan"]
        one["pedestal"] = pedestal
    path = write_frame(tmp_path / "a.fits", level=250.0)
    look = quick_statistics(read_raw(path, description=described(tmp_path, values)))
    # 1280 pixels of 4 adu each, medians of whole numbers: 0.14 adu and a rounding of 0.5 adu.
    assert abs(look.level - 250) < 1
    for name, pedestal in (("A", 1000), ("B", 1100)):
        assert abs(look.amplifiers[name].level - 250) < 1.2
        assert look.amplifiers[name].overscan_level == pedestal
        assert np.isnan(look.amplifiers[name].overscan_noise)


def test_the_quick_look_with_overscan_needs_no_pedestal(tmp_path):
    look = quick_statistics(
        read_raw(write_frame(tmp_path / "a.fits", level=250.0), description=described(tmp_path))
    )
    assert abs(look.level - 250) < 1.2
    assert abs(look.amplifiers["B"].overscan_level - 1100) < 1.2
    # 240 steps of neighbouring columns share pixels: 4 / sqrt(200) = 0.3 adu.
    assert abs(look.amplifiers["B"].overscan_noise - 4) < 4 * 0.3
