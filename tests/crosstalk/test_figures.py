"""The figures of a matrix: named, labelled, and there for matrices of all kinds."""

from dataclasses import replace

import numpy as np
import pytest

from tasks.crosstalk.algorithm import CrosstalkMatrix, matrix_to_table
from tasks.crosstalk.figures import figures
from tests.crosstalk.fields import random_matrix

NAMES = tuple(f"C{index:02d}" for index in range(8))
OTHERS = ~np.eye(8, dtype=bool)


@pytest.fixture
def matrix():
    coefficients = random_matrix(1, 1e-4)
    errors, counts = np.full((8, 8), 1e-3), np.full((8, 8), 400)
    zero = np.zeros((8, 8))
    return CrosstalkMatrix(NAMES, coefficients, errors, counts, np.abs(coefficients) > 2e-4, zero, zero)


def test_coefficients_and_significance_are_drawn_with_the_names_of_the_amplifiers(matrix):
    drawn = figures(matrix_to_table(matrix))
    assert [one.title for one in drawn] == ["Crosstalk coefficients", "Significance of the coefficients"]
    for one in drawn:
        for word in ("source amplifier", "target amplifier", "C00"):
            assert word in one.svg
        assert len(one.svg) < 40_000
    n = np.count_nonzero(matrix.valid & OTHERS)
    assert f"{n} of 56 are valid" in drawn[0].caption
    assert drawn[0].svg.count('class="points"') == 2  # rings, dark and light


def test_a_curators_matrix_without_errors_has_no_significance_to_draw(matrix):
    zero = np.zeros((8, 8))
    one = replace(matrix, errors=zero, counts=zero.astype(np.int64), valid=OTHERS)
    (drawn,) = figures(matrix_to_table(one))
    assert "56 of 56 are valid and are corrected for." in drawn.caption


def test_a_quadratic_part_is_drawn_with_its_unit(matrix):
    drawn = figures(matrix_to_table(replace(matrix, quadratic=random_matrix(2, 1e-9))))
    assert drawn[-1].title == "Quadratic crosstalk coefficients"
    assert "electron" in drawn[-1].svg


def test_a_matrix_without_any_measurement_is_drawn_empty(matrix):
    nothing = np.full((8, 8), np.nan)
    one = replace(
        matrix, coefficients=nothing, errors=nothing, counts=np.zeros((8, 8), np.int64), valid=~OTHERS & False
    )
    (drawn,) = figures(matrix_to_table(one))
    assert "0 of 56" in drawn.caption
