"""An asymmetric effect is injected, its kernel found in flats, and flats and spots are rid of it."""

import numpy as np
import pytest

from infra.simulator.brighter_fatter import move_boundaries
from tasks.brighter_fatter.algorithm import (
    KernelSettings,
    ZeroSum,
    from_table,
    solve_kernels,
    solve_poisson,
)
from tasks.brighter_fatter.checking.growth import growth_of_spots
from tasks.brighter_fatter.checking.spots import Spots, measure_spots
from tasks.brighter_fatter.kernel.correlations import tiled
from tasks.flat_pairs.pair_statistics import ExtractSettings, measure_amplifier_pair
from tasks.isr.brighter_fatter import BrighterFatterKernel, correct_brighter_fatter
from tasks.ptc.algorithm import AmplifierReading, FitType, SolveSettings, solve_curve
from tests.brighter_fatter.simulated import A_MATRIX, exchanged, kernel_table
from tests.ptc.flats import description, flat

A = np.array(A_MATRIX)
GAIN, READ_NOISE = 1.1, 7.0
SHAPE = (420, 420)
LEVELS = (150.0, 500.0, 1500.0, 16_000.0, 24_000.0, 32_000.0, 40_000.0, 48_000.0, 56_000.0, 64_000.0)
HELD_OUT = (15_000.0, 30_000.0, 45_000.0, 60_000.0)
BORDER = 8


def pair(random, level):
    return tuple(flat(random, level, SHAPE, GAIN, READ_NOISE, A) for _ in range(2))


def measured(images, level, i=0, unit=1.0, edge=0):
    reading = AmplifierReading(READ_NOISE / GAIN * unit, 1000.0, 0.0)
    settings = ExtractSettings(matrix_side=4, edge=edge)
    return measure_amplifier_pair("C10", images, None, description(i, level), reading, settings)


@pytest.fixture(scope="module")
def kernel():
    """Kernel of one amplifier of 420 x 420 pixels, from ten pairs of flats."""
    random = np.random.default_rng(20240318)
    pairs = [measured(pair(random, level), level, i) for i, level in enumerate(LEVELS)]
    curve = solve_curve(pairs, SolveSettings(FitType.FULL))
    (one,) = solve_kernels(curve, KernelSettings(zero_sum=ZeroSum.ALL_LAGS)).amplifiers
    assert one.is_valid, one.reason
    return one


@pytest.fixture(scope="module")
def held_out(kernel):
    """Excess covariances of other pairs, before and after, with the errors of a pair (electron²)."""
    random = np.random.default_rng(77)
    stored = BrighterFatterKernel(kernel.kernel)
    rows = []
    for level in HELD_OUT:
        images = [(one * GAIN).astype(np.float32) for one in pair(random, level)]
        found = []
        for _ in range(2):
            result = measured(tuple(images), level, unit=GAIN, edge=BORDER)
            excess = result.covariances.copy()
            excess[0, 0] -= result.mean + READ_NOISE**2
            found += [excess, 1.0 / result.sqrt_weights]
            for one in images:
                assert correct_brighter_fatter(one, stored).converged
        rows.append((level, *found))
    return rows


def test_the_centre_of_the_kernel_is_that_of_the_injected_potential(kernel):
    """Its error, and the 4 % by which covariances at 40 000 electron differ from a."""
    exact = exact_kernel()
    n = kernel.kernel.shape[0] // 2
    tolerance = 4.0 * kernel.errors[n, n] + 0.06 * abs(exact[n, n])
    assert kernel.kernel[n, n] == pytest.approx(exact[n, n], abs=tolerance)
    assert kernel.errors[n, n] < 0.06 * abs(exact[n, n])
    steep_serial = kernel.kernel[n + 1, n] - kernel.kernel[n, n]
    steep_parallel = kernel.kernel[n, n + 1] - kernel.kernel[n, n]
    exact_serial, exact_parallel = exact[n + 1, n] - exact[n, n], exact[n, n + 1] - exact[n, n]
    assert exact_parallel > 1.2 * exact_serial
    assert steep_parallel / steep_serial == pytest.approx(exact_parallel / exact_serial, rel=0.1)


def exact_kernel():
    """Potential of the injected area changes."""
    return solve_poisson(np.pad(tiled(np.pad(-A, (0, 1))), 1))


def test_flats_lose_their_covariances_at_every_signal(kernel, held_out):
    """Within four errors: of the pair, and of the kernel itself, which is good to its centre's error.

    What a linear kernel cannot do is second order: 2/3 of a times the mean signal of its levels less 5/12 of
    a times the signal, of the excess (Astier et al. 2019, eq. 20): 4 % of it at either end.
    """
    n = kernel.kernel.shape[0] // 2
    precision = np.hypot(kernel.errors[n, n] / kernel.kernel[n, n], 0.01)
    for level, before, _, after, error in held_out:
        second_order = 0.04 * np.abs(before)
        limit = 4.0 * np.hypot(error, precision * np.abs(before[0, 0]) / 3.0) + second_order
        assert before[0, 0] < -10.0 * error[0, 0] or level < 20_000
        assert (np.abs(after) < limit)[:2, :2].all(), (level, after[:2, :2], limit[:2, :2])


