"""The electrostatic model: known fields and depths, and a fit that finds what was put in."""

import numpy as np
import pytest

from infra.errors import CalprodError
from tasks.brighter_fatter.electrostatic.average import average_matrix
from tasks.brighter_fatter.electrostatic.depth import (
    ConversionDepths,
    absorption_coefficient,
    conversion_depths,
)
from tasks.brighter_fatter.electrostatic.field import Sensor, boundary_shifts
from tasks.brighter_fatter.electrostatic.fit import FitSettings
from tasks.brighter_fatter.electrostatic.model import mirrored_sum
from tasks.brighter_fatter.electrostatic.solve import solve_distortion
from tests.brighter_fatter.curves import amplifier_curve, detector_curve
from tests.brighter_fatter.electrostatic_curves import ALPHA, NAMES, SENSOR, area_changes, curve, solution


def test_the_field_of_the_default_sensor():
    """Numbers of Rubin cp_pipe's model at its start values, computed anew, to 8 digits."""
    shifts = boundary_shifts(Sensor(), 8)
    assert shifts.upper[0, 0] == pytest.approx(5.7409762e-07, rel=1e-7)
    assert shifts.right[0, 0] == pytest.approx(4.5916481e-07, rel=1e-7)
    assert shifts.area[0, 0] == pytest.approx(-2.0665249e-06, rel=1e-7)
    assert shifts.area[0, 1] == pytest.approx(2.7493399e-07, rel=1e-7)
    assert shifts.area[1, 0] == pytest.approx(1.4447958e-07, rel=1e-7)
    assert mirrored_sum(shifts.area) == pytest.approx(-1.0238701e-07, rel=1e-7)


def test_the_field_at_fitted_parameters():
    """Rubin cp_pipe, ``test_electrostaticBrighterFatter.py``: shifts at the fit's end, to 8 digits."""
    shifts = boundary_shifts(SENSOR, 8)
    assert -ALPHA * shifts.upper[0, 0] == pytest.approx(-9.6043346e-07, rel=1e-7)
    assert -ALPHA * shifts.right[0, 0] == pytest.approx(-6.7497445e-07, rel=1e-7)
    assert area_changes()[0, 0] == pytest.approx(-3.2700889e-06, rel=1e-7)


def test_a_charge_and_its_image_act_near_by():
    """Together they are a dipole, whose shifts at 11.5 pixels are below 1 % of those at half a pixel."""
    right = boundary_shifts(Sensor(), 12).right
    assert (np.diff(right[:, 0]) < 0).all()
    assert (right[:, 0] > 0).all()
    assert right[11, 0] < 1e-2 * right[0, 0]


def test_every_boundary_has_one_shift():
    shifts = boundary_shifts(SENSOR, 6)
    np.testing.assert_array_equal(shifts.left[1:], -shifts.right[:-1])
    np.testing.assert_array_equal(shifts.lower[:, 1:], -shifts.upper[:, :-1])
    np.testing.assert_array_equal(shifts.left[0], shifts.right[0])


def test_axes_exchange_with_the_geometry():
    turned = Sensor(zsh=3.0, zsv=2.0, half_width=1.0, half_height=2.5)
    upright = Sensor(zsh=2.0, zsv=3.0, half_width=2.5, half_height=1.0)
    first, second = boundary_shifts(turned, 4), boundary_shifts(upright, 4)
    np.testing.assert_allclose(first.right, second.upper.T, rtol=1e-12)
    np.testing.assert_allclose(first.area, second.area.T, rtol=1e-12)


@pytest.mark.parametrize(
    ("wavelength", "length"), [(400, 0.1868), (600, 2.658), (800, 14.43), (900, 46.34), (1000, 327.4)]
)
def test_the_absorption_of_cold_silicon(wavelength, length):
    """Rajkanan et al. 1979 at 173 K; near the gap the energy of a photon to 3e-5 counts for 1e-3."""
    assert 1.0 / absorption_coefficient(wavelength) == pytest.approx(length, rel=1e-3)


def test_red_light_is_converted_deep_and_moves_boundaries_less():
    blue, red = (conversion_depths(np.arange(*band), np.ones(100)) for band in ((400, 500), (920, 1020)))
    assert blue.depths @ blue.weights / blue.weights.sum() < 1.0
    assert red.depths @ red.weights / red.weights.sum() > 30.0
    assert blue.weights.sum() == pytest.approx(1.0, abs=1e-6)
    assert red.weights.sum() < 0.9  # the rest goes through
    surface = boundary_shifts(SENSOR, 3)
    of_blue, of_red = boundary_shifts(SENSOR, 3, blue), boundary_shifts(SENSOR, 3, red)
    assert of_blue.right[0, 0] == pytest.approx(surface.right[0, 0], rel=1e-3)
    assert of_red.right[0, 0] < of_blue.right[0, 0]


