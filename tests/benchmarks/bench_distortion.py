"""What the shifts of pixel boundaries are timed on: application and model, beside numpy and scipy."""

from collections.abc import Callable

import numpy as np
from scipy.signal import fftconvolve

from tasks.brighter_fatter.electrostatic.field import PERMITTIVITY, Sensor, boundary_shifts
from tasks.isr.brighter_fatter import BrighterFatterSettings, correct_brighter_fatter
from tasks.isr.distortion import DistortionMatrix, correct_distortion
from tests.benchmarks.engine import Contest
from tests.isr.brighter_fatter_truth import kernel

LAGS = 8


def shifts():
    """Outward shifts of the boundaries around one electron (pixel/electron)."""
    found = boundary_shifts(Sensor(), LAGS)
    return DistortionMatrix(-found.upper, -found.right)


def flat(side=1024):
    """Flat of 30 000 electron."""
    return np.random.default_rng(4).normal(30_000, 170, (side, side)).astype(np.float32)


def whole(quarter):
    """Shifts of upper boundaries all around the electron, [y, x]."""
    n = quarter.shape[0]
    columns = np.concatenate([quarter.T[:, :0:-1], quarter.T], axis=1)
    full = np.zeros((2 * n + 1, 2 * n + 1))
    full[n : 2 * n, 1 : 2 * n], full[:n, 1 : 2 * n] = columns, -columns[::-1]
    return full


def shifted_by_scipy(image, matrix):
    """Correction with scipy's convolution in double precision, as published."""
    n = matrix.half_width
    charge = image.astype(np.float64)
    padded = np.pad(charge, n, mode="edge")
    moved = []
    for full in (whole(matrix.north), whole(matrix.east.T).T):
        moved.append(fftconvolve(padded, full, mode="same")[n:-n, n:-n])
    up = 0.25 * (charge[:-1] + charge[1:]) * moved[0][:-1]
    right = 0.25 * (charge[:, :-1] + charge[:, 1:]) * moved[1][:, :-1]
    charge[:-1] -= up
    charge[1:] += up
    charge[:, :-1] -= right
    charge[:, 1:] += right
    return charge


def transferred_by_scipy(image, potential, most=10, threshold=1000.0):
    """Transfer through the faces between pixels with scipy's convolution and numpy's differences."""
    border = potential.shape[0] // 2 + 1
    inner = (slice(border, -border),) * 2
    raw = image.astype(np.float64)
    corrected, before = raw, None
    for _ in range(most):
        convolved = fftconvolve(corrected, potential.T, mode="same")[inner]
        charge, moved = corrected[inner], np.zeros_like(convolved)
        slope = np.diff(convolved, axis=1)
        flux = -0.5 * np.where(slope < 0, charge[:, :-1], charge[:, 1:]) * slope
        moved[:, :-1] -= flux
        moved[:, 1:] += flux
        slope = np.diff(convolved, axis=0)
        flux = -0.5 * np.where(slope < 0, charge[:-1], charge[1:]) * slope
        moved[:-1] -= flux
        moved[1:] += flux
        corrected = raw.copy()
        corrected[inner] += moved
        change = np.inf if before is None else np.abs(corrected - before).sum()
        before = corrected
        if change < threshold:
            break
    return corrected


def by_numpy(sensor, n=LAGS):
    """Shift of the right boundaries by the charge and its images, summed with numpy."""
    nodes, weights = np.polynomial.legendre.leggauss(20)
    parts = [(u, v) for u in (-2 / 3, 0.0, 2 / 3) for v in (-2 / 3, 0.0, 2 / 3)]
    charges = [
        (u * sensor.half_width, v * sensor.half_height, s * sensor.zq, s / 9.0)
        for u, v in parts
        for s in (1, -1)
    ]
    first, second, sign = sensor.zq, -sensor.zq, 1.0
    for number in range(10):
        mirror = 2 * sensor.thickness if number % 2 == 0 else 0.0
        first, second, sign = mirror - first, mirror - second, -sign
        charges += [(0.0, 0.0, first, sign), (0.0, 0.0, second, -sign)]
    i, j = np.arange(n)[:, None, None], np.arange(n)[:, None]
    total = np.zeros((n, n))
    for x0, y0, z0, size in charges:
        x, y = (i + 0.5) * sensor.pixel - x0, (j + nodes / 2) * sensor.pixel - y0
        rho2, above, below = x**2 + y**2, sensor.thickness - z0, sensor.zsv - z0
        integral = above / np.sqrt(rho2 + above**2) - below / np.sqrt(rho2 + below**2)
        total += size * (x / rho2 * integral) @ (weights / 2)
    return total / (4 * np.pi * PERMITTIVITY * sensor.pixel)


def application() -> Contest:
    """Correction of a flat of 1 Mpix with shifts to eight pixels."""
    image, matrix = flat(), shifts()
    return {
        "calprod": lambda: correct_distortion(image.copy(), matrix),
        "numpy and scipy": lambda: shifted_by_scipy(image, matrix),
    }


def transfer() -> Contest:
    """Correction of a flat of 1 Mpix through the faces of its pixels."""
    image, one = flat(), kernel()
    settings = BrighterFatterSettings("COULTON18_FLUX_CONSERVING")
    return {
        "calprod": lambda: correct_brighter_fatter(image.copy(), one, settings),
        "numpy and scipy": lambda: transferred_by_scipy(image, one.kernel),
    }


def model() -> Contest:
    """Shifts of all boundaries of 8 x 8 pixels; numpy does those of one direction, half of it."""
    return {
        "calprod: both directions": lambda: boundary_shifts(Sensor(), LAGS),
        "numpy: one direction": lambda: by_numpy(Sensor()),
    }


CONTESTS: dict[str, Callable[[], Contest]] = {
    "boundary shifts, correction (1 Mpix)": application,
    "flux-conserving correction (1 Mpix)": transfer,
    "boundary shifts, model (8 lags)": model,
}
"""All contests, made only when they are run."""
