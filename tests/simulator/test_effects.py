"""The effects a plain reduction does not correct: each against its formula.

Switching an effect leaves the random numbers of the others alone, so that the difference between a frame with
and one without it is the effect, to the rounding of the converter.
"""

import numpy as np
import pytest

from infra.simulator.brighter_fatter import boundary_shifts, move_boundaries
from infra.simulator.deferred_charge import read_out_late, transfer_inefficiently
from infra.simulator.effects import BrighterFatter, DeferredCharge
from tests.simulator.nights import QUIET, data_section, exposures_of, night

A_MATRIX = np.array(BrighterFatter().a_matrix)


def flat(time: float, count: int = 1) -> dict[str, object]:
    return {
        "name": "flat",
        "type": "flat",
        "count": count,
        "exposure_time": time,
        "filter": "SDSSr_65mm~empty",
    }


def test_crosstalk_adds_the_coefficient_times_the_electrons_of_every_source():
    camera = {**QUIET, "illumination": {**QUIET["illumination"], "gradient": 0.5}}
    sensor, (without,) = exposures_of(night(flat(20.0), camera=camera))
    sensor, (with_it,) = exposures_of(night(flat(20.0), camera={**camera, "crosstalk": {}}))
    added = (data_section(with_it, sensor) - data_section(without, sensor)).mean(axis=(1, 2)) * sensor.gain
    signal = data_section(without, sensor).mean(axis=(1, 2)) - sensor.pedestal
    expected = sensor.crosstalk.T @ (signal * sensor.gain)
    # Two roundings of 0.29 adu each over 8192 pixels: 0.005 adu; the noise of the sources' pixels is
    # multiplied by 1e-4. 6 sigma.
    np.testing.assert_allclose(added, expected, atol=0.03)
    assert np.all(np.diag(sensor.crosstalk) == 0)


def test_nonlinearity_takes_away_the_square():
    sensor, (without,) = exposures_of(night(flat(20.0), camera=QUIET))
    sensor, (with_it,) = exposures_of(night(flat(20.0), camera={**QUIET, "nonlinearity": {}}))
    lost = (data_section(without, sensor) - data_section(with_it, sensor)).mean(axis=(1, 2))
    signal = data_section(without, sensor) - sensor.pedestal[:, np.newaxis, np.newaxis]
    np.testing.assert_allclose(lost, sensor.nonlinearity * (signal**2).mean(axis=(1, 2)), rtol=2e-3)
    assert lost.mean() == pytest.approx(1e-7 * (1e5 / 1.08) ** 2, rel=0.2)


def test_transfers_match_a_simulation_of_every_single_one():
    rng = np.random.default_rng(1)
    cti, n_data, n_all = 3e-4, 12, 18
    charge = np.zeros(n_all)
    charge[:n_data] = rng.uniform(1000, 50000, n_data)
    pixels, arrived = charge.copy(), []
    for _ in range(n_all):
        moved, left = pixels * (1 - cti), pixels * cti
        arrived.append(moved[0])
        pixels = np.append(moved[1:], 0.0) + left
    # The closed form leaves out charge later than three transfers: (n cti)**4 / 24.
    np.testing.assert_allclose(transfer_inefficiently(charge, cti, axis=0), arrived, rtol=1e-9, atol=1e-5)


def test_extended_pixel_edge_response_gives_the_transfer_inefficiency():
    settings = DeferredCharge(serial_cti=2e-6, parallel_cti=3e-6, drift_scale=0.0, trap_size=0.0)
    segment = np.zeros((80, 70))
    segment[:64, 3:53] = 40000.0
    late = read_out_late(segment, settings)
    assert late[10, 53:55].sum() / (53 * late[10, 52]) == pytest.approx(2e-6, rel=1e-3)
    assert late[64:66, 20].sum() / (64 * late[63, 20]) == pytest.approx(3e-6, rel=1e-3)
    assert late.sum() == pytest.approx(segment.sum(), rel=1e-12)


def test_trap_captures_until_full_and_lets_go_exponentially():
    settings = DeferredCharge(
        serial_cti=0.0, parallel_cti=0.0, drift_scale=0.0, trap_size=10.0, trap_scale=1.0, trap_emission=3.0
    )
    segment = np.zeros((1, 40))
    segment[0, :20] = 100.0
    late = read_out_late(segment, settings)[0]
    assert late[0] == pytest.approx(90.0)
    # Behind the last pixel each column shows what a full trap releases; the first by 1 - exp(-1/3).
    released = 1 - np.exp(-1 / 3)
    np.testing.assert_allclose(late[21:26] / late[20:25], 1 - released)
    assert late.sum() == pytest.approx(segment.sum(), rel=1e-3)


def test_output_drift_decays_in_the_overscan():
    settings = DeferredCharge(
        serial_cti=0.0, parallel_cti=0.0, drift_scale=2e-4, decay_time=2.4, trap_size=0.0
    )
    segment = np.zeros((1, 40))
    segment[0, 3:23] = 50000.0
    late = read_out_late(segment, settings)[0]
    np.testing.assert_allclose(late[23:33], 10.0 * np.exp(-np.arange(1, 11) / 2.4))