def test_light_that_is_converted_below_the_gates_reach_takes_no_part():
    depths = ConversionDepths(np.array([0.5, 97.5, 99.5]), np.array([0.5, 0.25, 0.25]))
    heights, weights = depths.starts(100.0, 2.0)
    np.testing.assert_array_equal(heights, [99.5, 2.5])
    np.testing.assert_allclose(weights, [2 / 3, 1 / 3])
    with pytest.raises(CalprodError, match=r"converted below 99\.8"):
        depths.starts(100.0, 99.8)
    with pytest.raises(CalprodError, match="no light"):
        conversion_depths([500.0, 501.0], [0.0, 0.0])


def test_the_fit_finds_the_parameters_of_sixteen_amplifiers_with_one_bad():
    """To 1e-3, the shifts to 0.1 %, as the unit test of Rubin's cp_pipe asks, with the first element only."""
    found = solution()
    assert found.bad_amplifiers == ("C14",)
    sensor = found.parameters.sensor
    assert sensor.zq == pytest.approx(SENSOR.zq, rel=1e-3)
    assert sensor.zsh == pytest.approx(SENSOR.zsh, rel=1e-3)
    assert sensor.zsv == pytest.approx(SENSOR.zsv, rel=1e-3)
    assert sensor.half_height == pytest.approx(SENSOR.half_height, rel=1e-3)
    assert sensor.half_width == pytest.approx(
        SENSOR.half_width, abs=0.05
    )  # counts by its square: 1e-4 of b's
    assert found.parameters.alpha == pytest.approx(ALPHA, rel=1e-3)
    truth = boundary_shifts(SENSOR, 8)
    for name in ("upper", "right"):
        np.testing.assert_allclose(
            found.parameters.alpha * getattr(found.shifts, name), ALPHA * getattr(truth, name), rtol=1e-3
        )
    assert "b" in found.at_bound


def test_errors_of_the_amplifiers_become_those_of_the_shifts():
    """Scatter 1e-9 over 15 amplifiers is 2.6e-10 on an element: 1e-4 of the centre, 1e-3 of neighbours."""
    sensor = Sensor(zq=2.0, zsh=2.7, zsv=3.9, half_width=1.5, half_height=2.5)
    found = solve_distortion(curve(1e-9, sensor=sensor, alpha=0.8), FitSettings())
    truth = boundary_shifts(sensor, 8)
    assert found.parameters.alpha * found.shifts.upper[0, 0] == pytest.approx(
        0.8 * truth.upper[0, 0], rel=0.02
    )
    assert found.parameters.alpha * found.shifts.right[0, 0] == pytest.approx(
        0.8 * truth.right[0, 0], rel=0.02
    )
    # Residuals in units of the scatter of single amplifiers: chi squared per degree of freedom is 1/15, with
    # 57 degrees of freedom known to 19 %.
    assert found.chi_squared / found.degrees_of_freedom == pytest.approx(1 / 15, rel=5 * 0.19)


def test_an_element_leaves_out_the_amplifier_that_is_off():
    """Of 16 values with a unit scatter and one 50 off, which makes the deviation 12.5, the 50 is 3.75 off."""
    random = np.random.default_rng(3)
    matrices = [random.normal(size=(3, 3)) for _ in range(16)]
    matrices[5][1, 2] = 50.0
    found = average_matrix(matrices)
    others = np.array([one[1, 2] for i, one in enumerate(matrices) if i != 5])
    assert found.values[1, 2] == pytest.approx(others.mean())
    assert found.scatter[1, 2] == pytest.approx(others.std(ddof=1))
    assert found.n_used[1, 2] == 15
    assert (np.delete(found.n_used.ravel(), 5) == 16).all()


def test_one_amplifier_is_weighted_by_its_own_errors_or_by_symmetry():
    matrix = area_changes()
    error = np.full(matrix.shape, 3e-9)
    np.testing.assert_array_equal(average_matrix([matrix], error).scatter, error)
    scatter = average_matrix([matrix], np.zeros_like(matrix)).scatter
    assert scatter[0, 0] / scatter[1, 1] == pytest.approx(np.sqrt(32.0))
    assert scatter[0, 3] / scatter[2, 2] == scatter[3, 0] / scatter[2, 2] == pytest.approx(2.0)
    assert scatter[0, 0] == pytest.approx(0.01 * abs(matrix[0, 0]))


def test_curves_without_area_changes_are_refused():
    nothing = amplifier_curve([1.0, 2.0], np.ones((2, 8, 8)), name="C10", reason="no light")
    with pytest.raises(CalprodError, match=r"no amplifier .* has area changes"):
        solve_distortion(detector_curve(nothing), FitSettings())
    few = amplifier_curve([1.0, 2.0], np.ones((2, 2, 2)), name="C10", a_matrix=np.eye(2))
    with pytest.raises(CalprodError, match="2 x 2 area changes do not determine"):
        solve_distortion(detector_curve(few), FitSettings())
    assert len(NAMES) == 16
