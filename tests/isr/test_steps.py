"""The chain of every purpose as data, and what a configuration changes of it."""

from typing import get_args

import pytest
from lsst.pex.config import FieldValidationError

from infra.instruments import camera
from infra.instruments.layout import SegmentModel
from tasks.isr.calibrations import CALIBRATION_NAMES
from tasks.isr.config import IsrConfig
from tasks.isr.crosstalk import LATISS_MASKING, SOURCE_MASKING
from tasks.isr.order import ORDERS
from tasks.isr.steps import CAMERA_STATE, Purpose, has_overscan, steps_for

PURPOSES = get_args(Purpose.__value__)

# Rubin cp_pipe and cp_verify: which corrections are made before each product is measured.
TABLE = {
    # purpose: bootstrap, crosstalk, gains, linearity, bias, dark, defects, flat
    "biasBootstrap": (1, 1, 0, 0, 0, 0, 0, 0),
    "darkBootstrap": (1, 1, 0, 0, 1, 0, 0, 0),  # the reference leaves out the bias by a slip
    "flatBootstrap": (1, 1, 0, 0, 1, 1, 0, 0),
    "linearizerPtc": (1, 1, 0, 0, 0, 0, 1, 0),
    "ptc": (1, 1, 0, 1, 0, 0, 1, 0),
    "crosstalk": (0, 0, 1, 0, 0, 0, 0, 0),
    "bias": (0, 1, 1, 1, 0, 0, 0, 0),
    "dark": (0, 1, 1, 1, 1, 0, 1, 0),
    "flat": (0, 1, 1, 1, 1, 1, 0, 0),
    "verifyBias": (0, 1, 1, 1, 1, 0, 1, 0),
    "verifyDark": (0, 1, 1, 1, 1, 1, 1, 0),
    "verifyFlat": (0, 1, 1, 1, 1, 1, 1, 1),
    "verifyDefects": (0, 1, 1, 1, 1, 1, 1, 1),
    "verifyPtc": (1, 1, 0, 1, 0, 0, 1, 0),
    "verifyLinearizer": (1, 1, 0, 1, 0, 0, 1, 0),
    "verifyCrosstalk": (0, 1, 1, 0, 0, 0, 0, 0),
    "cti": (0, 0, 1, 1, 0, 0, 1, 0),
    "verifyCti": (0, 0, 1, 1, 0, 0, 1, 0),
    "verifyBfk": (1, 1, 0, 1, 0, 0, 1, 0),
    "spectroFlat": (0, 1, 1, 1, 1, 1, 0, 0),
    "gain_correction": (0, 1, 1, 1, 1, 1, 1, 0),
    "fringe": (0, 1, 1, 1, 1, 1, 0, 1),
    "verifyFringe": (0, 1, 1, 1, 1, 1, 1, 1),
    "sky": (0, 1, 1, 1, 1, 1, 1, 1),
    "verifySky": (0, 1, 1, 1, 1, 1, 1, 1),
    "science": (0, 1, 1, 1, 1, 1, 1, 1),
}
LEGACY = {
    "bias": (0, 0, 0, 0, 0, 0, 0, 0),
    "dark": (0, 1, 0, 0, 1, 0, 1, 0),
    "darkBootstrap": (0, 1, 0, 0, 1, 0, 0, 0),  # "for defects": the same without defects
    "flat": (0, 1, 0, 0, 1, 1, 0, 0),
    "ptc": (0, 0, 0, 0, 1, 1, 1, 0),
    "verifyFlat": (0, 1, 1, 0, 1, 1, 1, 1),
    "verifyPtc": (0, 0, 0, 0, 1, 1, 1, 0),  # as the curve itself, in adu
}


def corrections(steps):
    return tuple(
        int(bool(one))
        for one in (
            *(steps.bootstrap, steps.crosstalk, steps.apply_gains, steps.linearize),
            *(steps.subtract_bias, steps.subtract_dark, steps.mask_defects, steps.divide_by_flat),
        )
    )


@pytest.mark.parametrize("purpose", PURPOSES)
def test_the_chain_of_each_purpose(purpose):
    assert corrections(steps_for(purpose, "LATISS")) == TABLE[purpose]
    assert corrections(steps_for(purpose, "LSSTCam")) == TABLE[purpose]


@pytest.mark.parametrize("purpose", LEGACY)
def test_the_chain_of_each_purpose_in_2024_04(purpose):
    steps = steps_for(purpose, "LATISS", order="2024-04")
    assert corrections(steps) == LEGACY[purpose]
    assert steps.order == "2024-04"
    assert steps.unit_of_calibrations == "adu"


