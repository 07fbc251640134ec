"""Known answers of Rubin's cp_pipe, from the unit test of its measurement of crosstalk."""

import numpy as np
import pytest

from tasks.crosstalk.algorithm import ExtractionSettings, extract_ratios, solve_crosstalk
from tests.crosstalk.fields import MOCK, add_star, exposure, with_crosstalk

TRUTH = np.zeros((8, 8))
TRUTH[0, 5] = -1e-3
TRUTH[1:7, 0] = 1e-2
TRUTH[6, 3] = 2.2e-2
TRUTH[7] = [1e-2, 5e-3, 5e-4, 3e-3, 4e-2, 5e-3, 5e-3, 0.0]
"""Coefficients [source, target]."""


def field(random):
    """Eight sources of 20000 to 45000 electron in amplifiers chosen at random, and read noise of 100."""
    image = np.zeros(MOCK.image_shape)
    for _ in range(8):
        box = MOCK.amplifiers[random.integers(8)].image_box
        y, x = random.uniform(box.y0 + 4, box.y1 - 5), random.uniform(box.x0 + 4, box.x1 - 5)
        add_star(image, y, x, random.uniform(20_000, 45_000), 3.0)
    image = with_crosstalk(image, MOCK, TRUTH)
    return exposure(image + random.normal(0, 100, image.shape))


@pytest.fixture(scope="module")
def ratios():
    random = np.random.default_rng(12345)
    settings = ExtractionSettings(threshold=4000.0)
    return [extract_ratios(field(random), MOCK, settings, i) for i in range(12)]


def test_extraction_and_solution_agree_with_the_truth_within_their_errors(ratios):
    matrix = solve_crosstalk(ratios).matrix
    difference = np.abs(np.nan_to_num(matrix.coefficients) - TRUTH)
    assert (difference <= np.nan_to_num(matrix.errors)).all()


def test_ratios_and_fluxes_of_a_pair_have_the_same_length(ratios):
    for one in ratios:
        for (target, source), values in one.ratios.items():
            assert target != source
            assert values.size == one.fluxes[source].size


def test_the_diagonal_is_not_a_number_not_valid_and_without_counts(ratios):
    matrix = solve_crosstalk(ratios).matrix
    assert np.isnan(np.diag(matrix.coefficients)).all()
    assert not np.diag(matrix.valid).any()
    assert not np.diag(matrix.counts).any()
