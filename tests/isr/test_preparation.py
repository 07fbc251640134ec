"""What the calibrations say of each amplifier, which of them are used, and which are refused."""

from dataclasses import replace

import numpy as np
import pytest

from infra.errors import CalprodError
from infra.images import MaskPlane
from infra.instruments import camera
from infra.instruments.layout import Box, SegmentModel
from tasks.isr.bad_regions import fill_bad_regions
from tasks.isr.calibrations import UNKNOWN_TURNOFF, AmplifierResponses, Calibrations
from tasks.isr.chain import correct
from tasks.isr.linearity import LinearityCorrection
from tasks.isr.steps import IsrSteps, steps_for
from tests.isr.raws import LAYOUT, raw
from tests.isr.signatures import GAINS, NAMES, NOISES, image, matrix

TURNOFFS = {name: 60_000.0 + 1000.0 * i for i, name in enumerate(NAMES)}
RESPONSES = AmplifierResponses.usable(GAINS, NOISES, TURNOFFS)
BARE = (
    camera("LATISS")
    .detector(0)
    .layout(SegmentModel(naxis1=61, naxis2=80, prescan=0, data_width=61, data_height=80))
)
"""A detector that reads no overscan."""


def test_what_is_not_finite_becomes_harmless_and_the_amplifier_stays_bad():
    nan = float("nan")
    responses = AmplifierResponses.usable(
        GAINS | {"C10": nan, "C11": -1.0}, NOISES | {"C10": nan}, TURNOFFS | {"C10": nan}, ("C17",)
    )
    assert (responses.gains["C10"], responses.gains["C11"], responses.read_noises["C10"]) == (1.0, 1.0, 1.0)
    assert responses.turnoffs["C10"] == UNKNOWN_TURNOFF
    assert responses.bad == ("C10", "C11", "C17")


def test_the_curve_gives_gains_read_noises_and_turnoffs():
    exposure = correct(raw(100.0), LAYOUT, steps_for("bias", "LSSTCam"), Calibrations(responses=RESPONSES))
    cards = exposure.metadata
    assert cards["LSST ISR GAIN SOURCE"] == "PTC"
    for name in NAMES:
        assert cards[f"LSST ISR GAIN {name}"] == GAINS[name]
        assert cards[f"LSST ISR READNOISE {name}"] == NOISES[name]
        assert cards[f"LSST ISR PTCTURNOFF {name}"] == TURNOFFS[name]
        assert cards[f"LSST ISR SATURATION LEVEL {name}"] == TURNOFFS[name] * GAINS[name]
    # A level that is set for the camera goes before.
    exposure = correct(raw(100.0), LAYOUT, steps_for("bias", "LATISS"), Calibrations(responses=RESPONSES))
    assert exposure.metadata["LSST ISR SATURATION LEVEL C10"] == 120_000.0 * GAINS["C10"]


def test_pixels_above_the_turnoff_are_saturated_and_an_amplifier_above_it_is_bad():
    signal = np.zeros(LAYOUT.image_shape)
    first, second = (LAYOUT.amplifier(name).image_box for name in ("C12", "C13"))
    signal[first.y0, first.x0] = TURNOFFS["C12"] + 100.0
    signal[second.slices] = TURNOFFS["C13"] + 500.0
    steps = replace(steps_for("verifyDark", "LSSTCam"), subtract_bias=False, subtract_dark=False)
    exposure = correct(raw(signal), LAYOUT, steps, Calibrations(responses=RESPONSES))
    assert np.argwhere(exposure.mask & np.uint16(MaskPlane.SAT)).tolist() == [[first.y0, first.x0]]
    assert (exposure.mask[second.slices] == MaskPlane.BAD).all()
    assert exposure.metadata["LSST ISR MASK SAT C12"] == 1
    assert exposure.metadata["LSST ISR MASK BAD C13"] == second.area


