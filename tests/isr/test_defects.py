"""Defects masked, saturated trails widened, pixels interpolated."""

import numpy as np
import pytest
from astropy.table import Table

from infra.errors import CalprodError
from infra.images import MaskPlane
from infra.instruments.layout import Box
from tasks.isr.defects import boxes_of_table, dead_amplifiers, mask_defects
from tasks.isr.interpolation import interpolate
from tasks.isr.trails import widen_saturated_trails
from tests.isr.raws import LAYOUT


def test_boxes_become_bad_as_far_as_they_lie_in_the_image():
    mask = np.full((10, 12), MaskPlane.SAT, np.uint16)
    mask_defects(mask, [Box(-2, -1, 4, 3), Box(10, 8, 9, 9), Box(20, 20, 1, 1), Box(-5, 3, 3, 3)])
    assert np.count_nonzero(mask & MaskPlane.BAD) == 8
    assert mask[0, 0] == MaskPlane.SAT | MaskPlane.BAD
    assert mask[9, 11] == MaskPlane.SAT | MaskPlane.BAD
    assert mask[5, 5] == MaskPlane.SAT


def test_an_amplifier_covered_by_several_boxes_is_dead():
    box = LAYOUT.amplifiers[4].image_box
    halves = [Box(box.x0, box.y0, 10, box.height), Box(box.x0 + 10, box.y0, box.width - 10, box.height)]
    assert dead_amplifiers(halves, LAYOUT) == (LAYOUT.amplifiers[4].name,)
    assert dead_amplifiers(halves[:1], LAYOUT) == ()


def region(shape, sizes, angle=0.0):
    return Table(
        {"X": [11.5], "Y": [23.0], "SHAPE": [shape], "R": [sizes], "ROTANG": [angle], "COMPONENT": [0]}
    )


def test_regions_are_read_as_rubin_writes_them():
    assert boxes_of_table(region("BOX", [2.0, 5.0])) == (Box(10, 20, 2, 5),)
    assert boxes_of_table(region("rotbox ", [5.0, 2.0], 90.0)) == (Box(10, 20, 2, 5),)
    table = region("POINT", [1.0, 1.0])
    table["X"] = [5.0]
    assert boxes_of_table(table) == (Box(4, 22, 1, 1),)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (region("CIRCLE", [3.0, 3.0]), "shape CIRCLE"),
        (region("ROTBOX", [3.0, 3.0], 30.0), "turned by 30.0 degrees"),
        (Table({"x": [1], "y": [2]}), "columns x, y"),
        (Table({"x0": [1], "y0": [2], "width": [0], "height": [3]}), "size 0 x 3"),
    ],
)
def test_tables_that_are_no_defects_are_refused(table, message):
    with pytest.raises(CalprodError, match=message):
        boxes_of_table(table)


@pytest.mark.parametrize(
    ("length", "growth"), [(1, 0), (5, 0), (6, 1), (7, 1), (8, 3), (9, 3), (10, 4), (50, 4)]
)
def test_trails_grow_by_the_length_of_their_runs(length, growth):
    mask = np.full((3, 80), MaskPlane.BAD, np.uint16)
    mask[1, 12 : 12 + length] |= np.uint16(MaskPlane.SAT)
    assert widen_saturated_trails(mask) == 2 * growth
    expected = np.zeros((3, 80), bool)
    expected[1, 12 - growth : 12 + length + growth] = True
    np.testing.assert_array_equal(mask & MaskPlane.SAT != 0, expected)
    assert (mask & MaskPlane.BAD != 0).all()


def test_trails_stop_at_the_edges_and_may_meet():
    mask = np.zeros((2, 40), np.uint16)
    mask[0, 2:14] = mask[0, 18:40] = MaskPlane.SAT
    widen_saturated_trails(mask)
    assert (mask[0] == MaskPlane.SAT).all()
    assert not mask[1].any()
    assert widen_saturated_trails(np.zeros((4, 4), np.uint16)) == 0


def plane_image(shape=(20, 30)):
    y, x = np.mgrid[: shape[0], : shape[1]]
    return (100.0 + 2.0 * x + 3.0 * y).astype(np.float32)


def test_columns_and_rows_are_bridged_along_their_shorter_side():
    truth = plane_image()
    image, mask = truth.copy(), np.zeros(truth.shape, np.uint16)
    variance = truth.copy()
    mask[:, 7:9] = MaskPlane.BAD
    mask[12, 15:25] = MaskPlane.SAT
    mask[3, 20] = MaskPlane.UNMASKEDNAN
    bad = mask != 0
    image[bad], variance[bad] = 1e6, np.nan
    image[3, 20] = np.nan
    assert interpolate(image, mask, variance) == np.count_nonzero(bad)
    # A plane is restored to the rounding of float32.
    np.testing.assert_allclose(image, truth, rtol=1e-6)
    np.testing.assert_allclose(variance, truth, rtol=1e-6)
    assert (mask[bad] & MaskPlane.INTRP != 0).all()
    assert mask[5, 7] == MaskPlane.BAD | MaskPlane.INTRP
    assert not mask[~bad].any()


def test_beside_an_edge_the_nearest_value_is_taken():
    image, mask = plane_image(), np.zeros((20, 30), np.uint16)
    mask[:, :3] = MaskPlane.BAD
    interpolate(image, mask)
    np.testing.assert_array_equal(image[:, :3], np.repeat(image[:, 3:4], 3, axis=1))


def test_pixels_that_are_not_finite_serve_no_other():
    image, mask = plane_image(), np.zeros((20, 30), np.uint16)
    mask[:, 10] = MaskPlane.BAD
    image[:, 11] = np.nan
    interpolate(image, mask)
    np.testing.assert_allclose(image[:, 10], plane_image()[:, 10], rtol=1e-6)
    assert np.isnan(image[:, 11]).all()  # nobody asked to replace it


def test_an_image_without_a_sound_pixel_stays_as_it_is():
    image, mask = plane_image(), np.full((20, 30), MaskPlane.BAD, np.uint16)
    assert interpolate(image, mask) == 0
    np.testing.assert_array_equal(image, plane_image())
    assert not (mask & MaskPlane.INTRP).any()
    assert interpolate(image, np.zeros((20, 30), np.uint16)) == 0


def test_a_dead_amplifier_is_bridged_without_harm():
    image, mask = plane_image((80, 60)), np.zeros((80, 60), np.uint16)
    mask[10:70, 20:40] = MaskPlane.BAD
    image[10:70, 20:40] = np.nan
    variance = np.broadcast_to(np.float32(np.nan), image.shape)
    assert interpolate(image, mask, variance) == 60 * 20
    np.testing.assert_allclose(image, plane_image((80, 60)), rtol=1e-5)
