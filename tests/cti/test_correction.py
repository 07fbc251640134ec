"""Deferred charge is given back: against a plain reference, and against the simulated readout."""

import numpy as np
import pytest

from infra.errors import CalprodError
from tasks.cti.register.model import RegisterParameters
from tasks.cti.register.simulator import linear_trap, read_rows
from tasks.isr.cti import DeferredCharge, Trap, correct_cti

TRAPS = {
    "none": None,
    "linear": Trap("linear", 8.0, 0.7, np.array([0.05])),
    "logistic": Trap("logistic", 12.0, 1.5, np.array([500.0, 4e-3])),
    "spline": Trap("spline", 2e4, 0.4, np.array([0, 50, 900, 900.5, 4e4, 0, 3, 6, 6.5, 9], float)),
}


def reference(image, charge, data_rows, prescan, *, restore):
    """Give back charge as Rubin's ip_isr writes it, with all earlier pixels looked at for each one."""
    work = np.array(image[:data_rows], np.float64)
    work[:, :prescan] = 0.0
    if charge.drift_scale > 0:
        offsets = np.zeros((15, *work.shape))
        for j in range(15):
            offsets[j, :, j:] = charge.drift_scale * np.maximum(0, work[:, : work.shape[1] - j])
            offsets[j] *= np.exp(-j / charge.decay_time)
        work = work - offsets.max(axis=0)
    if charge.trap is not None:
        kept = np.exp(-1 / charge.trap.emission_time)
        wanted = charge.trap.capture(np.maximum(0, work))
        occupied = np.zeros((6, *work.shape))
        for n in range(6):
            occupied[n, :, n + 1 :] = wanted[:, : -(n + 1)] * kept**n
        occupied = occupied.max(axis=0)
        captured = np.maximum(0, wanted - occupied * kept)
        work = work - (1 - charge.global_cti) * (occupied * (1 - kept) - captured)
    if restore:
        x = np.arange(work.shape[1])
        before = np.pad(work, ((0, 0), (1, 0)))[:, :-1]
        before[:, prescan] = 0.0
        work = work + charge.global_cti * ((x + 1) * work - x * before)
    result = np.array(image, np.float64)
    result[:data_rows, prescan:] = work[:, prescan:]
    return result


def frame(seed=0, dtype=np.float64):
    """Stars on a faint sky: the largest earlier charge is often far back, and overscan noise is negative."""
    rng = np.random.default_rng(seed)
    image = rng.normal(30, 8, (40, 130)).astype(dtype)
    image[:, 5:100] += rng.pareto(0.6, (40, 95)).astype(dtype) * 40
    image[:, :5] = rng.normal(0, 8, (40, 5))
    image[:, 100:] = rng.normal(0, 8, (40, 30))
    return np.minimum(image, 1.5e5).astype(dtype)


@pytest.mark.parametrize("kind", TRAPS)
@pytest.mark.parametrize("restore", [False, True])
@pytest.mark.parametrize("drift", [0.0, 2e-4])
def test_it_is_what_the_plain_reference_gives(kind, restore, drift):
    charge = DeferredCharge(drift, 3.0, TRAPS[kind], 1.0, 2e-6)
    image = frame()
    expected = reference(image, charge, 36, 5, restore=restore)
    correct_cti(image, charge, data_rows=36, prescan=5, restore_transfers=restore)
    np.testing.assert_allclose(image, expected, rtol=1e-10, atol=1e-9)


