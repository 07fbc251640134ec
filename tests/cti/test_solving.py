"""Edge response, turnoffs, output amplifier and traps of one amplifier, and those that cannot be solved."""

from dataclasses import replace

import numpy as np
import pytest

from infra.errors import CalprodError
from tasks.cti.algorithm import CtiSettings, Segment, corrected_trail, solve_amplifier, solve_cti
from tasks.cti.register.model import RegisterParameters
from tasks.cti.solving.edge import cti_turnoff, edge_response
from tasks.cti.solving.levels import levels_of
from tasks.cti.solving.local_offset import fit_local_offset
from tasks.isr.cti_statistics import CtiStatistics
from tests.cti.fixtures import ITL, levels_of_arrays, simulated_levels

TRUTH = RegisterParameters(1e-6, 1.8e-4, 2.4, 8.0, 0.05, 0.5)
SIGNALS = np.geomspace(100, 145_000, 60)


def test_the_edge_response_is_that_of_the_first_two_columns():
    overscan = np.array([[3.0, 1.0, 99.0], [6.0, 2.0, 99.0]])
    found = edge_response(np.array([1000.0, 2000.0]), overscan, 512)
    np.testing.assert_allclose(found, [4 / 512e3, 4 / 512e3])
    assert np.isnan(edge_response(np.array([1000.0]), np.ones((1, 1)), 512)).all()


def test_the_turnoff_is_the_last_level_before_the_inefficiency_rises():
    signals = np.arange(1.0, 21.0) * 5000
    inefficiency = np.where(signals <= 60_000, 1e-6, 1e-6 + (signals - 60_000) * 2e-10)
    found = cti_turnoff(signals, inefficiency)
    # The gradient sees one level ahead.
    assert (found.signal, found.sampling_error, found.at_edge) == (55_000.0, 5000.0, False)


@pytest.mark.parametrize(
    ("inefficiency", "expected"),
    [
        ([2e-5, 3e-5, -2e-5], (0.0, 0.0)),
        ([np.nan, 1e-6, 3e-5], (2.0, 0.0)),
        ([1e-6, 1e-6, 1e-6], (3.0, 1.0)),
    ],
)
def test_turnoffs_of_few_levels_are_at_the_edge_of_what_is_known(inefficiency, expected):
    found = cti_turnoff(np.array([1.0, 2.0, 3.0]), np.array(inefficiency))
    assert (found.signal, found.sampling_error) == expected
    assert found.at_edge


@pytest.mark.parametrize("seed", range(3))
def test_everything_the_register_does_comes_back(seed):
    solved = solve_amplifier(simulated_levels(TRUTH, SIGNALS, seed=seed), ITL)
    assert solved.reason is None
    # 4 standard errors of the fits themselves, which are small enough to mean something.
    assert abs(solved.drift_scale - 1.8e-4) < 4 * solved.drift_scale_error < 0.3 * 1.8e-4
    assert abs(solved.decay_time - 2.4) < 4 * solved.decay_time_error < 0.2 * 2.4
    # Bounded by bright flats, the CTI may lie one error of these below.
    assert abs(solved.global_cti - 1e-6) < 4 * solved.global_cti_error < 0.4 * 1e-6
    assert solved.trap.emission_time == pytest.approx(0.5, abs=0.12)
    # At 10 000 to 100 000 electron the trap is full; two columns of error 0.18, and what CTI and offset miss.
    captured = solved.trap.capture(np.geomspace(1e4, 1e5, 30))
    assert np.median(captured) == pytest.approx(8.0, abs=2.5)


def test_a_trap_does_not_pass_for_an_offset_of_the_output():
    """Without noise: what it gives back late added a fifth to the drift scale before both were told apart."""
    levels = simulated_levels(replace(TRUTH, trap_size=6.0, trap_scale=0.08), SIGNALS, noise=0)
    alone = fit_local_offset(levels, 512, CtiSettings())
    solved = solve_amplifier(levels, ITL)
    assert alone.drift_scale > 1.15 * 1.8e-4
    assert solved.drift_scale == pytest.approx(1.8e-4, rel=0.05)
    assert solved.decay_time == pytest.approx(2.4, rel=0.03)


