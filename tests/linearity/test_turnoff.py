"""Where the response ends, and which points share one lamp."""

import numpy as np
import pytest

from infra.errors import CalprodError
from tasks.linearity.algorithm import (
    LinearitySettings,
    SplineSettings,
    TurnoffSettings,
    automatic_groups,
    groups_of_values,
    light_of,
    single_exposures,
    solve_linearity,
)
from tasks.linearity.fitting.groups import check_groups
from tasks.linearity.fitting.nodes import node_positions, supported_nodes
from tasks.linearity.fitting.turnoff import find_turnoff
from tests.linearity.ramps import one_amplifier
from tests.linearity.saturating_ramp import CHARGE, KEEP, LEVEL, TURNOFF

ONE = np.zeros(100, np.int64)


def test_the_turnoff_is_where_the_response_was_made_to_end():
    turnoff = find_turnoff(CHARGE, LEVEL, KEEP, ONE)
    # The next point lies 5 % below the line, far beyond the noise and what any turnoff allows.
    assert turnoff.index == TURNOFF
    assert turnoff.value == LEVEL[turnoff.index]
    assert turnoff.max_signal == LEVEL.max()
    assert turnoff.is_reached
    assert turnoff.below[: turnoff.index + 1].all()
    assert not turnoff.below[turnoff.index + 1 :].any()


def test_a_ramp_that_stops_short_has_its_turnoff_at_its_last_point():
    cut = np.arange(100) < TURNOFF
    turnoff = find_turnoff(CHARGE[cut], LEVEL[cut], KEEP[cut], ONE[cut])
    assert turnoff.index == np.count_nonzero(cut) - 1
    assert turnoff.value == turnoff.max_signal == LEVEL[TURNOFF - 1]
    assert not turnoff.is_reached


def test_the_spline_of_a_proportional_ramp_corrects_next_to_nothing():
    ramp = one_amplifier(CHARGE, LEVEL, keep=KEEP, turnoff=float(LEVEL[KEEP].max()))
    settings = LinearitySettings("Spline", spline=SplineSettings(n_nodes=10, weights=(7.2e-5, 1e-4)))
    one = solve_linearity(ramp, settings).amplifiers[0]
    nodes, values = np.split(one.coefficients, 2)
    assert values[0] == 0.0
    # Noise of 1e-4 at each of 90 points; only nodes well below the turnoff, out of the kink's reach.
    inside = (nodes > 0) & (nodes < 0.8 * LEVEL[TURNOFF])
    assert np.abs(values[inside] / nodes[inside]).max() < 5e-4


@pytest.mark.parametrize("bad", [np.nan, 0.0, -5.0])
def test_a_ramp_without_signal_has_no_turnoff(bad):
    turnoff = find_turnoff(CHARGE, np.full(100, bad), KEEP, ONE)
    assert turnoff.index == -1
    assert np.isnan([turnoff.value, turnoff.max_signal]).all()


def test_a_few_wild_points_do_not_move_the_turnoff():
    level = LEVEL.copy()
    level[[20, 50, 70]] *= [1.5, 0.5, 1.2]
    assert find_turnoff(CHARGE, level, KEEP, ONE).index == TURNOFF


def test_a_group_that_is_all_faint_is_given_its_first_points():
    light = np.concatenate([np.linspace(1, 60, 40), np.linspace(0.1, 2, 40)])
    groups = np.repeat([0, 1], 40)
    level = light * np.where(groups == 0, 1000.0, 300.0)
    turnoff = find_turnoff(light, level, np.ones(80, bool), groups)
    assert turnoff.good.all()
    assert turnoff.value == 60_000.0


def test_too_few_good_points_leave_the_highest_of_the_mask():
    light = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    level = np.array([2000.0, 9000.0, 5000.0, 30_000.0, 12_000.0])
    turnoff = find_turnoff(light, level, np.ones(5, bool), np.zeros(5, np.int64))
    assert turnoff.value == 30_000.0


def test_the_turnoff_cannot_exceed_its_maximum():
    turnoff = find_turnoff(CHARGE, LEVEL, KEEP, ONE, TurnoffSettings(maximum=50_000.0))
    assert turnoff.value == LEVEL[LEVEL < 50_000].max()


