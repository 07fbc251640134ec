"""Defects as tables, and back."""

import numpy as np
import pytest
from astropy.table import Table

from infra.errors import CalprodError
from infra.instruments.layout import Box
from tasks.defects.algorithm import (
    Defect,
    DefectReason,
    defects_from_table,
    defects_to_region_table,
    defects_to_table,
)
from tasks.defects.steps.model import from_defects
from tasks.defects.steps.rectangles import rectangles

DEFECTS = (
    Defect(Box(4, 7, 1, 1), DefectReason.HOT),
    Defect(Box(10, 20, 2, 5), DefectReason.COLUMN | DefectReason.COLD),
    Defect(Box(0, 0, 5, 400), DefectReason.EDGE),
)


@pytest.mark.parametrize("to_table", [defects_to_table, defects_to_region_table])
@pytest.mark.parametrize(("suffix", "form"), [("ecsv", "ascii.ecsv"), ("fits", "fits")])
def test_defects_come_back_from_a_file(to_table, suffix, form, tmp_path):
    table = to_table(DEFECTS, {"DETECTOR": 0, "SEQFILE": None})
    path = tmp_path / f"defects.{suffix}"
    table.write(path, format=form)
    again = Table.read(path, format=form)
    assert defects_from_table(again) == DEFECTS
    assert again.meta["OBSTYPE"] == "defects"
    assert again.meta["CALIBCLS"] == "lsst.ip.isr.defects.Defects"
    assert again.meta["DETECTOR"] == 0
    assert "SEQFILE" not in again.meta


def test_a_region_stands_about_its_centre_counted_from_one():
    table = defects_to_region_table(DEFECTS)
    assert list(table["X"]) == [5.0, 11.5, 3.0]
    assert list(table["Y"]) == [8.0, 23.0, 200.5]
    assert list(table["SHAPE"]) == ["POINT", "BOX", "BOX"]
    np.testing.assert_array_equal(table["R"], [[1, 1], [2, 5], [5, 400]])
    assert list(table["COMPONENT"]) == [0, 1, 2]


def test_a_table_without_reasons_was_made_by_somebody():
    table = defects_to_table(DEFECTS)
    del table["reason"]
    assert {one.reason for one in defects_from_table(table)} == {DefectReason.MANUAL}


@pytest.mark.parametrize("to_table", [defects_to_table, defects_to_region_table])
def test_no_defects_are_a_table_without_rows(to_table):
    assert len(to_table(())) == 0
    assert defects_from_table(to_table(())) == ()


def test_an_unknown_reason_is_named():
    table = defects_to_table(DEFECTS)
    table["reason"][1] = "cold+cursed"
    with pytest.raises(CalprodError, match="CURSED"):
        defects_from_table(table)


@pytest.mark.parametrize("seed", range(5))
def test_rectangles_cover_the_map_and_keep_its_reasons(seed):
    random = np.random.default_rng(seed)
    kinds = [0, 0, 0, DefectReason.HOT, DefectReason.COLD, DefectReason.EDGE | DefectReason.HOT]
    reasons = random.choice(np.array(kinds, np.uint8), (23, 31))
    defects = rectangles(reasons)
    np.testing.assert_array_equal(from_defects(defects, reasons.shape), reasons)
    assert sum(one.box.area for one in defects) == np.count_nonzero(reasons)


def test_a_hot_column_is_one_rectangle_whichever_of_its_pixels_are_hot():
    reasons = np.zeros((50, 9), np.uint8)
    reasons[5:45, 3] = DefectReason.COLUMN
    reasons[5:45:3, 3] |= np.uint8(DefectReason.HOT)
    assert rectangles(reasons) == (Defect(Box(3, 5, 1, 40), DefectReason.COLUMN | DefectReason.HOT),)


def test_runs_at_the_top_of_one_column_and_the_bottom_of_the_next_are_two():
    reasons = np.zeros((6, 4), np.uint8)
    reasons[4:, 1] = 1
    reasons[:2, 2] = 1
    assert {(one.box.x0, one.box.y0, one.box.height) for one in rectangles(reasons)} == {(1, 4, 2), (2, 0, 2)}