def test_a_bootstrap_does_not_hold_an_old_curve_against_an_amplifier():
    responses = AmplifierResponses.usable(GAINS | {"C12": np.nan}, NOISES, TURNOFFS)
    known = Calibrations(responses=responses)
    inside = LAYOUT.amplifier("C12").image_box.slices
    assert (correct(raw(), LAYOUT, steps_for("bias", "LATISS"), known).mask[inside] == MaskPlane.BAD).all()
    bootstrap = correct(raw(), LAYOUT, steps_for("biasBootstrap", "LATISS"), known)
    assert not bootstrap.mask.any()
    assert bootstrap.metadata["LSST ISR GAIN SOURCE"] == "BOOTSTRAP"
    assert bootstrap.metadata["LSST ISR PTCTURNOFF C10"] is None  # infinite


def test_an_amplifier_that_is_a_defect_is_skipped():
    box = LAYOUT.amplifier("C05").image_box
    known = Calibrations(bias=image(0.0), defects=(box, Box(2, 3, 1, 4)))
    exposure = correct(raw(), LAYOUT, replace(steps_for("dark", "LATISS"), make_statistics=True), known)
    assert "LSST ISR OVERSCAN SERIAL MEAN C05" not in exposure.metadata
    assert exposure.metadata["LSST ISR MASK BAD C05"] == box.area
    assert np.count_nonzero(exposure.mask & np.uint16(MaskPlane.BAD)) == box.area + 4
    assert exposure.metadata["LSST ISR DEFECTS APPLIED"] is True


def test_no_defects_is_also_something_to_know():
    known = Calibrations(bias=image(0.0), defects=())
    exposure = correct(raw(), LAYOUT, steps_for("dark", "LATISS"), known)
    assert exposure.metadata["LSST ISR DEFECTS APPLIED"] is True
    assert not exposure.mask.any()


@pytest.mark.parametrize("name", ["crosstalk", "linearizer", "ptc", "defects"])
def test_a_prior_is_left_out_where_there_is_none_and_missed_where_it_is_required(name):
    steps = steps_for("dark", "LATISS")
    correct(raw(), LAYOUT, steps, Calibrations(bias=image(0.0)))
    with pytest.raises(CalprodError, match=f"need a {name}.*make a {name} first"):
        correct(
            raw(),
            LAYOUT,
            replace(steps, optional=steps.optional - {name}),
            Calibrations(bias=image(0.0)),
        )


def test_a_calibration_that_no_step_asks_for_is_left_alone():
    misfit = image(0.0)
    misfit = replace(misfit, image=misfit.image[:4], mask=misfit.mask[:4], variance=misfit.variance[:4])
    exposure = correct(raw(), LAYOUT, steps_for("bias", "LATISS"), Calibrations(bias=misfit))
    assert exposure.metadata["LSST ISR BIAS APPLIED"] is False


def test_priors_of_another_detector_are_refused():
    correction = {"C10": LinearityCorrection("Squared", np.array([1e-6]))}
    with pytest.raises(CalprodError, match=r"no linearity correction for amplifier C11.* of detector"):
        correct(raw(), LAYOUT, steps_for("bias", "LATISS"), Calibrations(linearizer=correction))
    short = AmplifierResponses.usable(GAINS, {"C10": 5.0}, TURNOFFS)
    with pytest.raises(CalprodError, match="no read noise for amplifier C11"):
        correct(raw(), LAYOUT, steps_for("bias", "LATISS"), Calibrations(responses=short))
    other = replace(matrix(), metadata={"DETECTOR": 94})
    with pytest.raises(CalprodError, match="detector 94"):
        correct(raw(), LAYOUT, steps_for("bias", "LATISS"), Calibrations(crosstalk=other))


def test_pixels_beyond_a_lookup_table_are_counted():
    table = {
        name: LinearityCorrection("LookupTable", np.array([0.0, 0.0]), np.zeros(1000, np.float32))
        for name in NAMES
    }
    signal = np.zeros(LAYOUT.image_shape) + 500.0
    box = LAYOUT.amplifier("C14").image_box
    signal[box.y0, box.x0 : box.x0 + 7] = 3000.0
    exposure = correct(raw(signal), LAYOUT, steps_for("bias", "LATISS"), Calibrations(linearizer=table))
    assert exposure.metadata["LSST ISR LINEARIZER OUT OF RANGE C14"] == 7
    assert exposure.metadata["LSST ISR LINEARIZER OUT OF RANGE C13"] == 0