def test_groups_by_the_values_of_a_column():
    light = np.array([1.0, 2.0, np.nan, 4.0, 5.0])
    current = np.array([0.4, 0.1, 0.1, 0.4, np.nan])
    np.testing.assert_array_equal(groups_of_values(current, light), [1, 0, -1, 1, -1])
    np.testing.assert_array_equal(groups_of_values(np.array(list("babab")), light), [1, 0, -1, 0, 1])


def test_groups_by_the_brightness_itself():
    time = np.tile(np.linspace(1, 10, 10), 2)
    level = time * np.repeat([1000.0, 1300.0], 10)
    light = time.copy()
    light[4] = np.nan
    expected = np.repeat([0, 1], 10)
    expected[4] = -1
    np.testing.assert_array_equal(automatic_groups(level, time, light), expected)


def test_saturated_points_make_no_group_of_their_own():
    time = np.linspace(1, 40, 40)
    level = np.minimum(1000.0 * time, 30_000.0)
    assert (automatic_groups(level, time, time) == 0).all()


def test_groups_of_nothing():
    nothing = np.full(5, np.nan)
    assert (automatic_groups(nothing, np.ones(5), np.ones(5)) == -1).all()


def test_groups_that_are_too_small_are_refused():
    """Rubin cp_pipe, test_linearity_spline_offsets_too_few_points."""
    with pytest.raises(CalprodError, match="too few points in group 1"):
        check_groups(np.array([0, 0, 0, 1, 1, -1]), 3)


def test_charges_below_the_minimum_are_no_measurement():
    light = light_of(np.ones(4), np.array([1e-11, 1e-9, np.inf, np.nan]), minimum_charge=1e-10)
    np.testing.assert_array_equal(light, [np.nan, 1e-9, np.nan, np.nan])
    np.testing.assert_array_equal(light_of(np.arange(3.0), normalization=np.full(3, 2.0)), [0, 2, 4])


def test_pairs_fall_apart_into_their_exposures():
    np.testing.assert_array_equal(
        single_exposures(np.array([10.0, 20.0]), np.array([2.0, -4.0])), [9, 11, 22, 18]
    )


@pytest.mark.parametrize(
    ("low", "ptc", "high"),
    [
        (5000.0, 80_000.0, 100_000.0),
        (0.0, 80_000.0, 100_000.0),
        (50.0, 8000.0, 8000.5),
        (5000.0, 70_000.0, 100.0),
    ],
)
def test_the_nodes_rise_and_hold_their_levels_exactly(low, ptc, high):
    """Rubin cp_pipe, checks of its noderator."""
    nodes = node_positions(low, ptc, high)
    assert nodes[0] == 0.0
    assert (np.diff(nodes) > 0).all()
    assert ptc in nodes
    assert (low in nodes) or low <= 100.0
    assert nodes[-1] == max(ptc, high)


def test_the_nodes_are_as_dense_as_asked():
    nodes = node_positions(5000.0, 80_000.0, 100_000.0)
    low, mid, high = nodes[nodes <= 5000], nodes[(nodes >= 5000) & (nodes <= 80_000)], nodes[nodes >= 80_000]
    assert (low.size, mid.size, high.size) == (1 + 7, 15, 10)
    np.testing.assert_allclose(np.diff(low)[1:], 4900 / 6)


def test_nodes_that_no_points_determine_are_left_out():
    nodes = np.linspace(0.0, 100.0, 11)
    kept = supported_nodes(nodes, np.array([15.0, 25.0, 26.0, 26.01, 45.0, 95.0, 96.0]))
    assert kept[0] == 0.0
    assert kept[-1] == 100.0
    distinct = np.array([15.0, 25.0, 26.0, 45.0, 95.0, 96.0])
    assert (np.histogram(distinct, kept)[0] >= 2).all()
    np.testing.assert_array_equal(supported_nodes(nodes, np.linspace(1, 100, 100)), nodes)
    np.testing.assert_array_equal(supported_nodes(nodes, np.array([50.0])), [0.0, 100.0])
