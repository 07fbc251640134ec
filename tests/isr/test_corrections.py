"""The single corrections, one after the other."""

import numpy as np
import pytest

from infra.errors import CalprodError
from infra.images import CalibrationImage, MaskPlane
from tasks.isr.assembly import assemble
from tasks.isr.bias import subtract_bias
from tasks.isr.dark import dark_scale, subtract_dark
from tasks.isr.flat import divide_by_flat
from tasks.isr.gains import apply_gain
from tasks.isr.nan import mask_nan
from tasks.isr.saturation import mask_saturation
from tasks.isr.statistics import final_statistics
from tasks.isr.variance import expected_variance
from tests.isr.raws import LAYOUT

SHAPE = (20, 30)


def calibration(value, variance=0.0, bad=None, **cards):
    mask = np.zeros(SHAPE, np.uint16)
    if bad is not None:
        mask[bad] = MaskPlane.BAD
    image = np.broadcast_to(np.float32(value), SHAPE).copy()
    return CalibrationImage(image, mask, np.full(SHAPE, variance, np.float32), dict(cards))


def blank(value=0.0):
    return np.full(SHAPE, value, np.float32), np.zeros(SHAPE, np.uint16)


def test_pixels_at_or_above_the_saturation_level_are_flagged():
    image, mask = blank()
    image[3, 4:7] = [99.9, 100.0, 100.1]
    assert mask_saturation(image, mask, 100.0, suspect=99.0) == 2
    np.testing.assert_array_equal(
        mask[3, 3:8], [0, MaskPlane.SUSPECT, *[MaskPlane.SAT | MaskPlane.SUSPECT] * 2, 0]
    )


def test_an_amplifier_saturated_as_a_whole_is_bad_instead():
    image, mask = blank(200.0)
    mask_saturation(image, mask, 100.0)
    np.testing.assert_array_equal(mask, MaskPlane.BAD)


def test_no_saturation_level_flags_nothing():
    image, mask = blank(200.0)
    image[0, 0] = np.nan
    assert mask_saturation(image, mask, np.nan) == 0
    assert not mask.any()


def test_the_gain_turns_adu_into_electrons():
    image, _ = blank(10.0)
    apply_gain(image, 1.25)
    np.testing.assert_array_equal(image, 12.5)


def test_every_data_pixel_goes_to_its_place():
    mosaic = np.zeros(LAYOUT.raw_shape, np.float32)
    for i, amplifier in enumerate(LAYOUT.amplifiers):
        mosaic[amplifier.data_box.slices] = i
    image = np.full(LAYOUT.image_shape, -1.0, np.float32)
    for amplifier in LAYOUT.amplifiers:
        assemble(mosaic[amplifier.data_box.slices], image, amplifier)
    # Top row C10…C17 are amplifiers 0…7, bottom row C00…C07 are 15…8 (HDU order runs back).
    np.testing.assert_array_equal(image[-1, ::61], np.arange(8))
    np.testing.assert_array_equal(image[0, ::61], np.arange(15, 7, -1))
    assert (image >= 0).all()


def test_the_bias_is_subtracted_and_its_bad_pixels_handed_on():
    image, mask = blank(7.0)
    subtract_bias(image, mask, calibration(2.0, bad=(1, 2)))
    np.testing.assert_array_equal(image, 5.0)
    assert mask[1, 2] == MaskPlane.BAD
    assert np.count_nonzero(mask) == 1


def test_the_dark_is_scaled_by_the_ratio_of_dark_times():
    image, mask = blank(7.0)
    dark = calibration(0.05, bad=(1, 2), DARKTIME=1.0)
    subtract_dark(image, mask, dark, dark_scale(30.24, dark))
    np.testing.assert_allclose(image, 7.0 - 0.05 * 30.24, rtol=1e-6)
    assert mask[1, 2] == MaskPlane.BAD
    assert dark_scale(30.0, calibration(0.0, DARKTIME=15.0)) == 2.0
    assert dark_scale(30.0, calibration(0.0)) == 30.0


@pytest.mark.parametrize("dark_time", [None, np.nan, np.inf, -1.0])
def test_an_exposure_without_dark_time_cannot_have_a_dark_subtracted(dark_time):
    with pytest.raises(CalprodError, match=f"dark time of {dark_time}"):
        dark_scale(dark_time, calibration(0.0, DARKTIME=1.0))


