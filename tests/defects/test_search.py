"""The search for defects where its input is not as it should be, and where it differs from Rubin's."""

import numpy as np
import pytest

from infra.errors import CalprodError, UsageError
from infra.images import MaskPlane
from tasks.defects.algorithm import (
    DefectReason,
    DefectSettings,
    defects_of_map,
    find_defects,
    image_of_most_inputs,
    merge_defects,
    settings_for,
)
from tests.defects.detectors import LATISS, MOCK, boxes, combined, detector

SHAPE = MOCK.image_shape
FLAT = DefectSettings("VALUE", flat_value=0.9)


def noise(mean=1.0, sigma=0.001, layout=MOCK):
    return np.random.default_rng(1).normal(mean, sigma, layout.image_shape)


def test_an_amplifier_that_is_not_a_number_is_skipped_and_the_rest_unharmed():
    image = noise()
    image[MOCK.amplifiers[2].image_box.slices] = np.nan
    image[10, 10] = 0.5
    found = find_defects(combined(image), MOCK, "flat", FLAT)
    assert found.skipped == (MOCK.amplifiers[2].name,)
    assert boxes(defects_of_map(found)) == {(10, 10, 1, 1)}
    assert found.cards()["CALPROD DEFECTS SKIPPED AMPLIFIERS"] == MOCK.amplifiers[2].name


def test_an_amplifier_without_data_is_skipped():
    mask = np.zeros(SHAPE, np.uint16)
    mask[MOCK.amplifiers[0].image_box.slices] = MaskPlane.NO_DATA
    found = find_defects(combined(np.where(mask, 0.0, noise()), mask), MOCK, "flat", FLAT)
    assert found.skipped == (MOCK.amplifiers[0].name,)
    assert not found.mask.any()


def test_single_pixels_that_are_not_a_number_do_not_change_the_thresholds():
    image = noise()
    image[::7, ::5] = np.nan
    image[11, 11] = 0.5
    assert boxes(defects_of_map(find_defects(combined(image), MOCK, "flat", FLAT))) == {(11, 11, 1, 1)}


def test_a_flat_without_light_is_a_dead_amplifier():
    image = noise()
    image[MOCK.amplifiers[5].image_box.slices] -= 1.01
    found = find_defects(combined(image), MOCK, "flat", FLAT)
    assert found.dead == (MOCK.amplifiers[5].name,)
    assert found.count(DefectReason.DEAD) == 5100
    assert found.count(DefectReason.COLUMN) == 0


def test_standard_deviations_find_nothing_in_a_bias_and_say_so():
    image = noise()
    image[5, 5] = 1e5
    found = find_defects(combined(image), MOCK, "bias", DefectSettings("STDEV"))
    assert not found.mask.any()
    assert "use threshold type VALUE" in found.warnings[0]


def test_thresholds_of_biases_and_darks_follow_unit_and_exposure_time():
    layout = detector(2, 4, 100, 51, gain=2.0)
    image = noise(0.0, 0.1)
    image[5, 5], image[6, 6], image[7, 7] = 1.4, 1.6, 3.1
    settings = DefectSettings("VALUE", dark_value=3.0)

    def found(unit, **more):
        calibration = combined(image, **{"LSST ISR UNITS": unit})
        return int(find_defects(calibration, layout, "dark", settings, **more).mask.sum())

    # 3 electron/s are 1.5 adu/s at a gain of 2; in two seconds they are 3 adu.
    assert found("adu") == 2
    assert found("electron") == 1
    assert found("adu", exposure_time=2.0) == 1
    assert found("adu", exposure_time=float("nan")) == 2
    bias = combined(image * 1000, **{"LSST ISR UNITS": "electron"})
    assert int(find_defects(bias, layout, "bias", DefectSettings("VALUE")).mask.sum()) == 1


def test_runs_of_columns_end_at_the_midline_where_rubins_cross_it():
    # Thirty defects in either half: no half has fifty, the column of the detector has.
    image = noise(layout=LATISS)
    image[170:230:1, 100] = 0.5
    image[150:250:10, 100] = 0.5
    settings = {"threshold_type": "VALUE", "flat_value": 0.9}
    ours = find_defects(combined(image), LATISS, "flat", DefectSettings(**settings))
    rubins = find_defects(
        combined(image), LATISS, "flat", DefectSettings(**settings, columns_across_amplifiers=True)
    )
    assert ours.count(DefectReason.COLUMN) == 0
    assert rubins.count(DefectReason.COLUMN) == 240 - 150 + 1


def test_an_image_of_another_shape_is_refused():
    with pytest.raises(CalprodError, match=r"flat of shape \(10, 10\) for detector R00_S00"):
        find_defects(combined(np.ones((10, 10))), MOCK, "flat", FLAT)


def test_nothing_to_merge_is_refused():
    with pytest.raises(CalprodError, match="no images to take defects from"):
        merge_defects({"bias": [], "flat": []}, MOCK)


def test_maps_of_another_shape_are_refused():
    other = find_defects(combined(noise(layout=LATISS)), LATISS, "flat", FLAT)
    with pytest.raises(CalprodError, match="another shape"):
        merge_defects({"flat": [other]}, MOCK)


def test_defects_of_the_images_at_hand_do_without_the_missing_one():
    image = noise()
    image[5, 5] = 0.1
    flat = find_defects(combined(image), MOCK, "flat", FLAT)
    assert merge_defects({"bias": [], "flat": [flat]}, MOCK).count(DefectReason.COLD) == 1


def test_a_pixel_keeps_the_reasons_of_all_images():
    dark, flat = noise(0.0, 0.1), noise()
    dark[5, 5], flat[5, 5] = 100.0, 0.1
    maps = {
        "dark": [find_defects(combined(dark), MOCK, "dark", DefectSettings("VALUE"))],
        "flat": [find_defects(combined(flat), MOCK, "flat", FLAT)],
    }
    (only,) = defects_of_map(merge_defects(maps, MOCK))
    assert only.reason == DefectReason.HOT | DefectReason.COLD


def test_the_image_of_most_inputs_is_chosen():
    few = combined(noise(), CPP_INPUT_0=1, CPP_INPUT_DATE_0="x", CPP_INPUT_EXPT_0=1.0)
    many = combined(noise(), CPP_INPUT_0=1, CPP_INPUT_1=2)
    assert image_of_most_inputs([few, many]) is many
    assert image_of_most_inputs([many, few]) is many
    with pytest.raises(CalprodError, match="no combined image"):
        image_of_most_inputs([])


def test_settings_of_latiss_and_of_other_cameras():
    assert settings_for("dark", "LATISS").dark_value == 3.0
    assert settings_for("bias", "LATISS").saturated_pixels_to_fill == 20
    assert settings_for("flat", "LATISS").flat_value == 0.9
    assert settings_for("flat", "LSSTCam") == DefectSettings()
    assert settings_for("bias", "LSSTCam").threshold_type == "VALUE"


def test_settings_out_of_range_are_refused():
    with pytest.raises(UsageError, match="border, cold_sigma"):
        DefectSettings(border=-1, cold_sigma=-5.0)
