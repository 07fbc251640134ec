"""Known answers of Rubin's cp_pipe, from the unit tests of its MeasureDefects task.

Its mock detector is 200 wide and 204 high, with 8 amplifiers of 100 x 51.
"""

import numpy as np
import pytest

from infra.images import MaskPlane
from tasks.defects.algorithm import DefectReason, DefectSettings, defects_of_map, find_defects, merge_defects
from tasks.defects.steps.columns import runs_in_columns
from tasks.defects.steps.growth import beside_saturated, grown
from tasks.defects.steps.model import DefectMap
from tasks.defects.steps.rectangles import rectangles
from tests.defects.detectors import MOCK, boxes, combined, detector, pixels

SHAPE = MOCK.image_shape


def as_defects(found):
    """Rectangles of a mask."""
    return boxes(rectangles(found.astype(np.uint8)))


def alternate(first, last):
    return [(y, 1) for y in range(first, last + 1, 2)]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([(1, 50)], [(1, 50)]),
        ([(1, 25)], [(1, 25)]),
        ([(1, 8)], [(1, 8)]),
        ([(1, 2), (5, 3), (11, 5), (19, 5), (27, 4), (34, 15)], [(1, 48)]),
        ([(1, 2), (5, 3), (11, 2)], [(1, 2), (5, 3), (11, 2)]),
        ([(1, 2), (5, 3), (19, 5), (27, 4), (34, 15)], [(1, 7), (19, 30)]),
        ([(10, 2), (30, 3)], [(10, 2), (30, 3)]),
        (alternate(10, 40), [(10, 31)]),
        (alternate(20, 30), alternate(20, 30)),
        ([*alternate(110, 140), (100, 1)], [(110, 31), (100, 1)]),
    ],
)
def test_on_off_pixels_of_a_column(given, expected):
    found = pixels(SHAPE, *((50, y0, 1, length) for y0, length in given))
    merged = found | runs_in_columns(found, threshold=10, gap=5)
    assert as_defects(merged) == {(50, y0, 1, length) for y0, length in expected}


def test_on_off_pixels_of_neighbouring_columns():
    found = pixels(SHAPE, (60, 1, 1, 18), (60, 20, 1, 10), (61, 2, 2, 2), (61, 6, 2, 8))
    merged = found | runs_in_columns(found, threshold=10, gap=5)
    assert as_defects(merged) == {(60, 1, 1, 29), (61, 2, 2, 12)}


def flat_with(found, saturated=None):
    """Flat of mean 1 in which the pixels found are cold."""
    image = np.random.default_rng(5).normal(1.0, 0.001, SHAPE)
    image[found] = 0.2
    mask = np.zeros(SHAPE, np.uint16)
    if saturated is not None:
        mask[saturated] |= np.uint16(MaskPlane.SAT)
    return combined(image, mask)


FILL = DefectSettings("VALUE", flat_value=0.8, column_threshold=1000, bad_pixels_to_fill=25)
COLUMNS = {(20, 0, 1, 51), (150, 0, 1, 51), (50, 153, 1, 51)}


def test_columns_with_many_defects_are_filled():
    found = pixels(SHAPE, (20, 10, 1, 30), (150, 5, 1, 25), (50, 170, 1, 30))
    defects = find_defects(flat_with(found), MOCK, "flat", FILL)
    assert boxes(defects_of_map(defects)) == COLUMNS
    assert defects.n_bad_columns == 3
    assert {one.reason for one in defects_of_map(defects)} == {DefectReason.COLUMN | DefectReason.COLD}


def test_columns_with_fewer_defects_are_not_filled():
    given = [(20, 10, 1, 20), (150, 5, 1, 22), (50, 170, 1, 24)]
    defects = find_defects(flat_with(pixels(SHAPE, *given)), MOCK, "flat", FILL)
    assert boxes(defects_of_map(defects)) == set(given)
    assert defects.n_bad_columns == 0


def test_columns_with_saturated_pixels_are_filled():
    saturated = pixels(SHAPE, (20, 10, 1, 5), (150, 5, 1, 5), (50, 170, 1, 5))
    settings = DefectSettings("VALUE", saturated_pixels_to_fill=5)
    defects = find_defects(flat_with(pixels(SHAPE), saturated), MOCK, "flat", settings)
    assert boxes(defects_of_map(defects)) == COLUMNS
    assert defects.n_bad_columns == 3
    assert defects.count(DefectReason.SATURATED) == 3 * 51


