"""The measurement of crosstalk where its input is not as it should be."""

import math

import numpy as np
import pytest

from infra.errors import CalprodError
from infra.images import MaskPlane
from tasks.combine.background import background
from tasks.combine.clipping import clipped_variance_factor
from tasks.crosstalk.algorithm import (
    CrosstalkRatios,
    ExtractionSettings,
    SolveSettings,
    extract_ratios,
    replace_outliers,
    solve_crosstalk,
)
from tests.crosstalk.fields import MOCK, add_star, as_read, exposure

NAMES = tuple(one.name for one in MOCK.amplifiers)
SETTINGS = ExtractionSettings(threshold=4000.0)


def ratios_of(values, fluxes=None, names=("A", "B")):
    """Ratios from A to B alone."""
    values = np.asarray(values, np.float32)
    fluxes = np.full(values.size, 5e4) if fluxes is None else np.asarray(fluxes)
    empty = np.empty(0, np.float32)
    a, b = names
    return CrosstalkRatios(
        names, {(b, a): values, (a, b): empty}, {a: np.asarray(fluxes, np.float32), b: empty}
    )


def test_an_exposure_without_sources_gives_no_ratios_and_no_exception():
    one = extract_ratios(exposure(np.zeros(MOCK.image_shape)), MOCK)
    assert all(values.size == 0 for values in one.ratios.values())
    solution = solve_crosstalk([one])
    assert np.isnan(solution.matrix.coefficients).all()
    assert not solution.matrix.valid.any()
    assert len(solution.warnings) == 56
    assert "no measurement of the crosstalk from C00 to C10" in solution.warnings[0]


def test_an_amplifier_that_is_not_a_number_harms_no_other():
    image = np.random.default_rng(1).normal(0, 10, MOCK.image_shape)
    for index, one in enumerate(MOCK.amplifiers):
        # Read at different moments, and farther apart than the wings reach.
        as_read(image, one)[20, 5 + 12 * index] = 40_000.0
    dead = MOCK.amplifiers[3]
    image[dead.image_box.slices] = np.nan
    settings = ExtractionSettings(threshold=4000.0, growth=5)
    matrix = solve_crosstalk([extract_ratios(exposure(image), MOCK, settings)]).matrix
    assert not matrix.counts[3].any()
    assert not matrix.counts[:, 3].any()
    others = np.delete(np.delete(matrix.counts, 3, 0), 3, 1)
    assert (others[~np.eye(7, dtype=bool)] == 1).all()


@pytest.mark.parametrize("plane", [MaskPlane.BAD, MaskPlane.INTRP])
def test_bad_sources_and_bad_targets_tell_nothing(plane):
    image, mask = np.zeros(MOCK.image_shape), np.zeros(MOCK.image_shape, np.uint16)
    source, target = MOCK.amplifiers[0], MOCK.amplifiers[5]
    as_read(image, source)[10, 20:24] = 30_000.0
    as_read(mask, source)[10, 20] = plane
    as_read(mask, target)[10, 21] = plane
    one = extract_ratios(exposure(image, mask), MOCK, SETTINGS)
    assert one.fluxes[source.name].size == 3
    found = one.ratios[target.name, source.name]
    np.testing.assert_array_equal(np.isfinite(found), [False, True, True])


@pytest.mark.parametrize("by_flag", [True, False])
def test_what_is_saturated_is_no_source_nor_what_is_beside_it_or_read_with_it(by_flag):
    image, mask = np.zeros(MOCK.image_shape), np.zeros(MOCK.image_shape, np.uint16)
    source, target = MOCK.amplifiers[0], MOCK.amplifiers[5]
    as_read(image, source)[10, 20:26] = 30_000.0
    for one, column in ((source, 20), (target, 23)):
        as_read(image, one)[10, column] = 90_000.0
        as_read(mask, one)[10, column] = MaskPlane.SAT if by_flag else 0
    settings = ExtractionSettings(threshold=4000.0, maximum=80_000.0)
    found = extract_ratios(exposure(image, mask), MOCK, settings)
    # The pixel itself, its neighbour, and the one of which the target is saturated: three of six are left.
    assert found.fluxes[source.name].size == 3
    assert not found.fluxes[target.name].size


def test_a_target_that_is_itself_a_source_tells_nothing_where_rubins_divides():
    image = np.zeros(MOCK.image_shape)
    for one in MOCK.amplifiers[:2]:
        as_read(image, one)[10, 20] = 30_000.0
    one = extract_ratios(exposure(image), MOCK, SETTINGS)
    assert np.isnan(one.ratios[NAMES[1], NAMES[0]]).all()
    assert one.ratios[NAMES[2], NAMES[0]][0] == 0.0


