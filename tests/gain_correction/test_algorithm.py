"""The correction of gains from flats that are known to have moved."""

import numpy as np
import pytest

from infra.errors import CalprodError
from infra.images import MaskPlane
from tasks.flat_pairs.amplifier_ratios import reference_amplifier
from tasks.gain_correction.algorithm import GainCorrectionSettings, measure_gain_correction
from tests.gain_correction.flats import EDGE_OF_FIELD, KNOWN, LATISS, NAMES, curve, factors, flat, light

CURVE = curve()
PLAIN = GainCorrectionSettings(order=0, radial_nodes=0)


def measured(new, reference, settings=None, layout=LATISS, instrument="LATISS"):
    return measure_gain_correction(new, reference, CURVE, layout, instrument, settings)


def adjustments(correction):
    return np.array([one.adjustment for one in correction.amplifiers])


def corrected(new, correction):
    image = new.image.astype(np.float64)
    for one, layout in zip(correction.amplifiers, LATISS.amplifiers, strict=True):
        image[layout.image_box.slices] /= one.adjustment
    return image


def test_matched_gradients_give_the_factors_themselves():
    """Rubin cp_pipe's test, order 0 without profile: factors to 1e-5, corrected ratio to 1e-6."""
    reference = flat(light())
    new = flat(light(), factors())
    found = measured(new, reference, PLAIN)
    assert found.adjustments[NAMES[3]] == pytest.approx(1 / 1.002, abs=1e-5)
    assert found.adjustments[NAMES[6]] == pytest.approx(1 / 0.998, abs=1e-5)
    np.testing.assert_allclose(adjustments(found), factors(), atol=1e-5)
    # Pixels are float32, of which each has an error of 3e-8; bins have less.
    ratio = corrected(new, found) / reference.image
    blocks = ratio.reshape(60, 8, 120, 8).mean(axis=(1, 3))
    assert np.std(blocks) < 1e-6
    assert not found.reasons
    assert found.adjustments[found.middle] == 1.0


def test_other_gradients_cost_little():
    """Rubin cp_pipe's test allows 3e-3 with a profile and order 1.

    The logarithm of a slope of 5 % is no plane: it bends by 0.05² / 8 = 3e-4, half of it on either side.
    """
    reference = flat(light(radial=0.1, slope=0.02))
    new = flat(light(radial=0.13, slope=-0.03), factors())
    found = adjustments(measured(new, reference))
    np.testing.assert_allclose(found, factors(), atol=1.6e-4)


def test_at_the_edge_of_the_field_a_profile_is_needed():
    place = {"layout": EDGE_OF_FIELD, "instrument": "LSSTCam"}
    reference = flat(light(EDGE_OF_FIELD, "LSSTCam", radial=0.3), layout=EDGE_OF_FIELD)
    new = flat(light(EDGE_OF_FIELD, "LSSTCam", radial=0.6), factors(), layout=EDGE_OF_FIELD)
    found = adjustments(measured(new, reference, **place))
    np.testing.assert_allclose(found, factors(), atol=1e-4)
    without = adjustments(measured(new, reference, GainCorrectionSettings(radial_nodes=0), **place))
    assert np.abs(without - factors()).max() > 1e-3


def test_injected_changes_come_back_within_their_errors():
    """Flats of 0.3 % a pixel; an amplifier has 250 bins. Five errors, twice for the light beside it."""
    random = np.random.default_rng(8)
    truth = 1.0 + random.normal(0.0, 0.005, 16)
    reference = flat(light(), noise=0.003, seed=1)
    new = flat(light(radial=0.11), truth, noise=0.003, seed=2)
    found = measured(new, reference, GainCorrectionSettings(radial_nodes=8))
    expected = truth / truth[NAMES.index(found.middle)]
    errors = np.array([one.error for one in found.amplifiers])
    # 0.003 √2 / 8 over √250 bins, times 1.25 for the median
    np.testing.assert_allclose(errors, 1.25 * 0.003 * np.sqrt(2) / 8 / np.sqrt(250), rtol=0.4)
    assert (np.abs(adjustments(found) - expected) < 2 * 5 * errors + 1e-6).all()
    assert {one.n_bins for one in found.amplifiers} == {250}


def test_an_amplifier_that_has_moved_by_more_than_five_percent_is_left_out_by_name():
    new = flat(light(), factors({3: 1 / 1.002, 9: 1.08}))
    found = measured(new, flat(light()))
    assert found.adjustments[NAMES[9]] == 1.0
    assert found.reasons == {NAMES[9]: "it has moved by +8.0 %, more than 5 %"}
    others = np.delete(adjustments(found), 9)
    np.testing.assert_allclose(others, np.delete(factors({3: 1 / 1.002}), 9), atol=3e-5)


def test_the_reference_itself_may_have_moved():
    fixed = reference_amplifier(CURVE)
    new = flat(light(), factors({NAMES.index(fixed): 1.07}))
    found = measured(new, flat(light()))
    assert found.reference != fixed
    assert found.reasons == {fixed: "it has moved by +7.0 %, more than 5 %"}
    np.testing.assert_allclose(adjustments(found), 1.0, atol=3e-5)


def test_bad_and_dark_amplifiers_have_their_reasons():
    reference, new = flat(light()), flat(light(), factors())
    new.image[LATISS.amplifier("C12").image_box.slices] = 0.0
    new.mask[LATISS.amplifier("C05").image_box.slices] |= np.uint16(MaskPlane.BAD)
    found = measure_gain_correction(new, reference, curve(bad=("C00",)), LATISS, "LATISS")
    assert found.reasons["C12"] == found.reasons["C05"] == "it has no usable bins in both flats"
    assert found.reasons["C00"] == "it is bad in the photon transfer curve: noisy"
    assert set(found.reasons) == {"C12", "C05", "C00"}
    assert all(found.adjustments[name] == 1.0 for name in found.reasons)
    sound = [place for place, name in enumerate(NAMES) if name not in found.reasons]
    np.testing.assert_allclose(adjustments(found)[sound], factors()[sound], atol=3e-5)
    assert np.isnan(found.amplifiers[NAMES.index("C12")].picture).all()


def test_the_level_of_the_flats_does_not_matter():
    reference = flat(light())
    found = [adjustments(measured(flat(level * light(), factors()), reference, PLAIN)) for level in (1, 25e3)]
    np.testing.assert_allclose(found[0], found[1], atol=1e-6)


def test_defects_take_no_part():
    new, reference = flat(light(), factors()), flat(light())
    new.image[:, 37] = 0.0
    new.mask[:, 37] |= np.uint16(MaskPlane.BAD)
    reference.image[200:220, 500:530] = np.nan
    np.testing.assert_allclose(adjustments(measured(new, reference)), factors(), atol=3e-5)


def test_the_picture_shows_the_ratio_over_the_amplifier():
    found = measured(flat(light(), factors(KNOWN)), flat(light()), PLAIN)
    for place, one in enumerate(found.amplifiers):
        assert one.picture.shape == (8, 4)
        np.testing.assert_allclose(one.picture, factors()[place], atol=1e-5)


def test_flats_that_do_not_fit_are_refused():
    reference = flat(light())
    small = flat(light()[:-8])
    with pytest.raises(CalprodError, match="one detector in one readout mode"):
        measured(small, reference)
    dark = flat(0.0 * light())
    with pytest.raises(CalprodError, match="no usable bins in common"):
        measured(dark, reference)
    with pytest.raises(CalprodError, match="fewer than two amplifiers"):
        measure_gain_correction(reference, reference, curve(bad=NAMES[1:]), LATISS, "LATISS")
