"""The readout in closed form is the simulation, and what is fitted with it comes back."""

import numpy as np
import pytest

from infra.errors import CalprodError
from infra.simulator.deferred_charge import read_out_late
from infra.simulator.effects import DeferredCharge as Effects
from tasks.cti.algorithm import CtiSettings
from tasks.cti.register.closed_form import model_overscan
from tasks.cti.register.model import Register, RegisterParameters
from tasks.cti.register.simulator import linear_trap, read_rows, simulate_register
from tasks.cti.solving.local_offset import LocalOffset
from tasks.cti.solving.transfers import fit_global_cti
from tests.cti.fixtures import REGISTER, simulated_levels

SIGNALS = np.geomspace(20.0, 150_000.0, 30)
REGISTERS = [
    Register(509, 3, 15),
    Register(512, 10, 15),
    Register(64, 0, 15),
    Register(30, 1, 5),
    Register(4, 2, 3),
]
PARAMETERS = [
    RegisterParameters(1e-6, 1.8e-4, 2.4),
    RegisterParameters(1e-5, 1.8e-4, 2.4, 5.0, 0.08, 0.35),
    RegisterParameters(1e-3, 3e-3, 4.0, 500.0, 0.3, 0.9),
    RegisterParameters(0.0, 1e-4, 2.4, 30.0, 1.0, 0.1),
    RegisterParameters(0.0),
]


@pytest.mark.parametrize("register", REGISTERS, ids=str)
@pytest.mark.parametrize("parameters", PARAMETERS, ids=str)
def test_the_closed_form_is_the_simulation(register, parameters):
    exact = simulate_register(SIGNALS, register, parameters)[:, register.n_transfers :]
    found = model_overscan(SIGNALS, register, parameters)
    # Rounding of some 500 steps, relative to the column's own charge.
    np.testing.assert_allclose(found, exact, rtol=1e-11, atol=1e-12)


def test_charge_is_neither_lost_nor_made():
    rows = np.random.default_rng(3).uniform(0, 1000, (5, 60))
    parameters = RegisterParameters(1e-3, trap_size=20.0, trap_scale=0.1, emission_time=2.0)
    readings = read_rows(rows, 200, parameters, linear_trap(parameters))
    np.testing.assert_allclose(readings.sum(axis=1), rows.sum(axis=1), rtol=1e-12)


def test_the_simulated_camera_defers_charge_as_the_register_does():
    """The camera has its trap behind all transfers, the register at its second pixel."""
    effects = Effects(parallel_cti=0.0, trap_size=12.0, trap_scale=0.05, trap_emission=0.6)
    charge = np.zeros((4, 3 + 200 + 20))
    charge[:, 3:203] = np.array([[50.0], [800.0], [20_000.0], [120_000.0]])
    parameters = RegisterParameters(
        effects.serial_cti, effects.drift_scale, effects.decay_time, 12.0, 0.05, 0.6
    )
    expected = simulate_register(charge[:, 100], Register(200, 3, 20), parameters)
    np.testing.assert_allclose(
        read_out_late(charge, effects)[:, 203:], expected[:, 203:], rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("cti", [3e-6, 1e-6])
@pytest.mark.parametrize("seed", range(3))
def test_the_inefficiency_of_the_transfers_comes_back(cti, seed):
    """Rubin asserts 1e-7 to four decimals, which 0 passes as well."""
    offset = LocalOffset(1.8e-4, 2.4)
    truth = RegisterParameters(cti, offset.drift_scale, offset.decay_time)
    levels = simulated_levels(truth, np.geomspace(200, 9500, 20), seed=seed)
    found = fit_global_cti(levels, REGISTER, offset, CtiSettings())
    # 4 standard errors: 0.18 electron a column, of 20 flats of 512 transfers of up to 9500 electron.
    expected_error = 0.18 / 512 / np.sqrt(np.sum(levels.signals**2))
    assert found.cti_error == pytest.approx(expected_error, rel=0.25)
    assert abs(found.cti - cti) < 4 * expected_error
    assert 4 * expected_error < 0.2 * 3e-6
    assert (found.reason, found.trap_size) == ("", 0.0)


def test_a_small_trap_is_not_taken_for_inefficiency():
    """Its edge response is below the threshold of cp_pipe, and would add 3e-6 to the truth."""
    offset = LocalOffset(1.8e-4, 2.4)
    truth = RegisterParameters(1e-6, 1.8e-4, 2.4, 6.0, 0.08, 0.5)
    levels = simulated_levels(truth, np.geomspace(3000, 9500, 25))
    found = fit_global_cti(levels, REGISTER, offset, CtiSettings())
    assert found.cti == pytest.approx(1e-6, abs=4 * found.cti_error)
    assert found.trap_size == pytest.approx(6.0, abs=4 * found.trap_size_error)
    assert found.emission_time == pytest.approx(0.5, abs=4 * found.emission_time_error)
    assert found.emission_time_error < 0.1


@pytest.mark.parametrize("arguments", [(0, 3, 15), (509, 3, 0), (509, -1, 15)])
def test_a_register_without_data_or_overscan_is_refused(arguments):
    with pytest.raises(CalprodError, match="serial overscan"):
        Register(*arguments)
