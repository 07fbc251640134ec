"""Bootstrap products keep the saturated pixels, from which the search for defects takes its columns."""

import numpy as np
import pytest

from infra.images import MaskPlane
from tasks.bias.algorithm import BIAS_RULE
from tasks.combine.calibration import bootstrap_rule, combine_calibration
from tasks.dark.algorithm import combine_dark_bootstraps
from tests.combine.exposures import LAYOUT, described, exposure, options

SHAPE = LAYOUT.image_shape


def stream(n, saturated, level=1000.0):
    """Exposures of which the first ``saturated[i]`` are saturated in pixel (4, 5 + i)."""
    random = np.random.default_rng(n)
    for i in range(n):
        mask = np.zeros(SHAPE, np.uint16)
        image = random.normal(10.0, 3.0, SHAPE)
        for column, number in enumerate(saturated):
            if i < number:
                mask[4, 5 + column] = MaskPlane.SAT
                image[4, 5 + column] = level
        yield described(i, 30.0, 10.0), exposure(image, mask, unit="adu", **{"LSST ISR UNITS": "adu"})


@pytest.mark.parametrize(("n", "first_kept"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3)])
def test_what_most_exposures_have_saturated_is_saturated(n, first_kept):
    mask = combine_dark_bootstraps(stream(n, range(n + 1)), options()).image.mask
    kept = [bool(mask[4, 5 + number] & MaskPlane.SAT) for number in range(n + 1)]
    assert kept == [number >= first_kept for number in range(n + 1)]
    assert np.count_nonzero(mask) == sum(kept)


def test_saturated_pixels_are_stacked_and_flagged_and_not_bad():
    made = combine_dark_bootstraps(stream(5, [5]), options())
    cards = made.image.metadata
    assert (cards["OBSTYPE"], cards["BUNIT"], cards["DARKTIME"]) == ("darkBootstrap", "adu/s", 1.0)
    assert made.image.mask[4, 5] == MaskPlane.SAT
    assert made.image.image[4, 5] == 100.0
    assert made.n_bad == 0
    assert "CPP_INPUT_CR_0" not in cards


def test_a_bias_as_people_get_it_keeps_no_plane_but_bad():
    assert not combine_calibration(stream(5, [5]), BIAS_RULE, options()).image.mask.any()
    made = combine_calibration(stream(5, [5]), bootstrap_rule(BIAS_RULE), options())
    assert made.image.mask[4, 5] == MaskPlane.SAT
    assert made.image.metadata["OBSTYPE"] == "biasBootstrap"


def test_a_flat_leaves_saturated_pixels_out_and_still_says_which_they_were():
    rule = bootstrap_rule(BIAS_RULE, stacks_saturated=False)
    assert rule.excluded == BIAS_RULE.excluded
    excluding = bootstrap_rule(BIAS_RULE.__class__("flat", BIAS_RULE.scale, MaskPlane.SAT, 1.0, ""))
    assert excluding.excluded == MaskPlane(0)
    flat = bootstrap_rule(
        BIAS_RULE.__class__("flat", BIAS_RULE.scale, MaskPlane.SAT, 1.0, ""), stacks_saturated=False
    )
    made = combine_calibration(stream(5, [5, 3]), flat, options())
    assert made.image.mask[4, 5] == MaskPlane.SAT | MaskPlane.BAD
    assert made.image.mask[4, 6] == MaskPlane.SAT
    assert made.n_bad == 1
