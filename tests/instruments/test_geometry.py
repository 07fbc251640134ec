"""Every pixel of the three cameras lies where the camera puts it."""

import numpy as np
import pytest

from infra.errors import UsageError
from infra.instruments import CAMERAS, camera
from infra.instruments.geometry import Box, SegmentModel

DETECTORS = [("LATISS", "RXX_S00"), ("LSSTComCam", "R22_S11"), ("LSSTCam", "R01_S00"), ("LSSTCam", "R22_S11")]
SMALL = {"ITL": SegmentModel(35, 24, 3, 20, 16), "E2V": SegmentModel(42, 24, 10, 20, 16)}


def models():
    return [camera(instrument).detector_named(name) for instrument, name in DETECTORS]


@pytest.mark.parametrize("detector", models(), ids=lambda model: model.full_name)
@pytest.mark.parametrize("full", [True, False], ids=["full", "reduced"])
def test_sections_fill_the_mosaic_and_the_image_exactly_once(detector, full):
    layout = detector.layout(None if full else SMALL[detector.vendor])
    mosaic, image = np.zeros(layout.raw_shape, np.int8), np.zeros(layout.image_shape, np.int8)
    raw = np.zeros(layout.raw_shape, np.int8)
    for amplifier in layout.amplifiers:
        raw[amplifier.raw_box.slices] += 1
        image[amplifier.image_box.slices] += 1
        for box in (amplifier.data_box, amplifier.serial_overscan_box, amplifier.parallel_overscan_box):
            mosaic[box.slices] += 1
            assert amplifier.raw_box.x0 <= box.x0 < box.x1 <= amplifier.raw_box.x1
            assert amplifier.raw_box.y0 <= box.y0 < box.y1 <= amplifier.raw_box.y1
        assert amplifier.data_box.shape == amplifier.image_box.shape
    assert (raw == 1).all()
    assert (image == 1).all()
    assert mosaic.max() == 1


def test_full_sizes_are_those_of_the_sensors():
    itl, e2v = camera("LATISS").detector(0).layout(), camera("LSSTCam").detector_named("R22_S11").layout()
    assert (itl.raw_shape, itl.image_shape) == ((4096, 4608), (4000, 4072))
    assert (e2v.raw_shape, e2v.image_shape) == ((4096, 4608), (4004, 4096))
    corner = itl.amplifier("C00")
    assert corner.serial_overscan_box == Box(0, 0, 64, 2000)
    assert corner.data_box == Box(64, 0, 509, 2000)
    assert corner.parallel_overscan_box == Box(64, 2000, 509, 48)
    assert itl.amplifier("C17").image_box == Box(7 * 509, 2000, 509, 2000)


@pytest.mark.parametrize(
    ("vendor", "top", "bottom"), [("ITL", "UR", "LR"), ("E2V", "UR", "LL")], ids=["ITL", "E2V"]
)
def test_amplifiers_are_read_out_to_their_corners(vendor, top, bottom):
    detector = next(model for model in camera("LSSTCam").detectors if model.vendor == vendor)
    corners = {amplifier.name[1]: amplifier.readout_corner for amplifier in detector.layout().amplifiers}
    assert corners == {"1": top, "0": bottom}


@pytest.mark.parametrize("detector", models(), ids=lambda model: model.full_name)
def test_the_serial_overscan_is_the_side_away_from_the_readout_corner(detector):
    # A pixel read out late lies far from the corner: first the data, then the overscans.
    for amplifier in detector.layout().amplifiers:
        overscan_is_left = amplifier.serial_overscan_box.x0 < amplifier.data_box.x0
        assert overscan_is_left == amplifier.readout_corner.endswith("R")
        overscan_is_below = amplifier.parallel_overscan_box.y0 < amplifier.data_box.y0
        assert overscan_is_below == amplifier.readout_corner.startswith("U")


def test_amplifiers_come_in_the_order_of_the_files():
    names = [amplifier.name for amplifier in camera("LATISS").detector(0).amplifiers]
    assert names == [f"C1{column}" for column in range(8)] + [f"C0{column}" for column in range(7, -1, -1)]


def test_nominal_values_of_latiss():
    layout = camera("LATISS").detector(0).layout()
    assert (layout.amplifier("C10").gain, layout.amplifier("C10").read_noise) == (1.0811, 8.4)
    assert (layout.amplifier("C07").gain, layout.amplifier("C07").read_noise) == (1.1033, 8.5)
    assert (layout.amplifier("C00").gain, layout.amplifier("C00").read_noise) == (1.0972, 9.1)
    assert layout.serial == "ITL-3800C-068"


def test_detectors_of_lsstcam_are_numbered_by_raft_and_slot():
    model = camera("LSSTCam")
    assert [detector.id for detector in model.detectors] == list(range(189))
    numbers = {"R01_S00": 0, "R03_S00": 18, "R10_S22": 35, "R22_S21": 97, "R34_S00": 153, "R43_S22": 188}
    assert {name: model.detector_named(name).id for name in numbers} == numbers
    assert sum(detector.vendor == "ITL" for detector in model.detectors) == 72


def test_every_name_fits_the_butlers_columns():
    for model in CAMERAS.values():
        assert len({item.name for item in model.filters}) == len(model.filters)
        assert all(len(item.name) <= 32 for item in model.filters)
        assert all(len(detector.full_name) <= 32 for detector in model.detectors)


def test_bands_of_latiss():
    bands = {item.name: item.band for item in camera("LATISS").filters}
    assert bands["SDSSr_65mm~empty"] == "r"
    assert bands["empty~empty"] == "white"
    assert bands["RG610~empty"] == "r"


def test_unknown_names_are_refused_with_the_known_ones():
    with pytest.raises(UsageError, match="LATISS, LSSTComCam, LSSTCam"):
        camera("MegaCam")
    with pytest.raises(UsageError, match="no detector 189"):
        camera("LSSTCam").detector(189)
    with pytest.raises(UsageError, match="C10"):
        camera("LATISS").detector(0).layout().amplifier("C99")


@pytest.mark.parametrize(
    "sections", [(10, 10, 3, 8, 8), (10, 10, 0, 0, 5), (10, 10, -1, 5, 5), (10, 5, 0, 5, 8)]
)
def test_sections_that_do_not_fit_are_refused(sections):
    with pytest.raises(ValueError, match=r"segment|sections"):
        SegmentModel(*sections)
