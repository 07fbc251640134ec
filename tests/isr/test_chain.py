"""The chain of corrections as a whole: order, records, injected truth, bad input."""

from dataclasses import replace

import numpy as np
import pytest

from infra.errors import CalprodError
from infra.images import CalibrationImage, MaskPlane
from infra.instruments import camera
from infra.instruments.layout import SegmentModel
from tasks.isr.calibrations import AmplifierResponses, Calibrations
from tasks.isr.chain import correct
from tasks.isr.overscan import LATISS_PARALLEL, PARALLEL
from tasks.isr.steps import IsrSteps, steps_for
from tasks.isr.work import Workspace
from tests.isr.raws import E2V_LAYOUT, LAYOUT, raw

GAINS = {amplifier.name: amplifier.gain for amplifier in LAYOUT.amplifiers}


def gain_map(layout=LAYOUT):
    gains = np.empty(layout.image_shape)
    for amplifier in layout.amplifiers:
        gains[amplifier.image_box.slices] = amplifier.gain
    return gains


def calibration(value, unit="electron", shape=LAYOUT.image_shape, **cards):
    image = np.broadcast_to(np.float32(value), shape).copy()
    mask, variance = np.zeros(shape, np.uint16), np.zeros(shape, np.float32)
    return CalibrationImage(image, mask, variance, {"LSST ISR UNITS": unit, "DARKTIME": 1.0} | cards)


def responses(gains):
    """Responses with the nominal read noises."""
    noises = {amplifier.name: amplifier.read_noise for amplifier in LAYOUT.amplifiers}
    return AmplifierResponses.usable(gains, noises, dict.fromkeys(gains, 1e5))


@pytest.mark.parametrize("layout", [LAYOUT, E2V_LAYOUT], ids=["ITL", "E2V"])
def test_what_was_put_in_comes_out_in_electrons(layout):
    y, x = np.mgrid[: layout.image_shape[0], : layout.image_shape[1]]
    signal = 500.0 + x + 2.0 * y  # asymmetric: a flip or an exchange would show
    exposure = correct(raw(signal, noise=4.0, layout=layout), layout, steps_for("bias", "LATISS"))
    error = exposure.image - signal * gain_map(layout)
    # Read noise, dithering and rounding (1/12 adu² each), level of the row (26 px) and column (24 px).
    scatter = np.hypot(4.0, np.sqrt(2 / 12)) * gain_map(layout) * np.sqrt(1 + np.pi / 2 * (1 / 26 + 1 / 24))
    chi2 = np.mean((error / scatter) ** 2)
    assert chi2 == pytest.approx(1.0, abs=0.02 + 5 * np.sqrt(2 / error.size))
    assert exposure.unit == "electron"
    assert not exposure.mask.any()


def test_the_header_records_every_step():
    exposure = correct(raw(), LAYOUT, steps_for("verifyBias", "LATISS"), Calibrations(bias=calibration(0.0)))
    cards = exposure.metadata
    assert cards["LSST ISR UNITS"] == "electron"
    assert cards["LSST ISR BOOTSTRAP"] is False
    assert cards["LSST ISR GAIN SOURCE"] == "CAMERA MODEL"
    assert (cards["LSST ISR READNOISE UNITS"], cards["LSST ISR OVERSCAN SERIAL UNITS"]) == ("electron", "adu")
    applied = {key[9:-8] for key, value in cards.items() if key.endswith(" APPLIED") and value is True}
    assert applied == {"OVERSCAN SERIAL", "GAIN", "OVERSCAN PARALLEL", "BIAS"}
    left_out = {key[9:-8] for key, value in cards.items() if key.endswith(" APPLIED") and value is False}
    assert left_out == {
        *("CROSSTALK", "LINEARIZER", "CTI", "DARK", "DEFECTS", "BF", "FLAT", "FRINGE", "GAINCORRECTION")
    }
    for amplifier in LAYOUT.amplifiers:
        name = amplifier.name
        assert cards[f"LSST ISR GAIN {name}"] == amplifier.gain
        assert cards[f"LSST ISR READNOISE {name}"] == amplifier.read_noise
        assert cards[f"LSST ISR SATURATION LEVEL {name}"] == 120_000.0 * amplifier.gain
        for direction in ("SERIAL", "PARALLEL"):
            for statistic in ("MEAN", "MEDIAN", "STDEV"):
                assert isinstance(cards[f"LSST ISR OVERSCAN {direction} {statistic} {name}"], float)
                assert isinstance(cards[f"LSST ISR OVERSCAN RESIDUAL {direction} {statistic} {name}"], float)
        # The residual is the read noise in adu, less what the row's own median takes of it.
        assert cards[f"LSST ISR OVERSCAN RESIDUAL SERIAL STDEV {name}"] == pytest.approx(6.0, rel=0.12)
        assert cards[f"LSST ISR FINAL STDEV {name}"] == pytest.approx(6.0 * amplifier.gain, rel=0.1)