@pytest.mark.parametrize("kind", TRAPS)
def test_single_precision_agrees_to_a_millionth(kind):
    charge = DeferredCharge(2e-4, 3.0, TRAPS[kind], 1.0, 2e-6)
    image = frame(dtype=np.float32)
    expected = reference(image, charge, 36, 5, restore=True)
    correct_cti(image, charge, data_rows=36, prescan=5)
    np.testing.assert_allclose(image, expected, rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("kind", ["none", "spline"])
def test_counts_are_corrected_as_their_electrons(kind):
    charge = DeferredCharge(2e-4, 3.0, TRAPS[kind], 1.3, 2e-6)
    electrons = frame()
    counts = electrons / charge.gain
    correct_cti(electrons, charge, data_rows=40, prescan=5)
    correct_cti(counts, charge, data_rows=40, prescan=5, unit="adu")
    np.testing.assert_allclose(counts * charge.gain, electrons, rtol=1e-12)


@pytest.mark.parametrize("flip", [(1, -1), (-1, 1), (-1, -1)])
def test_a_mirrored_view_is_corrected_in_place(flip):
    charge = DeferredCharge(2e-4, 3.0, TRAPS["linear"], 1.0, 2e-6)
    image = frame()
    stored = image[:: flip[0], :: flip[1]].copy()
    correct_cti(image, charge, data_rows=36, prescan=5)
    correct_cti(stored[:: flip[0], :: flip[1]], charge, data_rows=36, prescan=5)
    np.testing.assert_array_equal(stored[:: flip[0], :: flip[1]], image)


def test_prescan_and_parallel_overscan_stay_as_they_are():
    image = frame()
    before = image.copy()
    correct_cti(image, DeferredCharge(2e-4, 3.0, TRAPS["linear"], 1.0, 2e-6), data_rows=36, prescan=5)
    np.testing.assert_array_equal(image[36:], before[36:])
    np.testing.assert_array_equal(image[:, :5], before[:, :5])
    assert (image[:36, 5:] != before[:36, 5:]).mean() > 0.9


def test_what_is_not_a_number_stays_where_it_is():
    charge = DeferredCharge(2e-4, 3.0, TRAPS["spline"], 1.0, 2e-6)
    image = frame()
    image[7, 50] = np.nan
    correct_cti(image, charge, data_rows=40, prescan=5)
    assert np.isnan(image).sum() == 1
    assert np.isnan(image[7, 50])


def test_nothing_is_corrected_where_nothing_is_deferred():
    image = frame()
    before = image.copy()
    correct_cti(image, DeferredCharge(0.0, 2.4, Trap("linear", 0.0, 0.4, np.array([1.0]))), data_rows=40)
    np.testing.assert_array_equal(image, before)


def test_stars_and_flats_come_back_from_the_simulated_readout():
    """What remains is of second order: the offset is told from charge that has it already."""
    rng = np.random.default_rng(4)
    rows = np.zeros((30, 203))
    rows[:, 3:] = rng.uniform(50, 400, (30, 200))
    rows[::2, 40] += 60_000.0
    rows[20:, 3:] = 50_000.0
    parameters = RegisterParameters(2e-6, 2e-4, 2.4, 10.0, 0.05, 0.5)
    trap = linear_trap(parameters)
    late = read_rows(rows, 40, parameters, trap)
    lost = np.abs(late[:, :203] - rows).max()
    correct_cti(late, DeferredCharge(2e-4, 2.4, trap, 1.0, 2e-6), data_rows=30, prescan=3)
    left = late - np.pad(rows, ((0, 0), (0, 40)))
    assert lost > 10.0
    # The trap takes again of what it has released, which its inverse does not follow.
    assert np.abs(left).max() < 0.06 * lost
    assert np.abs(left[:, 203:]).max() < 0.5


@pytest.mark.parametrize(
    ("trap", "words"),
    [
        (("hyperbolic", 5.0, 0.4, [1.0]), "unknown type of trap"),
        (("linear", 5.0, 0.4, [1.0, 2.0]), "2 coefficients do not describe a linear trap"),
        (("spline", 5.0, 0.4, [1.0, 2.0, 3.0]), "3 coefficients"),
        (("spline", 5.0, 0.4, [2.0, 1.0, 3.0, 4.0]), "do not rise"),
        (("linear", np.nan, 0.4, [1.0]), "there is no linear trap"),
        (("linear", 5.0, 0.0, [1.0]), "emission time 0.0"),
    ],
)
def test_what_is_no_trap_is_refused(trap, words):
    kind, size, emission, coefficients = trap
    with pytest.raises(CalprodError, match=words):
        Trap(kind, size, emission, np.array(coefficients))


@pytest.mark.parametrize("numbers", [(np.nan, 2.4), (1e-4, 0.0), (1e-4, np.inf)])
def test_what_is_no_deferred_charge_is_refused(numbers):
    with pytest.raises(CalprodError, match="no deferred charge"):
        DeferredCharge(*numbers)


@pytest.mark.parametrize("keys", [{"data_rows": 41}, {"data_rows": 40, "prescan": 131}])
def test_a_segment_smaller_than_its_sections_is_refused(keys):
    with pytest.raises(CalprodError, match="take the sections from the frame's own layout"):
        correct_cti(frame(), DeferredCharge(1e-4, 2.4), **keys)


def test_a_prescan_wider_than_the_look_back_changes_nothing():
    """A logistic trap holds some charge of empty pixels too, whose first ones must not be forgotten."""
    row = np.random.default_rng(3).uniform(0.0, 200.0, (4, 120))
    charge = DeferredCharge(0.0, 1.0, Trap("logistic", 100.0, 2.0, np.array([50.0, 0.1])))
    found = []
    for prescan in (16, 64):
        pixels = np.pad(row, ((0, 0), (prescan, 0)))
        correct_cti(pixels, charge, data_rows=4, prescan=prescan)
        found.append(pixels[:, prescan:])
    np.testing.assert_array_equal(*found)
    assert not np.array_equal(found[0], row)