def test_a_column_filled_for_both_reasons_counts_once_where_rubin_counts_it_twice():
    found = pixels(SHAPE, (20, 10, 1, 30))
    settings = DefectSettings("VALUE", bad_pixels_to_fill=25, saturated_pixels_to_fill=5)
    assert find_defects(flat_with(found, found), MOCK, "flat", settings).n_bad_columns == 1


@pytest.mark.parametrize(
    ("x", "columns"), [(22, range(20, 25)), (199, range(197, 200)), (1, range(4)), (0, range(3))]
)
def test_neighbours_of_saturated_columns(x, columns):
    found = beside_saturated(pixels(SHAPE, (x, 5, 1, 20)), 2)
    np.testing.assert_array_equal(found, pixels(SHAPE, (columns[0], 5, len(columns), 20)))


def test_bad_pixels_that_are_not_saturated_have_no_such_neighbours():
    found = pixels(SHAPE, (22, 5, 1, 20))
    settings = DefectSettings("VALUE", saturated_dilation=2)
    assert boxes(defects_of_map(find_defects(flat_with(found), MOCK, "flat", settings))) == {(22, 5, 1, 20)}
    defects = find_defects(flat_with(found, found), MOCK, "flat", settings)
    np.testing.assert_array_equal(defects.mask, pixels(SHAPE, (20, 5, 5, 20)))


def test_a_vampire_pixel_grows_to_a_plus():
    image = flat_with(pixels(SHAPE))
    image.image[130, 50] = 2.5
    settings = DefectSettings("VALUE", vampire_threshold=1.9, vampire_radius=1)
    defects = defects_of_map(find_defects(image, MOCK, "flat", settings))
    assert boxes(defects) == {(50, 129, 1, 3), (49, 130, 1, 1), (51, 130, 1, 1)}
    assert {one.reason for one in defects} == {DefectReason.VAMPIRE}
    assert np.count_nonzero(grown(pixels(SHAPE, (50, 130, 1, 1)), 8)) == 197  # lattice points of a disc


BRIGHT = [(0, 15, 3, 3), (100, 123, 1, 1)]
DARK = [(5, 0, 1, 1), (7, 62, 2, 2)]


def flats_and_darks():
    """Flats and darks of the upstream test: noise of the upstream seed, defects at eight sigma."""
    random = np.random.RandomState(0)
    sigma = np.sqrt(2000) + 10
    flat = random.normal(2000, sigma, SHAPE)
    dark = random.normal(1, 10, SHAPE)
    for image, width in ((flat, sigma), (dark, 10)):
        image[pixels(SHAPE, *BRIGHT)] += 8 * width
        image[pixels(SHAPE, *DARK)] -= 8 * width
    return combined(flat), combined(dark)


def test_defects_at_eight_sigma_are_found_in_flats():
    flat, _ = flats_and_darks()
    found = find_defects(flat, MOCK, "flat", DefectSettings("STDEV"))
    assert boxes(defects_of_map(found)) == {*BRIGHT, *DARK}
    assert sum(found.n_hot.values()) == 10
    assert sum(found.n_cold.values()) == 5


def test_values_find_the_bright_ones_in_darks_and_the_dark_ones_in_flats():
    flat, dark = flats_and_darks()
    in_dark = find_defects(dark, MOCK, "dark", DefectSettings("VALUE", dark_value=50.0))
    assert boxes(defects_of_map(in_dark)) == set(BRIGHT)
    # The flat's noise is 2.7 % of its mean: 0.9 is 3.7 sigma, beyond which 4 of 40800 pixels lie by chance.
    in_flat = find_defects(flat, MOCK, "flat", DefectSettings("VALUE", flat_value=0.9))
    assert not (pixels(SHAPE, *DARK) & ~in_flat.mask).any()
    assert not (pixels(SHAPE, *BRIGHT) & in_flat.mask).any()
    assert np.count_nonzero(in_flat.mask) - 5 <= 15


def test_defects_inside_an_excluded_border_are_missed():
    flat, _ = flats_and_darks()
    found = find_defects(flat, MOCK, "flat", DefectSettings("STDEV", border=7))
    assert boxes(defects_of_map(found)) == {(100, 123, 1, 1), (7, 62, 2, 2)}


def test_the_border_takes_nothing_from_the_middle_of_the_sensor_as_rubins_does():
    # Rubin takes the border from the right of every amplifier that is not the leftmost, also of a middle one.
    layout = detector(3, 1, 60, 40)
    image = np.random.default_rng(3).normal(1.0, 0.001, layout.image_shape)
    image[20, [118, 119, 120]] = 0.1
    found = find_defects(combined(image), layout, "flat", DefectSettings("STDEV", border=5))
    assert boxes(defects_of_map(found)) == {(118, 20, 3, 1)}