def test_an_image_of_another_shape_is_refused():
    with pytest.raises(CalprodError, match=r"exposure of shape \(5, 5\) for detector R00_S00"):
        extract_ratios(exposure(np.zeros((5, 5))), MOCK)


def test_ratios_come_back_from_their_plain_form():
    image = np.random.default_rng(2).normal(0, 10, MOCK.image_shape)
    add_star(image, 20, 30, 40_000, 3.0)
    one = extract_ratios(exposure(image), MOCK, SETTINGS)
    ratios, fluxes = one.to_plain("RXX_S00")
    again = CrosstalkRatios.from_plain(ratios, fluxes, "RXX_S00")
    assert again.amplifiers == NAMES
    assert set(again.ratios) == set(one.ratios)
    for pair, values in one.ratios.items():
        np.testing.assert_array_equal(again.ratios[pair], values)
    assert ratios["RXX_S00"]["RXX_S00"][NAMES[0]][NAMES[0]] == []
    with pytest.raises(CalprodError, match="none of detector R22_S11"):
        CrosstalkRatios.from_plain(ratios, fluxes, "R22_S11")


def test_ratios_and_fluxes_of_different_number_are_left_out_with_a_warning():
    good, bad = ratios_of(np.full(10, 1e-3)), ratios_of(np.full(7, 5e-2), np.full(9, 5e4))
    solution = solve_crosstalk([good, bad])
    assert solution.matrix.counts[0, 1] == 10
    assert any("exposure 1: ratios and fluxes from A to B differ" in one for one in solution.warnings)


def test_ratios_of_one_and_more_are_discarded():
    matrix = solve_crosstalk([ratios_of([1.0, -1.0, 2.0, np.nan, 0.1])]).matrix
    assert matrix.coefficients[0, 1] == pytest.approx(0.1)
    assert matrix.counts[0, 1] == 1


def test_a_single_measurement_has_no_error_and_is_not_valid():
    matrix = solve_crosstalk([ratios_of([0.1])]).matrix
    assert math.isnan(matrix.errors[0, 1])
    assert not matrix.valid[0, 1]


def test_a_pair_with_too_few_measurements_keeps_their_number_and_has_no_coefficient():
    solution = solve_crosstalk([ratios_of(np.linspace(0.9e-3, 1.1e-3, 40))], SolveSettings(fewest=50))
    matrix = solution.matrix
    assert math.isnan(matrix.coefficients[0, 1])
    assert not matrix.valid[0, 1]
    assert 0 < matrix.counts[0, 1] <= 40
    assert any("measurements of the crosstalk from A to B" in one for one in solution.warnings)


def test_an_amplifier_of_another_level_is_no_crosstalk_of_its_neighbours():
    # A smooth background of the whole detector would run through the step beside a dead amplifier.
    image = np.random.default_rng(2).normal(50.0, 1.0, MOCK.image_shape)
    dead, source = MOCK.amplifiers[3], MOCK.amplifiers[0]
    image[dead.image_box.slices] -= 50.0
    as_read(image, source)[20:24, 40:44] += 40_000.0
    one = extract_ratios(exposure(image), MOCK, ExtractionSettings(threshold=4000.0, growth=5))
    for target in MOCK.amplifiers[1:]:
        found = one.ratios[target.name, source.name]
        # Sixteen pixels of noise 1 over 40000: their mean is known to 6e-6.
        assert abs(found.mean()) < 4e-5


def test_a_line_is_not_flattened_by_the_clip():
    # Rubin's clip about the median takes the ends of a steep line away.
    random = np.random.default_rng(3)
    fluxes = random.uniform(3e4, 1.2e5, 2000)
    values = 1e-3 + 1e-8 * fluxes + random.normal(0.0, 10.0, 2000) / fluxes
    values[:100] += 0.05
    matrix = solve_crosstalk([ratios_of(values, fluxes)], SolveSettings(flux_order=1)).matrix
    error = matrix.quadratic_standard_errors[0, 1]
    assert matrix.quadratic[0, 1] == pytest.approx(1e-8, abs=4 * error)
    assert matrix.coefficients[0, 1] == pytest.approx(1e-3, abs=4 * matrix.standard_errors[0, 1])
    assert error < 2e-10


