"""Numbers of Rubin's own tests (cp_pipe test_cti.py, ip_isr test_deferredCharge.py), to all their digits."""

import numpy as np
import pytest

from tasks.cti.algorithm import CtiSettings
from tasks.cti.register.model import RegisterParameters
from tasks.cti.register.simulator import read_rows
from tasks.cti.solving.local_offset import fit_local_offset
from tasks.isr.cti import DeferredCharge, Trap, correct_cti
from tests.cti.fixtures import RUBIN_MEANS, RUBIN_OVERSCANS, levels_of_arrays

ROWS, PRESCAN, WIDTH, OVERSCAN = 128, 8, 64, 16
LINEAR = ("linear", [5.0], 1280.0, 362.83992247)
LOGISTIC = ("logistic", [5.0, 1e-3], 670.37716, 190.03093420)


def frame():
    image = np.ones((ROWS, PRESCAN + WIDTH + OVERSCAN))
    image[:, :PRESCAN] = 0.0
    image[:, PRESCAN : PRESCAN + WIDTH] = 100.0
    return image


@pytest.mark.parametrize(("kind", "coefficients", "captured", "released"), [LINEAR, LOGISTIC])
def test_what_a_trap_captures_and_releases(kind, coefficients, captured, released):
    """Rows of 100 electron, a trap of 10 at the third pixel from the end, emission time 3."""
    trap = Trap(kind, 10.0, 3.0, np.array(coefficients), pixel=WIDTH + PRESCAN - 3)
    taken = trap.capture(np.full(ROWS, 100.0))
    assert taken.sum() == pytest.approx(captured, rel=1e-7)
    assert (taken * (1 - np.exp(-1 / trap.emission_time))).sum() == pytest.approx(released, rel=1e-8)
    # The register shows the same; what it releases behind the packet is taken again at once.
    rows = np.zeros((ROWS, PRESCAN + WIDTH))
    rows[:, trap.pixel] = 100.0
    late = read_rows(rows, 4, RegisterParameters(0.0), trap)
    assert late[:, trap.pixel].sum() == pytest.approx(100.0 * ROWS - captured, rel=1e-7)


def test_the_inverse_of_the_output_amplifier():
    image = frame()
    offset = DeferredCharge(1.8e-4, 3.1)
    correct_cti(image, offset, data_rows=ROWS, prescan=PRESCAN)
    assert image.sum() == pytest.approx(821094.5118501, rel=1e-12)


def test_the_inverse_of_a_trap_after_it():
    image = frame()
    both = DeferredCharge(1.8e-4, 3.1, Trap("linear", 10.0, 3.0, np.array([5.0])), 1.0, 1.4e-7)
    correct_cti(image, both, data_rows=ROWS, prescan=PRESCAN, restore_transfers=False)
    assert image.sum() == pytest.approx(821734.39656054, rel=1e-12)


def test_the_fit_of_the_output_amplifier():
    """With the overscans as published to few digits; Rubin asserts 1.8105e-4 and 3.08095 to four decimals."""
    found = fit_local_offset(levels_of_arrays(RUBIN_MEANS, RUBIN_OVERSCANS), 512, CtiSettings())
    assert found.drift_scale == pytest.approx(1.81049131e-4, rel=1e-7)
    assert found.decay_time == pytest.approx(3.08098822, rel=1e-7)
    assert found.at_bound == ()