def test_boundary_shifts_add_up_to_the_area_changes():
    to_right, to_top = boundary_shifts(A_MATRIX)
    middle = to_top.shape[1] // 2
    right = np.pad(to_right, ((0, 0), (1, 1)))
    top = np.pad(to_top, ((1, 1), (0, 0)))
    area = right[:, 1:] - right[:, :-1] + top[1:] - top[:-1]
    quadrant = area[middle : middle + 3, middle : middle + 3].T
    np.testing.assert_allclose(quadrant, A_MATRIX, atol=1e-20)


def test_one_extra_electron_changes_its_neighbours_by_half_the_area_change():
    """At low level; at high level its own displacement makes 5 % less of it."""
    level = 1.0e3
    charge = np.full((41, 41), level)
    charge[20, 20] += 1.0
    change = move_boundaries(charge, A_MATRIX) - charge
    for dx in range(3):
        for dy in range(3):
            for x, y in ((20 + dx, 20 + dy), (20 - dx, 20 - dy), (20 - dx, 20 + dy)):
                assert change[y, x] == pytest.approx(0.5 * level * A_MATRIX[dx, dy], rel=2e-3)


def test_covariances_of_moved_charge_are_those_of_boundaries_that_move_while_it_grows():
    """The closed form in Fourier space: level [exp(2 a level) - 1] / (2 a level) (Astier et al. 2019)."""
    level, n = 1.0e5, 81
    charge = np.full((n, n), level)
    charge[n // 2, n // 2] += 1.0
    response = np.fft.fft2(move_boundaries(charge, A_MATRIX) - level)
    found = level * np.fft.ifft2(np.abs(response) ** 2).real
    to_right, to_top = boundary_shifts(A_MATRIX)
    right, top = np.pad(to_right, ((0, 0), (1, 1))), np.pad(to_top, ((1, 1), (0, 0)))
    area = right[:, 1:] - right[:, :-1] + top[1:] - top[:-1]
    # The area change of a symmetric matrix is real in Fourier space.
    signed = np.fft.fft2(np.roll(np.pad(area, (0, n - area.shape[0])), (-(area.shape[0] // 2),) * 2, (0, 1)))
    exponent = 2.0 * level * signed.real
    with np.errstate(invalid="ignore", divide="ignore"):
        growth = np.where(np.abs(exponent) < 1e-9, 1.0, np.expm1(exponent) / exponent)
    expected = level * np.fft.ifft2(growth).real
    np.testing.assert_allclose(found[:3, :3], expected[:3, :3], rtol=5e-4, atol=1e-4 * level * 0.02)


def test_moving_boundaries_keeps_the_charge():
    charge = np.random.default_rng(2).poisson(50000.0, (60, 80)).astype(float)
    assert move_boundaries(charge, A_MATRIX).sum() == pytest.approx(charge.sum(), rel=1e-13)


def test_pairs_of_flats_lose_variance_and_gain_covariance_as_the_a_matrix_says():
    camera = {**QUIET, "brighter_fatter": {}}
    sensor, (first, second) = exposures_of(night(flat(20.0, count=2), camera=camera))
    gain = sensor.gain[:, np.newaxis, np.newaxis]
    difference = (data_section(first, sensor).astype(float) - data_section(second, sensor)) * gain
    level = 100000.0
    variance = difference.var() / 2 - np.mean(sensor.read_noise**2) - np.mean(sensor.gain**2) / 12
    # Error of the variance of 131072 pixels 0.4 %; the next order in a adds (2/3) (a00 mu)**2 = 1.8 %.
    assert variance / level == pytest.approx(1 + A_MATRIX[0, 0] * level, abs=0.02 + 4 * 0.004)
    difference -= difference.mean(axis=(1, 2), keepdims=True)
    along_x = (difference[:, :, 1:] * difference[:, :, :-1]).mean() / 2
    along_y = (difference[:, 1:] * difference[:, :-1]).mean() / 2
    # Error of a covariance: variance / sqrt(n) = 0.28 % of the level; higher orders of about 15 % of it.
    assert along_x / level == pytest.approx(A_MATRIX[1, 0] * level, abs=4 * 0.0028 + 0.15 * 0.015)
    assert along_y / level == pytest.approx(A_MATRIX[0, 1] * level, abs=4 * 0.0028 + 0.15 * 0.026)


def test_fringes_are_in_their_band_only():
    camera = {**QUIET, "fringes": {"amplitude": {"y": 0.05}, "lamp": True}}
    sets = [flat(20.0) | {"name": band, "filter": f"SDSS{band}_65mm~empty"} for band in "ry"]
    sensor, (red, infrared) = exposures_of(night(*sets, camera=camera))
    spread = [data_section(item, sensor)[0].std() for item in (red, infrared)]
    photon_noise = np.sqrt(100000.0) / sensor.gain[0]
    assert spread[0] == pytest.approx(photon_noise, rel=5 / np.sqrt(2 * 8192))
    assert spread[1] > 5 * photon_noise  # fringes of 5 % have a standard deviation of 3.5 %, photons of 0.3 %
