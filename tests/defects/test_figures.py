"""The figures of a map of defects, and which reason a pixel is drawn with."""

import numpy as np
import pytest

from infra.errors import UsageError
from infra.instruments.layout import Box
from tasks.defects.algorithm import Defect, DefectReason, defects_to_region_table, defects_to_table
from tasks.defects.figures import _binned, figures, kinds_of
from tasks.defects.run.header import HEIGHT_CARD, WIDTH_CARD

DEFECTS = (
    Defect(Box(30, 40, 1, 1), DefectReason.HOT),
    Defect(Box(31, 90, 2, 2), DefectReason.COLD),
    Defect(Box(0, 0, 5, 400), DefectReason.EDGE),
    Defect(Box(500, 0, 1, 200), DefectReason.COLUMN | DefectReason.SATURATED),
)
CARDS = {"INSTRUME": "LATISS", "DETECTOR": 0, WIDTH_CARD: 960, HEIGHT_CARD: 400}


@pytest.mark.parametrize("to_table", [defects_to_table, defects_to_region_table])
def test_the_map_and_the_counts_are_drawn_with_legend_and_labels(to_table):
    where, how_many = figures(to_table(DEFECTS, CARDS))
    for name in ("hot", "cold", "column", "edge", "dead or unknown"):
        assert name in where.svg
    assert "x (pixel)" in where.svg
    assert "0.574 % of the pixels" in where.caption  # 2205 of 384000
    assert "2 × 2 pixels" in where.caption
    assert "defects (pixel)" in how_many.svg
    assert "C10" in how_many.svg
    assert ">edge<" not in how_many.svg
    assert max(len(where.svg), len(how_many.svg)) < 60_000


def test_a_map_without_defects_and_one_of_a_full_detector_can_be_drawn():
    for cards in (CARDS, {"INSTRUME": "LATISS", "DETECTOR": 0}):
        assert len(figures(defects_to_table((), cards))) == 2


def test_a_table_of_no_known_detector_is_refused():
    with pytest.raises(UsageError, match="INSTRUME"):
        figures(defects_to_table(DEFECTS))


def test_a_pixel_is_drawn_with_its_broadest_reason_and_as_edge_only_if_it_is_nothing_else():
    reasons = np.array(
        [
            [0, DefectReason.HOT, DefectReason.HOT | DefectReason.COLUMN, DefectReason.EDGE],
            [
                DefectReason.EDGE | DefectReason.COLD,
                DefectReason.DEAD | DefectReason.EDGE,
                DefectReason.COLUMN | DefectReason.SATURATED,
                DefectReason.MANUAL,
            ],
        ],
        np.uint16,
    )
    np.testing.assert_array_equal(kinds_of(reasons), [[0, 1, 3, 5], [2, 6, 3, 7]])


def test_a_single_pixel_is_seen_in_its_block():
    kinds = np.zeros((5, 7), np.uint8)
    kinds[:, 0] = 5
    kinds[3, 0] = 1
    kinds[4, 6] = 3
    np.testing.assert_array_equal(_binned(kinds, 2), [[5, 0, 0, 0], [1, 0, 0, 0], [5, 0, 0, 3]])