@pytest.mark.parametrize("seed", range(3))
def test_the_trail_of_other_levels_is_gone(seed):
    solved = solve_amplifier(simulated_levels(TRUTH, SIGNALS, seed=seed), ITL)
    others = simulated_levels(TRUTH, np.geomspace(300, 140_000, 25), seed=100 + seed)
    sums = []
    for signal, overscan in zip(others.signals, others.serial, strict=True):
        corrected = corrected_trail(signal, overscan[:15], 512, solved.deferred_charge)
        assert overscan[:2].sum() > 5
        sums.append(corrected[:2].sum())
    # Each has an error of 0.25 √2, of its own and of the point of the trap's curve.
    assert abs(np.mean(sums)) < 4 * 0.25 * np.sqrt(2 / 25)
    assert np.abs(sums).max() < 4.5 * 0.25 * np.sqrt(2)


def test_an_e2v_sensor_has_no_trap_unless_asked_for():
    levels = simulated_levels(TRUTH, SIGNALS)
    e2v = replace(ITL, vendor="E2V")
    trap = solve_amplifier(levels, e2v).trap
    assert (trap.size, trap.type) == (0.0, "linear")
    assert solve_amplifier(levels, e2v, CtiSettings(e2v_traps=True)).trap.type == "spline"


def test_the_trap_is_measured_below_the_turnoff_only():
    levels = simulated_levels(TRUTH, SIGNALS, turnoff=50_000.0)
    solved = solve_amplifier(levels, ITL)
    n = solved.trap.coefficients.size // 2
    assert 40_000 < solved.trap.coefficients[n - 1] <= 50_000
    assert solved.trap.coefficients[:11].tolist() == pytest.approx(
        (np.arange(11) / 10 * SIGNALS[0] * (1 - solved.drift_scale)).tolist()
    )
    assert solved.trail_signal <= 50_000


def test_a_drift_beyond_the_bounds_is_named():
    levels = simulated_levels(RegisterParameters(1e-6, 2e-3, 2.4), SIGNALS)
    found = fit_local_offset(levels, 512, CtiSettings())
    assert found.at_bound == ("drift scale",)
    assert "the drift scale stands at a bound of its fit" in solve_amplifier(levels, ITL).remarks


def with_overscan(overscan, **keys):
    return levels_of_arrays(SIGNALS, overscan, **keys)


@pytest.mark.parametrize(
    ("levels", "words"),
    [
        (levels_of_arrays([], np.zeros((0, 64))), "no flat has a signal above 10 electron"),
        (with_overscan(np.zeros((60, 4))), "4 columns is too narrow: 5 are needed"),
        (
            with_overscan(np.full((60, 64), np.nan)),
            "no flat has a serial overscan whose columns are all numbers",
        ),
        (with_overscan(np.zeros((60, 64)), gain=np.nan), "its gain is nan"),
        (with_overscan(np.zeros((60, 64)), gain=0.0), "its gain is 0.0"),
    ],
)
def test_what_cannot_be_solved_corrects_nothing_and_says_why(levels, words):
    solved = solve_amplifier(levels, ITL)
    assert words in solved.reason
    assert solved.is_bad
    charge = solved.deferred_charge
    assert (charge.drift_scale, charge.global_cti, charge.trap.size) == (0.0, 0.0, 0.0)
    assert np.isnan(solved.serial_eper).all()