@pytest.mark.parametrize("purpose", ["flatBootstrap", "ptc"])
def test_a_camera_without_overscan_takes_its_level_from_the_bias(purpose):
    steps = steps_for(purpose, "LATISS", has_overscan=False)
    pixels = np.random.default_rng(2).normal(1500.0, 4.0, BARE.raw_shape).astype(np.float32)
    known = Calibrations(bias=image(1000.0, "adu"), dark=image(0.0, "adu"))
    exposure = correct(pixels, BARE, steps, known, dark_time=1.0)
    assert exposure.image.mean(dtype=float) == pytest.approx(500.0, abs=0.1)
    assert exposure.metadata["LSST ISR BIAS APPLIED"] is True
    assert exposure.metadata["LSST ISR OVERSCAN SERIAL APPLIED"] is False
    nominal = BARE.amplifier("C10").read_noise / BARE.amplifier("C10").gain
    assert exposure.metadata["LSST ISR READNOISE C10"] == pytest.approx(nominal)
    assert exposure.variance.mean() == pytest.approx(500.0 + nominal**2, rel=0.05)
    told = {"LSST ISR READNOISE UNITS": "adu"} | {f"LSST ISR READNOISE {name}": 12.5 for name in NAMES}
    known = replace(known, bias=image(1000.0, "adu", **told))
    assert correct(pixels, BARE, steps, known, dark_time=1.0).metadata["LSST ISR READNOISE C10"] == 12.5


def test_without_overscan_and_bias_the_curve_keeps_its_level():
    steps = steps_for("ptc", "LATISS", has_overscan=False)
    exposure = correct(np.full(BARE.raw_shape, 900, np.int32), BARE, steps)
    assert exposure.image.mean(dtype=float) == pytest.approx(900.0, abs=0.1)
    assert exposure.metadata["LSST ISR BIAS APPLIED"] is False


def test_offsets_are_recorded_also_between_small_amplifiers():
    pixels = raw(1000.0)
    pixels[LAYOUT.amplifier("C12").data_box.slices] += 25
    exposure = correct(pixels, LAYOUT, steps_for("ptc", "LATISS"))
    assert exposure.metadata["LSST ISR AMPOFFSET INTERFACEOFFSET C12-C13"] == pytest.approx(25.0, abs=1.0)
    assert exposure.metadata["LSST ISR AMPOFFSET PEDESTAL SUBTRACTED"] is False
    steps = replace(steps_for("ptc", "LATISS"), subtract_amp_offset=True)
    flat = correct(pixels, LAYOUT, steps)
    means = [flat.image[one.image_box.slices].mean(dtype=float) for one in LAYOUT.amplifiers]
    assert np.ptp(means) < 3.0


def test_bad_regions_get_the_median_of_the_others():
    plane, mask = np.arange(20, dtype=np.float32).reshape(4, 5), np.zeros((4, 5), np.uint16)
    mask[1, 2:4] = MaskPlane.BAD | MaskPlane.SAT
    plane[1, 2], plane[0, 0] = 1e6, np.nan
    sound = np.delete(np.arange(20.0), [0, 7, 8])
    assert fill_bad_regions(plane, mask) == 2
    assert (plane[1, 2:4] == np.float32(np.median(sound))).all()
    assert np.isnan(plane[0, 0])
    assert fill_bad_regions(plane, np.zeros((4, 5), np.uint16)) == 0
    assert fill_bad_regions(plane, np.full((4, 5), MaskPlane.BAD, np.uint16)) == 20


def test_bad_regions_are_filled_and_interpolated_where_asked():
    steps = IsrSteps(mask_defects=True, fill_bad_regions=True, subtract_bias=False)
    signal = np.full(LAYOUT.image_shape, 300.0)
    signal[10:13, 20:22] = 5000.0
    known = Calibrations(defects=(Box(20, 10, 2, 3),))
    filled = correct(raw(signal), LAYOUT, steps, known)
    assert np.ptp(filled.image[10:13, 20:22]) == 0
    bridged = correct(raw(signal), LAYOUT, replace(steps, fill_bad_regions=False, interpolate=True), known)
    assert (bridged.mask[10:13, 20:22] == MaskPlane.BAD | MaskPlane.INTRP).all()
    assert bridged.image[10:13, 20:22] == pytest.approx(300.0 * 1.08, abs=40.0)