@pytest.mark.parametrize("own", [0.0, -1.0, "1", None, np.nan])
def test_a_combined_dark_without_a_dark_time_is_refused(own):
    with pytest.raises(CalprodError, match="combined dark"):
        dark_scale(30.0, calibration(0.0, DARKTIME=own))


def test_the_variance_of_a_flat_fielded_pixel_is_that_of_a_quotient():
    # Against the scatter of many noisy quotients: error of a variance √(2 / n).
    random = np.random.default_rng(0)
    n = 200_000
    quotients = random.normal(1000, 12, n) / random.normal(0.8, 0.004, n)
    image, mask = blank(1000.0)
    variance = np.full(SHAPE, 144.0, np.float32)
    divide_by_flat(image, mask, variance, calibration(0.8, variance=0.004**2))
    np.testing.assert_allclose(image, 1250.0, rtol=1e-6)
    assert variance[0, 0] == pytest.approx(quotients.var(), rel=5 * np.sqrt(2 / n) + 1e-3)


def test_a_dead_column_in_the_flat_does_not_become_the_mean_of_its_amplifier():
    # Once: a dead column whose flat was noise about zero gave quotients of ±10^6 and moved a mean by 30 %.
    image, mask = blank(1000.0)
    flat = calibration(1.0)
    flat.image[:, 3] = 1e-4
    image[:, 3] = 9.0
    divide_by_flat(image, mask, None, flat)
    assert (mask[:, 3] == MaskPlane.BAD).all()
    assert np.nanmean(image) == 1000.0


def test_a_pixel_without_response_becomes_bad_and_nan():
    image, mask = blank(1000.0)
    flat = calibration(1.0)
    flat.image[2, 3:6] = [0.0, -0.1, np.nan]
    variance = np.full(SHAPE, 10.0, np.float32)
    divide_by_flat(image, mask, variance, flat)
    assert np.isnan(image[2, 3:6]).all()
    assert np.isnan(variance[2, 3:6]).all()
    assert (mask[2, 3:6] == MaskPlane.BAD).all()
    assert np.count_nonzero(mask) == 3


def test_nan_pixels_are_flagged():
    image, mask = blank()
    assert mask_nan(image, mask) == 0
    image[2, 3] = np.nan
    mask[2, 3] = MaskPlane.SAT
    assert mask_nan(image, mask) == 1
    assert mask[2, 3] == MaskPlane.SAT | MaskPlane.UNMASKEDNAN
    assert np.count_nonzero(mask) == 1


def test_the_variance_is_of_photons_and_readout():
    image, _ = blank(100.0)
    np.testing.assert_allclose(expected_variance(image, 1.0, 8.0), 164.0)  # electron
    np.testing.assert_allclose(expected_variance(image, 2.0, 8.0), 50.0 + 16.0)  # adu
    image[0, 0] = -5.0
    assert expected_variance(image, 1.0, 8.0)[0, 0] == 59.0  # so that the mean over noise is right


def test_statistics_of_each_amplifier_go_into_the_header():
    random = np.random.default_rng(4)
    image = random.normal(50, 5, LAYOUT.image_shape).astype(np.float32)
    mask = np.zeros(LAYOUT.image_shape, np.uint16)
    box = LAYOUT.amplifier("C12").image_box
    image[box.y0, box.x0] = np.nan
    mask[box.y0, box.x0 : box.x0 + 3] = MaskPlane.SAT | MaskPlane.BAD
    metadata = {"LSST ISR OVERSCAN SERIAL MEDIAN C12": 20_000.0}
    cards = final_statistics(image, mask, LAYOUT, metadata)
    pixels = image[box.slices].astype(float)
    assert cards["LSST ISR FINAL MEAN C12"] == pytest.approx(np.nanmean(pixels), rel=1e-12)
    assert cards["LSST ISR FINAL MEDIAN C12"] == np.nanmedian(pixels)
    assert cards["LSST ISR FINAL STDEV C12"] == pytest.approx(5.0, rel=0.05)
    assert [cards[f"LSST ISR MASK {plane} C12"] for plane in ("SAT", "BAD", "SUSPECT")] == [3, 3, 0]
    assert cards["LSST ISR LEVEL C12"] == np.nanmedian(pixels) - 20_000.0
    assert np.isnan(cards["LSST ISR LEVEL C13"])
