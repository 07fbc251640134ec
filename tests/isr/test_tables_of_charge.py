"""Tables of what happens to charge, as the corrections read them, and tables that are refused."""

import numpy as np
import pytest
from astropy.table import Table

from infra.errors import CalprodError
from tasks.combine.priors import calibrations_of
from tasks.isr.calibrations import CALIBRATION_NAMES, Calibrations
from tasks.isr.tables_of_charge import (
    adjustments_from_gain_correction,
    deferred_charge_from_cti,
    distortion_from_table,
    kernel_from_bfk,
)

NAMES = ["C10", "C11", "C12"]
KERNEL = np.array([[0.0, -1.0, 0.0], [-2.0, -9.0, -2.0], [0.0, -1.0, 0.0]]) * 1e-7
"""[serial lag][parallel lag]"""


def cti(**changes):
    columns = {
        "AMPLIFIER": NAMES,
        "DRIFT_SCALE": [1e-4, 2e-4, 0.0],
        "DECAY_TIME": [2.4, 2.5, 2.6],
        "GLOBAL_CTI": [1e-7, 2e-7, 0.0],
        "INPUT_GAIN": [1.5, np.nan, 1.7],
        "SIZE": [20_000.0, 0.0, 5.0],
        "EMISSION_TIME": [0.4, 0.4, 0.5],
        "PIXEL": [1, 1, 1],
        "TYPE": ["spline", "linear", "linear"],
        "COEFFS": [[0.0, 100.0, 0.0, 3.0], [np.nan] * 4, [0.08, np.nan, np.nan, np.nan]],
    }
    return Table(columns | changes, meta={"OBSTYPE": "CTI"})


def bfk(**changes):
    columns = {
        "AMPLIFIER": NAMES,
        "KERNEL": [KERNEL.ravel(), 1.1 * KERNEL.ravel(), np.zeros(9)],
        "VALID": [True, True, False],
        "GAIN": [1.5, 1.6, np.nan],
    }
    return Table(columns | changes, meta={"OBSTYPE": "BFK"})


def distortion():
    shifts = -np.arange(4.0)[::-1] * 1e-7
    row = {
        "A_N": shifts,
        "A_E": 2 * shifts,
        "AMPNAMES": np.array(NAMES),
        "GAIN": np.array([1.5, np.nan, 1.7]),
    }
    return Table([row], meta={"OBSTYPE": "BF_DISTORTION_MATRIX"})


def gain_correction(values=(1.0, 1.002, 0.998)):
    return Table({"AMP_NAME": NAMES, "GAIN_ADJUSTMENT": values}, meta={"OBSTYPE": "gainCorrection"})


def test_deferred_charge_with_and_without_traps():
    found = deferred_charge_from_cti(cti())
    assert (found["C10"].drift_scale, found["C10"].decay_time, found["C10"].gain) == (1e-4, 2.4, 1.5)
    assert found["C10"].global_cti == 1e-7
    assert found["C10"].trap.type == "spline"
    np.testing.assert_array_equal(found["C10"].trap.coefficients, [0.0, 100.0, 0.0, 3.0])
    assert found["C11"].trap is None  # it holds nothing
    assert found["C11"].gain == 1.0
    np.testing.assert_array_equal(found["C12"].trap.coefficients, [0.08])
    bare = cti()
    bare.remove_columns(["SIZE", "TYPE"])
    assert all(one.trap is None for one in deferred_charge_from_cti(bare).values())


def test_the_kernel_of_the_detector_is_that_stored_or_the_mean_of_the_valid():
    found = kernel_from_bfk(bfk())
    np.testing.assert_allclose(found.kernel, 1.05 * KERNEL)
    assert found.gains == {"C10": 1.5, "C11": 1.6}
    stored = bfk(DETECTOR_KERNEL=[3.0 * KERNEL.ravel()] * 3)
    np.testing.assert_allclose(kernel_from_bfk(stored).kernel, 3.0 * KERNEL)
    # A kernel of zeros is none.
    unsolved = bfk(DETECTOR_KERNEL=[np.zeros(9)] * 3)
    np.testing.assert_allclose(kernel_from_bfk(unsolved).kernel, 1.05 * KERNEL)
    with pytest.raises(CalprodError, match="no valid kernel of any amplifier"):
        kernel_from_bfk(bfk(VALID=[False] * 3))


def test_shifts_lie_serial_distance_first():
    found = distortion_from_table(distortion())
    np.testing.assert_array_equal(found.north, [[-3e-7, -2e-7], [-1e-7, -0.0]])
    np.testing.assert_array_equal(found.east, 2 * found.north)
    assert found.gains == {"C10": 1.5, "C12": 1.7}


def test_corrections_of_gains_are_positive_numbers():
    assert adjustments_from_gain_correction(gain_correction())["C11"] == 1.002
    for wrong in (np.nan, 0.0, -1.0):
        with pytest.raises(CalprodError, match="no positive number for amplifier C12"):
            adjustments_from_gain_correction(gain_correction((1.0, 1.0, wrong)))


READERS = {
    "cti": (deferred_charge_from_cti, cti, "INPUT_GAIN"),
    "bfk": (kernel_from_bfk, bfk, "KERNEL"),
    "electroBfDistortionMatrix": (distortion_from_table, distortion, "A_E"),
    "gain_correction": (adjustments_from_gain_correction, gain_correction, "GAIN_ADJUSTMENT"),
}


@pytest.mark.parametrize("name", READERS)
def test_every_table_finds_its_field_and_others_are_refused(name):
    read, make, column = READERS[name]
    known = calibrations_of({name: make()})
    assert known.has(name)
    assert name in CALIBRATION_NAMES
    assert sum(known.has(one) for one in CALIBRATION_NAMES) == 1
    assert not Calibrations().has(name)
    other = make()
    other.meta["OBSTYPE"] = "PTC"
    with pytest.raises(CalprodError, match=f"OBSTYPE 'PTC' is no {name}"):
        read(other)
    lacking = make()
    lacking.remove_column(column)
    with pytest.raises(CalprodError, match=f"no column {column}"):
        read(lacking)
    with pytest.raises(CalprodError, match="has no rows"):
        read(make()[:0])


def test_a_kernel_that_is_not_square_is_refused():
    with pytest.raises(CalprodError, match="10 numbers are no square matrix"):
        kernel_from_bfk(bfk(KERNEL=[np.ones(10)] * 3))
