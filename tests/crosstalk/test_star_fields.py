"""Injected truth on fields of stars: sky, faint stars, bleeds, rays and defects, mirrored bright stars."""

from dataclasses import replace

import numpy as np
import pytest

from infra.images import MaskPlane
from tasks.crosstalk.algorithm import SolveSettings, extract_ratios, solve_crosstalk
from tests.crosstalk.fields import MOCK, add_star, as_read, exposure, with_crosstalk
from tests.crosstalk.star_fields import (
    EXTRACTION,
    LAYOUT,
    OTHERS,
    TRUTH,
    Field,
    observed,
    pulls,
    ratios_of,
)

SEEDS = range(3)
N_EXPOSURES = 8


@pytest.fixture(scope="module")
def ratios():
    """Return the ratios of eight exposures for each of three seeds: some fourteen stars on an amplifier."""
    return [ratios_of(seed, N_EXPOSURES) for seed in SEEDS]


@pytest.fixture(scope="module")
def matrices(ratios):
    return [solve_crosstalk(one, SolveSettings(fewest=50)).matrix for one in ratios]


def finite_pulls(matrices):
    found = np.concatenate([pulls(one) for one in matrices])
    return found[np.isfinite(found)]


def test_quoted_errors_hold_over_seeds(matrices):
    found = finite_pulls(matrices)
    assert found.size > 0.9 * 240 * len(SEEDS)
    # χ² of 700 coefficients scatters by 6 %; a dozen sources tell each error to a tenth, which makes their
    # pulls those of Student with a dozen degrees of freedom, 1.2 instead of 1.
    assert 0.8 < np.mean(found**2) < 1.4
    # No bias: four errors of the mean of 700, 0.04 each.
    assert abs(found.mean()) < 0.16


def test_each_coefficient_is_covered_as_often_as_its_error_says(matrices):
    found = np.abs(finite_pulls(matrices))
    # 68.3 % ± 1.8 % and 95.4 % ± 0.8 % of 700; the tails are Student's, of which 2 % more lie outside.
    assert np.mean(found < 1) == pytest.approx(0.683, abs=0.07)
    assert np.mean(found < 2) == pytest.approx(0.944, abs=0.032)
    assert found.max() < 6.5


def test_neighbours_are_found(matrices):
    near = TRUTH > 2e-4
    for one in matrices:
        known = near & np.isfinite(one.coefficients)
        # Of 3e-4 with an error of 5e-5 nearly all are beyond three.
        assert one.valid[known].mean() > 0.85
    mean = np.nanmean([one.coefficients[near] for one in matrices])
    # Some 22 pairs of three seeds at 5e-5: 6e-6, three times that.
    assert mean == pytest.approx(TRUTH[near].mean(), abs=2e-5)


def test_errors_fall_with_the_root_of_the_number_of_stars(ratios, matrices):
    every = solve_crosstalk([one for seed in ratios for one in seed], SolveSettings(fewest=50)).matrix
    few = np.nanmean([np.nanmedian(one.standard_errors[OTHERS]) for one in matrices])
    many = np.nanmedian(every.standard_errors[OTHERS])
    assert many / few == pytest.approx(1 / np.sqrt(len(SEEDS)), rel=0.15)
    # 42 stars on an amplifier, ten pixels each above 30000 electron, noise of the sky 22 electron.
    assert many < 3.5e-5
    found = pulls(every)
    assert np.mean(found**2) == pytest.approx(1.0, abs=0.37)  # four sigma of 240


def test_a_faint_star_beside_the_place_of_crosstalk_is_seen_and_crosstalk_is_no_star():
    random, image = np.random.default_rng(6), np.zeros(MOCK.image_shape)
    source, clean, spoiled = MOCK.amplifiers[:3]
    add_star(as_read(image, source), 40, 25, 80_000, 4.0)
    add_star(as_read(image, spoiled), 46, 25, 1000, 6.0)
    matrix = np.zeros((8, 8))
    matrix[0, 1:] = 2e-3  # 160 electron, where 5 sigma are 14 after smoothing
    image = with_crosstalk(image, MOCK, matrix) + random.normal(0, 10, image.shape)
    one = extract_ratios(exposure(image), MOCK, replace(EXTRACTION, growth=8))
    assert np.isfinite(one.ratios[clean.name, source.name]).all()
    assert one.ratios[clean.name, source.name].mean() == pytest.approx(2e-3, abs=2e-4)
    assert np.isnan(one.ratios[spoiled.name, source.name]).all()