def test_given_gains_and_read_noises_are_used_and_their_source_told():
    gains = dict.fromkeys(GAINS, 2.0)
    noises = dict.fromkeys(GAINS, 5.0)
    known = Calibrations(responses=AmplifierResponses.usable(gains, noises, gains))
    exposure = correct(raw(100.0), LAYOUT, steps_for("bias", "LATISS"), known)
    assert exposure.metadata["LSST ISR GAIN SOURCE"] == "PTC"
    assert exposure.image.mean() == pytest.approx(200.0, abs=2.0)
    assert exposure.variance.mean() == pytest.approx(200.0 + 25.0, abs=2.0)


def test_bootstrap_stays_in_adu_and_takes_the_noise_from_the_overscan():
    exposure = correct(raw(100.0), LAYOUT, steps_for("biasBootstrap", "LATISS"))
    assert exposure.unit == exposure.metadata["LSST ISR UNITS"] == "adu"
    assert exposure.metadata["LSST ISR GAIN SOURCE"] == "BOOTSTRAP"
    assert exposure.metadata["LSST ISR GAIN C10"] == 1.0
    noise = exposure.metadata["LSST ISR READNOISE C10"]
    assert noise == exposure.metadata["LSST ISR OVERSCAN RESIDUAL SERIAL STDEV C10"]
    assert exposure.image.mean() == pytest.approx(100.0, abs=1.0)
    assert exposure.variance.mean() == pytest.approx(100.0 + 36.0, abs=4.0)


def test_bias_dark_and_flat_are_taken_out_in_that_order():
    # electron: (bias 30 + dark 0.5 · 20 s + 1000) · flat is what remains of the raw.
    response = 1.0 + 0.2 * np.sin(np.arange(LAYOUT.image_shape[1]) / 40.0)
    signal = 30.0 + 0.5 * 20.0 + 1000.0 * response * np.ones(LAYOUT.image_shape)
    exposure = correct(
        raw(signal / gain_map(), noise=2.0),
        LAYOUT,
        steps_for("verifyFlat", "LATISS"),
        Calibrations(bias=calibration(30.0), dark=calibration(0.5), flat=calibration(response)),
        dark_time=20.0,
    )
    columns = exposure.image.mean(axis=0, dtype=float)
    # Serial level: 2 adu · √(π/2/26) per row, common to a row; the mean over 160 rows of a column hides it.
    np.testing.assert_allclose(columns, 1000.0, atol=5 * 2.4 * np.sqrt((1 + np.pi / 2 / 24 * 80) / 160) / 0.8)
    assert {exposure.metadata[f"LSST ISR {name} APPLIED"] for name in ("BIAS", "DARK", "FLAT")} == {True}


def test_saturated_pixels_are_flagged_in_raw_counts_before_the_gain():
    signal = np.zeros(LAYOUT.image_shape)
    box = LAYOUT.amplifier("C13").image_box
    signal[box.y0 + 5, box.x0 + 7] = 50_000.0
    signal[box.y0 + 6, box.x0 + 7] = 39_000.0
    steps = replace(steps_for("dark", "LATISS"), subtract_bias=False, saturation_override=40_000.0)
    exposure = correct(raw(signal), LAYOUT, steps)
    assert np.argwhere(exposure.mask & MaskPlane.SAT).tolist() == [[box.y0 + 5, box.x0 + 7]]
    assert exposure.metadata["LSST ISR SATURATION LEVEL C13"] == 40_000.0 * GAINS["C13"]


def test_a_bad_amplifier_is_flagged_and_the_rest_is_unharmed():
    pixels = raw(10.0)
    good = correct(pixels, LAYOUT, steps_for("bias", "LATISS"))
    listed = correct(pixels, LAYOUT, replace(steps_for("bias", "LATISS"), bad_amplifiers=("C12",)))
    without_gain = responses(GAINS | {"C12": np.nan})
    dead = correct(pixels, LAYOUT, steps_for("bias", "LATISS"), Calibrations(responses=without_gain))
    inside = np.zeros(LAYOUT.image_shape, bool)
    inside[LAYOUT.amplifier("C12").image_box.slices] = True
    for exposure in (listed, dead):
        assert (exposure.mask[inside] == MaskPlane.BAD).all()
        assert not exposure.mask[~inside].any()
        np.testing.assert_array_equal(exposure.image[~inside], good.image[~inside])
        assert "LSST ISR OVERSCAN SERIAL MEAN C12" not in exposure.metadata
    assert dead.metadata["LSST ISR GAIN C12"] == 1.0


def test_an_amplifier_of_nan_is_flagged_and_the_rest_is_unharmed():
    pixels = raw(10.0, integer=False)
    pixels[LAYOUT.amplifier("C05").raw_box.slices] = np.nan
    exposure = correct(pixels, LAYOUT, steps_for("verifyBias", "LATISS"), Calibrations(bias=calibration(0.0)))
    inside = LAYOUT.amplifier("C05").image_box.slices
    assert (exposure.mask[inside] == MaskPlane.UNMASKEDNAN).all()
    assert np.count_nonzero(exposure.mask) == exposure.mask[inside].size
    assert exposure.metadata["LSST ISR FINAL MEAN C05"] is None
    assert exposure.metadata["LSST ISR OVERSCAN SERIAL MEAN C05"] == 0.0


