"""The checks of a kernel bite, whatever its scale: those of the reference do not."""

import numpy as np
import pytest

from infra.errors import CalprodError
from tasks.brighter_fatter.kernel.settings import KernelSettings
from tasks.brighter_fatter.kernel.validity import faults_of

SETTINGS = KernelSettings()
UNKNOWN = np.full((17, 17), np.nan)


def bowl(depth=5e-7):
    """Return a kernel as they are: a narrow hole that comes to zero."""
    y, x = np.indices((17, 17)) - 8
    return -depth / (1.0 + np.hypot(x, y)) ** 2.5


def test_a_kernel_is_valid_at_any_scale():
    for depth in (5e-7, 5e-12, 5.0):
        assert faults_of(bowl(depth), UNKNOWN, SETTINGS) == ()


@pytest.mark.parametrize("depth", [5e-7, 5e-12, 5.0])
def test_an_edge_off_zero_is_a_fault_at_any_scale(depth):
    """Beside 5 % of the centre, the reference's tolerance is 1e-8 whatever the scale."""
    kernel = bowl(depth)
    kernel[0, 5] = 0.05 * depth
    assert any("at the edge it is 0.05" in fault for fault in faults_of(kernel, UNKNOWN, SETTINGS))
    kernel[0, 5] = 0.02 * depth
    assert faults_of(kernel, UNKNOWN, SETTINGS) == ()


@pytest.mark.parametrize(("y", "x"), [(0, 8), (16, 8), (8, 0), (8, 16), (0, 0)])
def test_every_side_is_looked_at(y, x):
    kernel = bowl()
    kernel[y, x] = -3e-8
    assert any("at the edge" in fault for fault in faults_of(kernel, UNKNOWN, SETTINGS))


def test_the_centre_is_the_lowest():
    kernel = bowl()
    kernel[8, 10] = -6e-7
    assert faults_of(kernel, UNKNOWN, SETTINGS) == (
        "the lowest value is at lag (0, 2) and not in the centre",
    )


def test_nothing_rises_far_above_zero():
    kernel = bowl()
    kernel[10, 10] = 2e-8
    (fault,) = faults_of(kernel, UNKNOWN, SETTINGS)
    assert "rises to 0.04" in fault


def test_a_kernel_turned_over_is_none():
    faults = faults_of(-bowl(), UNKNOWN, SETTINGS)
    assert any("not below zero" in fault for fault in faults)


def test_photon_noise_is_no_fault_but_a_detector_is_to_stand_out_of_it():
    errors = np.full((17, 17), 1e-8)
    random = np.random.default_rng(3)
    noisy = bowl() + errors * random.normal(size=(17, 17))
    assert faults_of(noisy, errors, SETTINGS) == ()
    assert faults_of(noisy, UNKNOWN, SETTINGS) != ()
    assert faults_of(bowl(2e-8), errors, SETTINGS) == ()
    (fault,) = faults_of(bowl(2e-8), errors, SETTINGS, must_be_significant=True)
    assert "not significantly below zero" in fault
    assert any("not below zero" in fault for fault in faults_of(-bowl(), errors, SETTINGS))


def test_what_is_no_number_is_no_kernel():
    kernel = bowl()
    kernel[3, 3] = np.nan
    assert faults_of(kernel, UNKNOWN, SETTINGS) == ("the kernel is not finite",)
    with pytest.raises(CalprodError, match="too small"):
        faults_of(np.zeros((5, 5)), np.zeros((5, 5)), SETTINGS)