def test_a_field_full_of_stars_gives_fewer_measurements_and_no_worse_errors():
    crowded = Field(bright=90)
    found = finite_pulls([solve_crosstalk(ratios_of(seed, 4, crowded)).matrix for seed in range(1)])
    assert np.mean(found**2) < 1.4  # 220 coefficients, 10 %; tails of few sources
    assert abs(found.mean()) < 0.27


def test_stars_at_mirrored_places_are_not_taken_for_each_other():
    # The third amplifier sees both; Rubin's ratios give the whole to each.
    random, matrix = np.random.default_rng(1), np.zeros((8, 8))
    matrix[0, 2], matrix[1, 2] = 2e-3, -1e-3
    given = []
    for _ in range(20):
        image = np.zeros(MOCK.image_shape)
        for one in MOCK.amplifiers[:2]:
            add_star(as_read(image, one), 40 + random.uniform(-4, 4), 25 + random.uniform(-4, 4), 60_000, 5.0)
        image = with_crosstalk(image, MOCK, matrix) + random.normal(0, 10, image.shape)
        given.append(extract_ratios(exposure(image), MOCK, replace(EXTRACTION, growth=8)))
    solved = solve_crosstalk(given).matrix
    for source in (0, 1):
        error = solved.standard_errors[source, 2]
        assert solved.coefficients[source, 2] == pytest.approx(matrix[source, 2], abs=4 * error)
    alone = [replace(one, others={}) for one in given]
    mixed = solve_crosstalk(alone).matrix
    assert abs(mixed.coefficients[0, 2] - 2e-3) > 3 * mixed.standard_errors[0, 2]
    assert mixed.standard_errors[0, 2] > solved.standard_errors[0, 2]


def test_a_star_under_the_place_of_crosstalk_costs_one_source_and_not_the_coefficient():
    random, matrix = np.random.default_rng(2), np.zeros((8, 8))
    matrix[0, 1] = 1e-3
    given = []
    for number in range(12):
        image, (y, x) = np.zeros(MOCK.image_shape), random.uniform(15, 35, 2)
        add_star(as_read(image, MOCK.amplifiers[0]), y, x, 80_000, 4.0)
        if number % 4 == 0:
            add_star(as_read(image, MOCK.amplifiers[1]), y, x, 3000, 4.0)
        image = with_crosstalk(image, MOCK, matrix) + random.normal(0, 10, image.shape)
        given.append(extract_ratios(exposure(image), MOCK, replace(EXTRACTION, growth=8)))
    solved = solve_crosstalk(given).matrix
    assert solved.coefficients[0, 1] == pytest.approx(1e-3, abs=4 * solved.standard_errors[0, 1])
    assert solved.standard_errors[0, 1] < 2e-5


def test_one_exposure_gives_what_it_has():
    solution = solve_crosstalk(ratios_of(3, 1), SolveSettings(fewest=50))
    known = np.isfinite(solution.matrix.coefficients)
    assert known.any()
    assert not known[OTHERS].all()
    assert not solution.matrix.valid[~known].any()
    assert solution.warnings
    found = finite_pulls([solution.matrix])
    assert np.abs(found).max() < 12  # few sources, and their scatter not known


def test_a_field_of_faint_stars_gives_nothing_and_no_exception():
    random = np.random.default_rng(4)
    one = extract_ratios(observed(random, Field(brightest=2e5)), LAYOUT, EXTRACTION)
    assert not any(fluxes.size for fluxes in one.fluxes.values())
    assert np.isnan(solve_crosstalk([one]).matrix.coefficients).all()


def test_sources_above_the_limit_are_left_out():
    random = np.random.default_rng(5)
    one = observed(random)
    assert (one.mask & np.uint16(MaskPlane.SAT)).any()
    limited = extract_ratios(one, LAYOUT, replace(EXTRACTION, maximum=90_000.0))
    every = extract_ratios(one, LAYOUT, EXTRACTION)
    brightest = [
        max(values.max() for values in ratios.fluxes.values() if values.size) for ratios in (limited, every)
    ]
    assert brightest[0] <= 90_000.0 < brightest[1]