def slopes(held_out, lag):
    """Excess over squared signal before and after, and its error, all pairs together."""
    levels = np.array([row[0] for row in held_out])
    before, after, error = (np.array([row[i][lag] for row in held_out]) for i in (1, 3, 4))
    weights = levels**2 / error**2
    total = np.sum(weights * levels**2)
    return np.sum(weights * before) / total, np.sum(weights * after) / total, 1.0 / np.sqrt(total)


@pytest.mark.parametrize("lag", [(0, 0), (1, 0), (0, 1)])
def test_what_is_left_of_all_pairs_together_is_nothing(held_out, kernel, lag):
    before, after, error = slopes(held_out, lag)
    n = kernel.kernel.shape[0] // 2
    of_kernel = (
        kernel.errors[n, n] / abs(kernel.kernel[n, n]) * abs(A[0, 0]) / (1.0 if lag == (0, 0) else 4.0)
    )
    assert abs(after) < 4.0 * np.hypot(error, of_kernel)
    if lag != (1, 0):  # the serial neighbours have a quarter of the parallel ones
        assert abs(after) < 0.2 * abs(before)


@pytest.fixture(scope="module")
def detector_kernels():
    return kernel_table()


def star_field(random, n=9, size=48, sigma=1.7):
    """Square field of isolated spots of different peaks (electron), with photon noise and the effect."""
    y, x = np.indices((n * size, n * size))
    light = np.full(y.shape, 60.0)
    peaks = random.permutation(np.linspace(4000.0, 90_000.0, n * n))
    for place, peak in enumerate(peaks):
        cy, cx = (np.array(divmod(place, n)) + 0.5) * size + random.uniform(-0.5, 0.5, 2)
        light += peak * np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / (2 * sigma**2))
    charge = move_boundaries(random.poisson(light).astype(float), A)
    return (charge + random.normal(0, READ_NOISE, charge.shape)).astype(np.float32)


@pytest.fixture(scope="module")
def corrected_spots(detector_kernels):
    return growth(detector_kernels)


def growth(table):
    random = np.random.default_rng(11)
    kernel = BrighterFatterKernel(from_table(table).kernel)
    before, after = [], []
    for _ in range(6):
        image = star_field(random)
        mask = np.zeros(image.shape, np.uint16)
        before.append(measure_spots(image, mask))
        assert correct_brighter_fatter(image, kernel).converged
        after.append(measure_spots(image, mask))
    return growth_of_spots(before, after)


def test_second_moments_of_spots_do_not_depend_on_their_flux(corrected_spots):
    """Both moments apart, to four errors; a linear kernel leaves 5 % of spots of 90 000 electron."""
    found = corrected_spots
    assert found["N_MATCHES"] > 450
    # The kernel is 1.2 times as steep along y.
    assert found["YY_SLOPE_BEFORE"] > 1.1 * found["XX_SLOPE_BEFORE"] > 0
    for name in ("XX", "YY"):
        assert found[f"{name}_SLOPE_RESIDUAL_ERROR"] < 0.05
        assert abs(found[f"{name}_SLOPE_RESIDUAL"]) < 4.0 * found[f"{name}_SLOPE_RESIDUAL_ERROR"] + 0.05
    # What goes with the flux has a slope of -0.92; of 486 spots its error is a few hundredths.
    assert found["BRIGHT_SLOPE"] == pytest.approx(-0.4 * np.log(10), abs=0.1)


def test_a_kernel_with_its_axes_exchanged_corrects_the_wrong_moment(corrected_spots, detector_kernels):
    """Of the same photons: a tenth too much of xx, and too little of yy, as the two steepnesses tell."""
    right, wrong = corrected_spots, growth(exchanged(detector_kernels))
    assert wrong["XX_SLOPE_RESIDUAL"] - right["XX_SLOPE_RESIDUAL"] < -0.05
    assert wrong["YY_SLOPE_RESIDUAL"] - right["YY_SLOPE_RESIDUAL"] > 0.03


def test_too_few_spots_tell_nothing():
    few = Spots(*(np.arange(8.0) * 10.0 for _ in range(5)))
    found = growth_of_spots([few], [few])
    assert found["N_MATCHES"] == 8
    assert np.isnan(found["BRIGHT_SLOPE"])
    assert np.isnan(found["XX_SLOPE_RESIDUAL"])
    assert growth_of_spots([], []) == {}
    none = Spots(*(np.zeros(0) for _ in range(5)))
    assert growth_of_spots([none], [few])["N_MATCHES"] == 0