def test_the_error_is_the_scatter_before_the_clip():
    # Rubin's correction of a clip at two sigma: the root of 1.2924, 1.1368472343.
    assert math.sqrt(clipped_variance_factor(2.0)) == pytest.approx(1.1368472343, abs=1e-10)
    values = np.random.default_rng(3).normal(1e-3, 2e-4, 20_000)
    # Three passes clip a little further in than one at two sigma of the truth: 1 % and 0.5 % of statistics.
    matrix = solve_crosstalk([ratios_of(values)], SolveSettings(n_iterations=1)).matrix
    assert matrix.errors[0, 1] == pytest.approx(2e-4, rel=0.015)
    assert matrix.coefficients[0, 1] == pytest.approx(1e-3, abs=3 * 2e-4 / np.sqrt(15_000))


def test_validity_is_by_the_error_of_the_mean_or_by_the_scatter():
    values = [ratios_of(np.random.default_rng(4).normal(1e-3, 1e-3, 1000))]
    assert solve_crosstalk(values).matrix.valid[0, 1]
    assert not solve_crosstalk(values, SolveSettings(per_measurement=True)).matrix.valid[0, 1]


@pytest.mark.parametrize("n", [100, 600])
def test_the_clipped_mean_scatters_as_its_standard_error_says(n):
    # Rubin's scatter over the root of the count is 1.3 times too small: each pass takes wings away.
    random = np.random.default_rng(9)
    pulls = []
    for _ in range(800):
        matrix = solve_crosstalk([ratios_of(random.normal(1e-3, 1e-3, n))]).matrix
        pulls.append((matrix.coefficients[0, 1] - 1e-3) / matrix.standard_errors[0, 1])
    assert np.std(pulls) == pytest.approx(1.0, abs=0.1)  # 4 sigma of 800 draws


def test_negative_and_insignificant_coefficients_can_be_dropped():
    negative = [ratios_of(np.random.default_rng(5).normal(-1e-3, 1e-4, 100))]
    assert solve_crosstalk(negative).matrix.coefficients[0, 1] < 0
    assert solve_crosstalk(negative, SolveSettings(reject_negative=True)).matrix.coefficients[0, 1] == 0
    noise = [ratios_of(np.random.default_rng(6).normal(1e-5, 1e-3, 100))]
    matrix = solve_crosstalk(noise, SolveSettings(drop_insignificant=True)).matrix
    assert matrix.coefficients[0, 1] == 0
    assert math.isnan(matrix.errors[0, 1])


def test_one_flux_allows_no_line_and_gives_the_mean():
    values = [ratios_of(np.full(50, 1e-3))]
    matrix = solve_crosstalk(values, SolveSettings(flux_order=1)).matrix
    assert matrix.coefficients[0, 1] == pytest.approx(1e-3)
    assert matrix.quadratic[0, 1] == 0


def test_no_exposures_or_different_detectors_are_refused():
    with pytest.raises(CalprodError, match="no exposures"):
        solve_crosstalk([])
    with pytest.raises(CalprodError, match="different amplifiers"):
        solve_crosstalk([ratios_of([0.1]), ratios_of([0.1], names=("A", "C"))])


def test_the_background_follows_a_slope_and_not_what_is_excluded():
    y, x = np.mgrid[:300, :260]
    image = (100.0 + 0.1 * x + 0.05 * y + np.random.default_rng(7).normal(0, 1, x.shape)).astype(np.float32)
    excluded = np.zeros(image.shape, bool)
    excluded[40:200, 40:60] = True
    image[excluded] = 1e5
    model = background(image, excluded, 64)
    # A cell of which the left half is excluded has its mean 8 columns off, 0.8; outside it is the noise of a
    # cell, 0.02. Beyond the outermost centres of the cells the model stays at its value there.
    inner = (slice(40, 260), slice(40, 220))
    np.testing.assert_allclose(model[inner], (100.0 + 0.1 * x + 0.05 * y)[inner], atol=0.9)


def test_an_image_without_background_pixels_has_none():
    image = np.full((50, 60), 7.0, np.float32)
    assert not background(image, np.ones(image.shape, bool), 20).any()


def test_outliers_among_like_detectors_become_the_median():
    random = np.random.default_rng(8)
    matrices = {
        f"R{i}": solve_crosstalk([ratios_of(random.normal(1e-3, 1e-5, 100))]).matrix for i in range(9)
    }
    matrices["R3"] = solve_crosstalk([ratios_of(random.normal(5e-3, 1e-5, 100))]).matrix
    groups = dict.fromkeys(matrices, "ITL")
    kept = {name: group for name, group in groups.items() if name != "R3"}
    assert replace_outliers(matrices, groups)["R3"].coefficients[0, 1] == pytest.approx(1e-3, rel=0.01)
    assert replace_outliers(matrices, kept)["R3"].coefficients[0, 1] == pytest.approx(5e-3, rel=0.01)
    assert replace_outliers(matrices, groups)["R0"].coefficients[0, 1] == matrices["R0"].coefficients[0, 1]