def test_float_raws_are_not_dithered():
    pixels = raw(10.0, integer=False)
    first, second = (correct(pixels, LAYOUT, steps_for("bias", "LATISS"), seed=seed) for seed in (1, 2))
    np.testing.assert_array_equal(first.image, second.image)
    integers = raw(10.0)
    first, second = (correct(integers, LAYOUT, steps_for("bias", "LATISS"), seed=seed) for seed in (1, 2))
    assert (first.image != second.image).any()


def test_the_raw_is_not_changed():
    for integer in (True, False):
        pixels = raw(10.0, integer=integer)
        before = pixels.copy()
        correct(pixels, LAYOUT, steps_for("bias", "LATISS"))
        np.testing.assert_array_equal(pixels, before)


def test_a_workspace_gives_the_same_result_again_and_again():
    workspace, steps = Workspace(), steps_for("dark", "LATISS")
    alone = [correct(raw(9.0, seed=i), LAYOUT, steps, Calibrations(bias=calibration(1.0))) for i in range(3)]
    for i, one in enumerate(alone):
        shared = correct(
            raw(9.0, seed=i), LAYOUT, steps, Calibrations(bias=calibration(1.0)), workspace=workspace
        )
        np.testing.assert_array_equal(shared.image, one.image)
        np.testing.assert_array_equal(shared.mask, one.mask)
        np.testing.assert_array_equal(shared.variance, one.variance)


def test_a_frame_without_overscan_keeps_its_level():
    segment = SegmentModel(naxis1=61, naxis2=80, prescan=0, data_width=61, data_height=80)
    bare = camera("LATISS").detector(0).layout(segment)
    pixels = np.full(bare.raw_shape, 1000, np.int32)
    exposure = correct(pixels, bare, steps_for("bias", "LATISS"))
    assert exposure.image.mean(dtype=float) == pytest.approx(1000 * gain_map(bare).mean(), rel=1e-4)
    assert exposure.metadata["LSST ISR OVERSCAN SERIAL APPLIED"] is False


def test_without_a_variance_plane_none_is_made_up():
    steps = replace(steps_for("bias", "LATISS"), make_variance=False)
    exposure = correct(raw(), LAYOUT, steps)
    assert np.isnan(exposure.variance).all()
    assert exposure.variance.strides == (0, 0)


@pytest.mark.parametrize(
    ("purpose", "bias", "dark", "flat", "saturation"),
    [
        ("bias", False, False, False, False),
        ("dark", True, False, False, True),
        ("flat", True, True, False, True),
        ("verifyBias", True, False, False, False),
        ("verifyDark", True, True, False, True),
        ("verifyFlat", True, True, True, True),
        ("darkBootstrap", True, False, False, True),  # the reference leaves out the bias by a slip
    ],
)
def test_the_chain_of_each_purpose(purpose, bias, dark, flat, saturation):
    steps = steps_for(purpose, "LATISS")
    assert (steps.subtract_bias, steps.subtract_dark, steps.divide_by_flat) == (bias, dark, flat)
    assert steps.mask_saturation is saturation
    assert steps.bootstrap is not steps.apply_gains
    assert steps.parallel_overscan == LATISS_PARALLEL
    assert steps_for(purpose, "LSSTComCam").parallel_overscan == PARALLEL


def test_a_raw_of_another_shape_is_refused():
    with pytest.raises(CalprodError, match=r"raw of shape \(10, 10\)"):
        correct(np.zeros((10, 10), np.int32), LAYOUT, IsrSteps())


def test_a_missing_calibration_is_named():
    with pytest.raises(CalprodError, match=r"need a bias.*make a bias first"):
        correct(raw(), LAYOUT, steps_for("dark", "LATISS"))


def test_a_calibration_of_another_shape_or_unit_is_refused():
    steps = steps_for("dark", "LATISS")
    with pytest.raises(CalprodError, match="the bias has shape"):
        correct(raw(), LAYOUT, steps, Calibrations(bias=calibration(0.0, shape=(4, 5))))
    with pytest.raises(CalprodError, match="the bias is in adu, the exposure in electron"):
        correct(raw(), LAYOUT, steps, Calibrations(bias=calibration(0.0, unit="adu")))


def test_a_missing_gain_is_named():
    gains = {name: gain for name, gain in GAINS.items() if name != "C03"}
    with pytest.raises(CalprodError, match="no gain for amplifier C03"):
        correct(raw(), LAYOUT, steps_for("bias", "LATISS"), Calibrations(responses=responses(gains)))


def test_bootstrap_with_gains_contradicts_itself():
    with pytest.raises(CalprodError, match="bootstrap"):
        correct(raw(), LAYOUT, IsrSteps(bootstrap=True, apply_gains=True))
