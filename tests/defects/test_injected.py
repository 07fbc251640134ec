"""Injected truth from exposures on: saturated columns, dead amplifiers, amplifiers without numbers."""

import numpy as np
import pytest

from infra.images import MaskPlane
from tasks.bias.algorithm import combine_bias_bootstraps
from tasks.combine.calibration import bootstrap_rule, combine_calibration
from tasks.dark.algorithm import combine_dark_bootstraps
from tasks.defects.algorithm import (
    DefectReason,
    defects_from_table,
    find_defects,
    merge_defects,
    settings_for,
)
from tasks.defects.pipeline_task import DefectsTask
from tasks.defects.steps.model import from_defects
from tasks.flat.algorithm import FLAT_RULE
from tests.combine.exposures import described, exposure, options
from tests.defects import repository as r
from tests.defects.detectors import LATISS

SHAPE = LATISS.image_shape
OPTIONS = options(layout=LATISS)
LENGTHS = (1, 5, 19, 20, 40, 200)
"""Saturated pixels of the columns; 20 give up a column (LATISS)."""
COLUMNS = {length: 50 + 150 * i for i, length in enumerate(LENGTHS)}


def combined(combine, level, sky, n=5, dark_time=0.0, noise=2.0):
    """Combine exposures with columns saturated in part, and each with a cosmic ray that saturates."""
    random = np.random.default_rng(7)

    def exposures():
        for i in range(n):
            image, mask = random.normal(sky, noise, SHAPE), np.zeros(SHAPE, np.uint16)
            for length, x in COLUMNS.items():
                image[:length, x], mask[:length, x] = level, MaskPlane.SAT
            image[300:303, 20 * i + 7], mask[300:303, 20 * i + 7] = level, MaskPlane.SAT
            one = exposure(image, mask, unit="adu", **{"LSST ISR UNITS": "adu"})
            yield described(i, dark_time, dark_time), one

    return combine(exposures(), OPTIONS).image


@pytest.mark.parametrize("level", [800.0, 60_000.0, 130_000.0])
@pytest.mark.parametrize("kind", ["bias", "dark"])
def test_columns_that_are_saturated_without_light_are_given_up_with_their_neighbours(kind, level):
    # The level does not matter, not even below the threshold of 1000 adu: the flag does.
    combine, time = (combine_bias_bootstraps, 0.0) if kind == "bias" else (combine_dark_bootstraps, 30.0)
    image = combined(combine, level, 0.0, dark_time=time)
    found = find_defects(image, LATISS, kind, settings_for(kind, "LATISS"))
    expected = np.zeros(SHAPE, bool)
    for length, x in COLUMNS.items():
        expected[:length, x - 2 : x + 3] = True
        if length >= 20:
            expected[:200, x] = True
    np.testing.assert_array_equal(found.mask, expected)
    assert found.n_bad_columns == 3
    assert (found.reasons[found.mask] & np.uint16(DefectReason.SATURATED) != 0).all()


def test_what_a_cosmic_ray_saturates_once_is_no_defect():
    image = combined(combine_bias_bootstraps, 60_000.0, 0.0)
    assert not image.mask[300:303].any()
    assert not find_defects(image, LATISS, "bias", settings_for("bias", "LATISS")).mask[300:303].any()


def test_pixels_that_saturate_in_every_flat_are_unknown():
    def combine(exposures, how):
        return combine_calibration(exposures, bootstrap_rule(FLAT_RULE, stacks_saturated=False), how)

    flat = combined(combine, 130_000.0, 20_000.0, dark_time=1.0, noise=150.0)
    found = find_defects(flat, LATISS, "flat", settings_for("flat", "LATISS"))
    for length, x in COLUMNS.items():
        assert (found.reasons[:length, x] & np.uint16(DefectReason.UNKNOWN) != 0).all()
    assert np.count_nonzero(found.mask) == sum(LENGTHS)


AMPLIFIER = LATISS.amplifiers[3]


def searched(spoil):
    """Search the bootstrap products of the repository, spoilt, through the task."""
    images = {"bias": r.bias(), "dark": r.dark(), "flat": r.flat()}
    for kind, image in images.items():
        spoil(kind, image)
    table = DefectsTask(config=DefectsTask.ConfigClass()).run(images, "LATISS", 0).output
    return table, from_defects(defects_from_table(table), SHAPE)


def set_to(value, flagged=0):
    def spoil(kind, image):
        image.image[AMPLIFIER.image_box.slices] = value
        image.mask[AMPLIFIER.image_box.slices] |= np.uint16(flagged)

    return spoil


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(set_to(0.0), id="dead"),
        pytest.param(set_to(0.37), id="constant"),
        pytest.param(set_to(np.nan), id="not a number"),
        pytest.param(set_to(0.02, MaskPlane.BAD), id="filled by the combination"),
        pytest.param(set_to(np.nan, MaskPlane.NO_DATA), id="no data"),
    ],
)
def test_an_amplifier_without_life_is_a_defect_as_a_whole_and_the_rest_unharmed(spoil):
    table, found = searched(spoil)
    _, sound = searched(lambda kind, image: None)
    inside = np.zeros(SHAPE, bool)
    inside[AMPLIFIER.image_box.slices] = True
    assert (found[inside] & np.uint16(DefectReason.DEAD) != 0).all()
    np.testing.assert_array_equal(found[~inside], sound[~inside])
    assert table.meta["CALPROD DEFECTS DEAD AMPLIFIERS"] == AMPLIFIER.name
    # A dead amplifier is one or few boxes, not one for each pixel.
    extra = len(table) - len(searched(lambda kind, image: None)[0])
    assert extra <= 3


def test_an_amplifier_that_lost_only_its_light_is_dead_by_its_flat():
    def dark_flat(kind, image):
        if kind == "flat":
            box = AMPLIFIER.image_box
            image.image[box.slices] = np.random.default_rng(0).normal(-1e-5, 0.001, box.shape)

    table, found = searched(dark_flat)
    assert (found[AMPLIFIER.image_box.slices] & np.uint16(DefectReason.DEAD) != 0).all()
    assert table.meta["CALPROD DEFECTS DEAD AMPLIFIERS"] == AMPLIFIER.name


def test_an_amplifier_that_only_one_image_lacks_is_judged_by_the_others():
    maps = {}
    for kind, image in (("dark", r.dark()), ("flat", r.flat())):
        if kind == "dark":
            image.image[AMPLIFIER.image_box.slices] = np.nan
        maps[kind] = [find_defects(image, LATISS, kind, settings_for(kind, "LATISS"))]
    merged = merge_defects(maps, LATISS)
    assert merged.skipped == (AMPLIFIER.name,)
    assert merged.dead == ()
    assert merged.count(DefectReason.DEAD) == 0