def test_every_purpose_has_a_chain_in_both_orders():
    for purpose in PURPOSES:
        for order in ORDERS:
            assert steps_for(purpose, "LSSTCam", order=order).order == order


def test_a_bootstrap_knows_no_gains_and_no_squares():
    for purpose in PURPOSES:
        for instrument in ("LATISS", "LSSTCam"):
            steps = steps_for(purpose, instrument)
            assert not (steps.bootstrap and steps.apply_gains)
            quadratic = steps.crosstalk is not None and steps.crosstalk.quadratic
            assert not (quadratic and (steps.bootstrap or instrument == "LATISS"))
    assert steps_for("flat", "LSSTCam").crosstalk.quadratic


def test_latiss_has_a_level_and_a_mask_of_its_own():
    latiss, other = (steps_for("verifyFlat", name) for name in ("LATISS", "LSSTComCam"))
    assert (latiss.saturation_override, other.saturation_override) == (120_000.0, None)
    assert (latiss.crosstalk.masking, other.crosstalk.masking) == (LATISS_MASKING, SOURCE_MASKING)


def test_offsets_are_measured_for_the_curve_and_not_subtracted():
    steps = steps_for("ptc", "LATISS")
    assert (steps.amp_offset.inset, steps.amp_offset.largest) == (10, 1e5)
    assert not steps.subtract_amp_offset
    assert all(steps_for(purpose, "LATISS").amp_offset is None for purpose in ("bias", "flat", "verifyFlat"))


@pytest.mark.parametrize("purpose", ["flatBootstrap", "ptc", "linearizerPtc", "darkBootstrap", "verifyPtc"])
def test_without_overscan_the_bias_takes_its_place(purpose):
    steps = steps_for(purpose, "LATISS", has_overscan=False)
    assert steps.serial_overscan is steps.parallel_overscan is None
    assert steps.subtract_bias
    assert ("bias" in steps.optional) is ("ptc" in purpose.lower())
    assert not steps_for("biasBootstrap", "LATISS", has_overscan=False).subtract_bias


def test_a_default_configuration_changes_nothing():
    for purpose in PURPOSES:
        for instrument in ("LATISS", "LSSTCam"):
            assert IsrConfig().steps(purpose, instrument) == steps_for(purpose, instrument)
            assert IsrConfig().steps(purpose, instrument, has_overscan=False) == steps_for(
                purpose, instrument, has_overscan=False
            )


def test_a_configuration_turns_corrections_on_and_off():
    config = IsrConfig()
    config.order = "2024-04"
    config.subtract_crosstalk = False
    config.linearize = True
    config.mask_defects = False
    config.interpolate = True
    config.subtract_amp_offset = True
    config.required = ["linearizer"]
    config.strict = True
    config.dither = False
    config.correct_parallel_overscan = False
    steps = config.steps("dark", "LATISS")
    assert steps.order == "2024-04"
    assert steps.crosstalk is None
    assert (steps.linearize, steps.mask_defects, steps.interpolate) == (True, False, True)
    assert steps.subtract_amp_offset
    assert steps.amp_offset.largest == 5.0
    assert steps.optional == set(CALIBRATION_NAMES) - {"linearizer", "bias", "dark", "flat"}
    assert (steps.strict, steps.camera_state) == (True, CAMERA_STATE)
    assert (steps.dithering, steps.parallel_overscan) == (None, None)


def test_a_calibration_of_no_known_name_is_refused():
    config = IsrConfig()
    config.required = ["linearity"]
    with pytest.raises(FieldValidationError, match="unknown calibration linearity; known are crosstalk"):
        config.validate()


@pytest.mark.parametrize(("width", "expected"), [(24, True), (7, True), (6, False), (0, False)])
def test_an_overscan_of_a_few_columns_tells_no_level(width, expected):
    segment = SegmentModel(naxis1=40 + width, naxis2=90, prescan=0, data_width=40, data_height=80)
    assert has_overscan(camera("LATISS").detector(0).layout(segment)) is expected


def test_crosstalk_can_be_turned_on_where_no_chain_has_it():
    config = IsrConfig()
    config.subtract_crosstalk = True
    assert config.steps("crosstalk", "LATISS").crosstalk is not None


def test_the_saturation_level_is_that_of_the_camera_unless_told():
    config = IsrConfig()
    assert config.steps("dark", "LATISS").saturation_override == 120_000.0
    assert config.steps("dark", "LSSTCam").saturation_override is None
    config.saturation_from_turnoff = True
    assert config.steps("dark", "LATISS").saturation_override is None
    config.saturation_override = 70_000.0
    assert config.steps("dark", "LATISS").saturation_override == 70_000.0