@pytest.mark.parametrize("border", [0, 7])
def test_an_amplifier_set_to_zero_is_one_defect(border):
    flat, _ = flats_and_darks()
    flat.image[:51, :100] = 0.0
    found = find_defects(flat, MOCK, "flat", DefectSettings("STDEV", border=border))
    assert (border, border, 100 - border, 51 - border) in boxes(defects_of_map(found))
    assert found.dead == ("C00",)
    assert "C00" in found.warnings[0]


@pytest.mark.parametrize("mean", [-1e-5, 0.0, 1e-5, 1e-3])
def test_an_amplifier_that_reads_noise_only_is_one_defect(mean):
    rng = np.random.default_rng(17)
    image = rng.normal(1.0, 0.01, SHAPE)
    image[:51, :100] = rng.normal(mean, 2e-4, (51, 100))
    found = find_defects(combined(image), MOCK, "flat", DefectSettings("VALUE"))
    assert found.dead == ("C00",)
    assert boxes(defects_of_map(found)) == {(0, 0, 100, 51)}


def test_a_constant_image_is_a_defect_throughout():
    found = find_defects(combined(np.full(SHAPE, 125000.0)), MOCK, "flat", DefectSettings("STDEV"))
    assert found.fraction == 1.0
    assert boxes(defects_of_map(found)) == {(0, 0, 200, 204)}


E2V = detector(8, 2, 512, 2002, vendor="E2V")


def e2v_flat(damaged):
    """E2V flat; the noise repeats from amplifier to amplifier, which changes nothing here."""
    tile = np.random.default_rng(11).normal(1.0, 0.01, (2002, 512)).astype(np.float32)
    image = np.tile(tile, (2, 8))
    if damaged:
        image[2001:2003] = 0.0
    return combined(image)


# Noise of 1 % with a threshold of 10 sigma: no pixel is cold by chance.
@pytest.mark.parametrize(
    ("damaged", "settings", "number"),
    [
        (True, {"e2v_midline_rows": 0}, 16),
        (True, {}, 0),
        (False, {"e2v_midline": "MASK"}, 16),
        (False, {}, 0),
    ],
)
def test_the_midline_of_an_e2v_sensor(damaged, settings, number):
    found = find_defects(e2v_flat(damaged), E2V, "flat", DefectSettings("VALUE", flat_value=0.9, **settings))
    per_amplifier = [found.mask[one.image_box.slices] for one in E2V.amplifiers]
    assert sum(bool(one.any()) for one in per_amplifier) == number
    assert all(np.count_nonzero(one) in (0, 512) for one in per_amplifier)


def radial_flat(random):
    y, x = np.mgrid[:400, :400]
    radius = np.hypot(x - 200, y - 200)
    image = 1.0 - 0.7 * (radius / radius.max()) ** 2
    layout = detector(2, 2, 200, 200)
    for one in layout.amplifiers:
        image[one.image_box.slices] *= random.uniform(0.9, 1.1)
    return layout, combined(image * random.normal(1.0, 0.01, image.shape))


def test_a_radial_gradient_gives_defects_unless_it_is_fitted():
    layout, flat = radial_flat(np.random.default_rng(7))
    settings = {"threshold_type": "VALUE", "flat_value": 0.9}
    assert find_defects(flat, layout, "flat", DefectSettings(**settings)).mask.any()
    assert not find_defects(flat, layout, "flat", DefectSettings(**settings, fit_gradient=True)).mask.any()


def some_map(*given):
    return DefectMap(pixels(SHAPE, *given).astype(np.uint8))


@pytest.mark.parametrize(("mode", "expected"), [("AND", {1}), ("OR", {1, 3, 5}), ("FRACTION", {1, 3})])
def test_merging_several_images_of_a_kind(mode, expected):
    # 1 in all of four, 3 in three (75 %), 5 in one; Rubin's AND asks for more than all and never keeps any.
    maps = [some_map((1, 1, 1, 1), (3, 1, 1, 1)) for _ in range(3)]
    maps.append(some_map((1, 1, 1, 1), (5, 1, 1, 1)))
    found = merge_defects({"flat": maps}, MOCK, mode=mode)
    assert {one.box.x0 for one in defects_of_map(found)} == expected


def test_the_fraction_must_be_exceeded():
    maps = [some_map((1, 1, 1, 1)) for _ in range(7)] + [some_map() for _ in range(3)]
    assert not merge_defects({"flat": maps}, MOCK, mode="FRACTION").mask.any()
