"""Stars of dithered exposures are told to be the same, and count once."""

from dataclasses import replace

import numpy as np
import pytest

from tasks.crosstalk.algorithm import CrosstalkRatios, SolveSettings, solve_crosstalk
from tasks.crosstalk.steps.identity import identities

EMPTY = np.empty(0, np.float32)


def listed(positions):
    """Return an exposure with sources at places, one pixel each, on the first of two amplifiers."""
    n = len(positions)
    return CrosstalkRatios(
        ("A", "B"),
        {("B", "A"): np.full(n, 1e-3, np.float32), ("A", "B"): EMPTY},
        {"A": np.full(n, 5e4, np.float32), "B": EMPTY},
        sources={"A": np.arange(1, n + 1, dtype=np.int32), "B": np.empty(0, np.int32)},
        positions=np.vstack([[0.0, 0.0], positions]).astype(np.float32),
    )


def test_a_displaced_field_is_the_same_field_but_for_what_came_and_went():
    random = np.random.default_rng(1)
    field = random.uniform(0, 1000, (40, 2))
    first = listed(field[:35])
    # In another order, a fraction of a pixel off, five gone and five new.
    order = random.permutation(40)[:30]
    second = listed(field[order] + (37.3, -21.8) + random.normal(0, 0.3, (30, 2)))
    one, two = (stars[1:] for stars in identities([first, second]))
    for index, star in enumerate(order):
        assert (two[index] in one) == (star < 35)
        if star < 35:
            assert two[index] == one[star]


def test_another_field_has_other_stars():
    random = np.random.default_rng(2)
    exposures = [listed(random.uniform(0, 1000, (30, 2))) for _ in range(10)]
    every = np.concatenate([stars[1:] for stars in identities(exposures)])
    assert np.unique(every).size == every.size


def test_exposures_without_sources_or_places_have_stars_of_their_own():
    some = listed(np.random.default_rng(3).uniform(0, 100, (6, 2)))
    none = listed(np.empty((0, 2)))
    unplaced = replace(some, positions=None)
    found = identities([some, none, unplaced, some])
    assert [stars.size for stars in found] == [7, 1, 7, 7]
    np.testing.assert_array_equal(found[3][1:], found[0][1:])
    assert not set(found[2]) & set(found[0])


@pytest.mark.parametrize(("n_stars", "fewest", "known"), [(5, 3, True), (5, 6, False)])
def test_a_pair_with_too_few_different_stars_has_no_coefficient(n_stars, fewest, known):
    field = np.random.default_rng(4).uniform(0, 500, (n_stars, 2))
    exposures = [listed(field + step) for step in range(12)]
    solution = solve_crosstalk(exposures, SolveSettings(fewest=20, fewest_stars=fewest))
    assert solution.matrix.counts[0, 1] == 12 * n_stars
    assert np.isfinite(solution.matrix.coefficients[0, 1]) == known
    assert any("only 5 stars for the crosstalk from A to B" in one for one in solution.warnings) != known


def test_what_lies_under_one_star_in_all_exposures_is_in_the_error():
    random = np.random.default_rng(5)
    fields = [random.uniform(0, 2000, (8, 2)) for _ in range(3)]
    hidden = [random.normal(0, 20.0, 8) for _ in fields]  # electron, in every exposure of the field
    exposures = []
    for number in range(30):
        one = listed(fields[number % 3] + random.uniform(-50, 50, 2))
        signal = 50.0 + hidden[number % 3] + random.normal(0, 10.0, 8)
        exposures.append(replace(one, ratios={**one.ratios, ("B", "A"): np.float32(signal / 5e4)}))
    matrix = solve_crosstalk(exposures).matrix
    alone = solve_crosstalk([replace(one, positions=None) for one in exposures]).matrix
    # 24 stars of scatter 20 in 5e4, clipped at two sigma; counted as 240 it would be a third of that.
    assert matrix.standard_errors[0, 1] == pytest.approx(1.3 * 20 / 5e4 / np.sqrt(24), rel=0.4)
    assert matrix.standard_errors[0, 1] > 2 * alone.standard_errors[0, 1]