def test_flats_that_are_all_too_bright_leave_neutral_parameters_with_a_remark():
    levels = simulated_levels(TRUTH, np.linspace(160_000, 190_000, 10))
    solved = solve_amplifier(levels, ITL)
    assert not solved.is_bad
    assert (solved.drift_scale, solved.decay_time, solved.global_cti, solved.trap.size) == (
        0.0,
        2.4,
        0.0,
        0.0,
    )
    remarks = "; ".join(solved.remarks)
    for words in (
        "no flat below 150000 electron",
        "no flat below 10000 electron",
        "no flat below the turnoff",
    ):
        assert words in remarks


def test_behind_a_dead_column_no_trap_is_measured_and_the_remark_says_so():
    levels = simulated_levels(TRUTH, SIGNALS)
    rng = np.random.default_rng(0)
    solved = solve_amplifier(replace(levels, last_columns=rng.normal(0.0, 0.6, SIGNALS.size)), ITL)
    assert (solved.trap.type, solved.trap.size) == ("linear", 0.0)
    assert "no trap can be measured: the last data column holds no charge" in solved.remarks


def test_that_no_loss_is_seen_is_a_result_with_an_error():
    """Columns of small frames: the error is as large as the loss, and half of those without any show none."""
    found = [
        solve_amplifier(simulated_levels(replace(TRUTH, cti=1e-8), SIGNALS, seed=seed, noise=1.0), ITL)
        for seed in range(8)
    ]
    assert all("the CTI stands at a bound of its fit" not in one.remarks for one in found)
    errors = np.array([one.global_cti_error for one in found])
    # 25 faint flats, their first column alone: 512 transfers, noise 1; what else is fitted takes its part.
    faint = SIGNALS[SIGNALS < 10_000.0]
    alone = 1.0 / (512 * np.sqrt(np.sum(faint**2)))
    assert np.isfinite(errors).all()
    assert ((errors > 0.7 * alone) & (errors < 20 * alone)).all()
    pulls = np.array([one.global_cti for one in found]) / errors
    assert pulls.max() < 4


def test_single_columns_without_a_number_cost_their_flats_only():
    levels = simulated_levels(TRUTH, SIGNALS)
    levels.serial[::7, 0] = np.nan
    solved = solve_amplifier(levels, ITL)
    whole = solve_amplifier(simulated_levels(TRUTH, SIGNALS), ITL)
    assert solved.drift_scale == pytest.approx(whole.drift_scale, abs=3 * whole.drift_scale_error)
    assert np.isnan(solved.serial_eper).sum() == 9
    assert np.isfinite(solved.trap.coefficients).all()


def statistics(signal, n_columns=64, n_rows=48):
    columns, rows = np.zeros(n_columns), np.zeros(n_rows)
    return CtiStatistics(
        signal, signal, signal, signal, signal, columns, columns + 0.2, rows, rows + 0.2, 1.1, 9e4
    )


def test_levels_come_in_the_order_of_their_signal_whatever_that_of_the_flats():
    flats = [statistics(5e4), statistics(np.nan), statistics(100.0), statistics(-3.0), statistics(9e3, 40)]
    levels = levels_of("C10", flats)
    assert levels.signals.tolist() == [100.0, 9e3, 5e4]
    assert levels.serial.shape == (3, 40)
    assert (levels.gain, levels.turnoff) == (1.1, 9e4)


def test_a_detector_is_solved_amplifier_by_amplifier():
    flats = {"C10": [statistics(1e3)], "C11": [], "C12": [statistics(2e3)]}
    segments = dict.fromkeys(flats, Segment(3, 509, 2000))
    solution = solve_cti(flats, segments, detector=4, bad={"C12": "it is dead"})
    assert solution.reasons == (("C11", "no flat has a signal above 10 electron"), ("C12", "it is dead"))
    assert [one.name for one in solution.amplifiers] == ["C10", "C11", "C12"]
    with pytest.raises(CalprodError, match="no amplifier C17, only C10, C11, C12"):
        solution.amplifier("C17")
    with pytest.raises(CalprodError, match="no amplifier to solve"):
        solve_cti({}, {}, detector=4)
