"""Amplifier offsets: injected pedestals come back, and what is no offset is left alone."""

from dataclasses import replace

import numpy as np
import pytest

from infra.errors import CalprodError
from infra.images import MaskPlane
from infra.instruments import camera
from infra.instruments.layout import SegmentModel
from tasks.isr.amp_offset import (
    PTC_AMP_OFFSET,
    AmpOffsetSettings,
    measure_amp_offset,
    subtract_amp_offset,
)

LAYOUT = (
    camera("LATISS")
    .detector(0)
    .layout(SegmentModel(naxis1=128, naxis2=140, prescan=3, data_width=90, data_height=110))
)
NAMES = [amplifier.name for amplifier in LAYOUT.amplifiers]
NARROW = AmpOffsetSettings(inset=5, width=32)
NOISE = 5.0


def exposure(pedestals, seed=0, sky=100.0):
    image = np.random.default_rng(seed).normal(sky, NOISE, LAYOUT.image_shape).astype(np.float32)
    for name, pedestal in zip(NAMES, pedestals, strict=True):
        image[LAYOUT.amplifier(name).image_box.slices] += pedestal
    return image, np.zeros(LAYOUT.image_shape, np.uint16)


def injected(seed=1, scale=1.0):
    pedestals = np.random.default_rng(seed).normal(0, scale, len(NAMES))
    return pedestals - pedestals.mean()


def found(offset):
    return np.array([pedestal for _, pedestal in offset.pedestals])


def test_injected_pedestals_come_back():
    truth = injected()
    image, mask = exposure(truth)
    offset = measure_amp_offset(image, mask, LAYOUT, NARROW)
    # A step: median over 32 pixels, mean of 90 or more rows, of two sides: 5 · √(π/2 · 2 / (32 · 90)) = 0.15;
    # pedestals are sums of several; 5 sigma of the measured scatter below.
    np.testing.assert_allclose(found(offset), truth, atol=1.0)
    assert found(offset).std() == pytest.approx(truth.std(), rel=0.2)
    assert abs(found(offset).sum()) < 1e-9
    subtract_amp_offset(image, LAYOUT, offset)
    left = [np.median(image[LAYOUT.amplifier(name).image_box.slices]) for name in NAMES]
    assert np.ptp(left) < 1.0 < np.ptp(truth)


def test_the_scatter_over_seeds_is_that_of_the_pixels():
    errors = np.array(
        [found(measure_amp_offset(*exposure(np.zeros(16), seed), LAYOUT, NARROW)) for seed in range(12)]
    )
    sigma_of_step = NOISE * np.sqrt(np.pi / 2 * 2 / (32 * 90))
    # The Laplacian of a 2 × 8 grid turns steps of equal error into pedestals of 0.7 to 1.2 times it.
    assert 0.4 * sigma_of_step < errors.std() < 1.6 * sigma_of_step


def test_every_border_of_the_detector_is_measured_once():
    offset = measure_amp_offset(*exposure(np.zeros(16)), LAYOUT, NARROW)
    # Two rows of eight amplifiers: 2 × 7 borders beside each other, 8 between the rows.
    assert len(offset.interfaces) == 22
    assert {one.length for one in offset.interfaces} == {90, 110}
    pairs = {(one.first, one.second) for one in offset.interfaces}
    assert ("C10", "C11") in pairs
    assert ("C00", "C10") in pairs


def test_a_noiseless_step_is_exact():
    truth = injected()
    image, mask = exposure(np.zeros(16))
    image[...] = 0
    for name, pedestal in zip(NAMES, truth, strict=True):
        image[LAYOUT.amplifier(name).image_box.slices] = pedestal
    np.testing.assert_allclose(found(measure_amp_offset(image, mask, LAYOUT, NARROW)), truth, atol=1e-6)


def test_weights_by_length_change_nothing_when_all_borders_agree():
    image, mask = exposure(np.zeros(16))
    image[...] = 0
    image[LAYOUT.amplifier("C13").image_box.slices] = 3.0
    plain = measure_amp_offset(image, mask, LAYOUT, NARROW)
    weighted = measure_amp_offset(image, mask, LAYOUT, replace(NARROW, weight_by_length=True))
    np.testing.assert_allclose(found(weighted), found(plain), atol=1e-6)


def test_a_step_too_large_for_an_offset_counts_as_none():
    truth = np.zeros(16)
    truth[3] = 50.0
    image, mask = exposure(truth)
    offset = measure_amp_offset(image, mask, LAYOUT, NARROW)
    assert sum(not one.used for one in offset.interfaces) == 3
    assert np.abs(found(offset)).max() < 1.0
    of_ptc = measure_amp_offset(image, mask, LAYOUT, replace(PTC_AMP_OFFSET, width=32))
    assert found(of_ptc)[3] == pytest.approx(50.0 * 15 / 16, abs=1.0)


def test_an_amplifier_without_pixels_gets_no_pedestal_and_harms_none():
    image, mask = exposure(np.zeros(16))
    box = LAYOUT.amplifier("C13").image_box
    image[box.slices] = np.nan
    offset = measure_amp_offset(image, mask, LAYOUT, NARROW)
    assert np.isfinite(found(offset)).all()
    assert np.abs(found(offset)).max() < 1.0


def test_excluded_pixels_do_not_count():
    truth = injected()
    image, mask = exposure(truth)
    image[:, 60:70] = 1e5
    mask[:, 60:70] = MaskPlane.SAT
    np.testing.assert_allclose(found(measure_amp_offset(image, mask, LAYOUT, NARROW)), truth, atol=1.0)


def test_a_border_more_than_half_masked_is_not_used():
    image, mask = exposure(np.zeros(16))
    box = LAYOUT.amplifier("C10").image_box
    mask[box.y0 : box.y0 + 60, box.x0 : box.x1] = MaskPlane.BAD
    offset = measure_amp_offset(image, mask, LAYOUT, NARROW)
    used = {(one.first, one.second): one.used for one in offset.interfaces}
    assert not used["C10", "C11"]
    assert used["C11", "C12"]


def test_the_running_mean_keeps_a_constant_step():
    truth = injected()
    image, mask = exposure(truth)
    smooth = measure_amp_offset(image, mask, LAYOUT, replace(NARROW, window=512 / 4176))
    np.testing.assert_allclose(found(smooth), truth, atol=1.0)


def test_the_header_says_what_was_measured():
    offset = measure_amp_offset(*exposure(injected()), LAYOUT, NARROW)
    cards = offset.cards(subtracted=True)
    assert cards["LSST ISR AMPOFFSET PEDESTAL SUBTRACTED"] is True
    assert cards["LSST ISR AMPOFFSET PEDESTAL C10"] == found(offset)[0]
    assert "LSST ISR AMPOFFSET INTERFACEOFFSET C10-C11" in cards


def test_a_foreign_image_and_strips_wider_than_amplifiers_are_refused():
    image, mask = exposure(np.zeros(16))
    with pytest.raises(CalprodError, match="for a detector of"):
        measure_amp_offset(image[1:], mask[1:], LAYOUT, NARROW)
    with pytest.raises(CalprodError, match="lower inset or width"):
        measure_amp_offset(image, mask, LAYOUT, AmpOffsetSettings(width=100))
