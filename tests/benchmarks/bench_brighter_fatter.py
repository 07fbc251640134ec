"""What the brighter-fatter kernel is timed on: its solution and its application, each beside its peers."""

from collections.abc import Callable
from functools import cache

import numpy as np
from scipy.signal import fftconvolve
from scipy.sparse import eye_array, kron
from scipy.sparse.linalg import spsolve

from tasks.brighter_fatter.algorithm import KernelSettings, Source, solve_poisson
from tasks.brighter_fatter.kernel.solving import solve_kernel
from tasks.brighter_fatter.kernel.sources import source_of
from tasks.isr.brighter_fatter import BrighterFatterKernel, BrighterFatterSettings, correct_brighter_fatter
from tests.benchmarks.engine import Contest
from tests.brighter_fatter.curves import amplifier_curve

LAGS = 8


@cache
def a_matrix(side: int = LAGS):
    """Area changes (1/electron) like those of a sensor, [serial lag][parallel lag], which sum to zero."""
    i, j = np.indices((side, side))
    a = 4e-7 / (1.0 + 1.5 * i**2 + j**2) ** 1.35
    number = np.where(i > 0, 2, 1) * np.where(j > 0, 2, 1)
    a[0, 0] = 0.0
    a[0, 0] = -np.sum(number * a)
    return a


def source(side: int):
    """Source of a kernel, shape (2 side + 1, 2 side + 1)."""
    a = -a_matrix(side)
    half = np.concatenate([a[:0:-1], a])
    return np.pad(np.concatenate([half[:, :0:-1], half], axis=1), 1)


def relaxed(source, most=20_000, accuracy=5e-14):
    """Successive over-relaxation as the reference does it: chequerboard half sweeps, pixel by pixel."""
    n = source.shape[0]
    kernel = np.zeros((n + 2, n + 2))
    framed = np.pad(source, 1)
    rho, omega = np.cos(np.pi / n), 1.0
    first = np.abs(source).sum()
    half_sweeps = 0
    while half_sweeps < most:
        total = 0.0
        for parity in (0, 1):
            for i in range(1, n + 1):
                for j in range(1 + (i + parity) % 2, n + 1, 2):
                    residual = (
                        kernel[i + 1, j]
                        + kernel[i - 1, j]
                        + kernel[i, j + 1]
                        + kernel[i, j - 1]
                        - 4.0 * kernel[i, j]
                        - framed[i, j]
                    )
                    total += abs(residual)
                    kernel[i, j] += omega * residual / 4.0
            omega = 1.0 / (1.0 - 0.5 * rho**2) if half_sweeps == 0 else 1.0 / (1.0 - 0.25 * rho**2 * omega)
            half_sweeps += 1
        if total < accuracy * first:
            break
    return kernel[1:-1, 1:-1]


def direct(source):
    """Solution of the sparse system."""
    n = source.shape[0]
    line = -2.0 * eye_array(n) + eye_array(n, k=1) + eye_array(n, k=-1)
    operator = kron(line, eye_array(n)) + kron(eye_array(n), line)
    return spsolve(operator.tocsc(), source.ravel()).reshape(n, n)


def kernel_solution(side: int) -> Contest:
    """Poisson's equation for a kernel of that many lags."""
    values = source(side)
    return {
        "calprod, sine transform": lambda: solve_poisson(values),
        "successive over-relaxation": lambda: relaxed(values),
        "scipy, sparse": lambda: direct(values),
    }


def kernel_of_an_amplifier() -> Contest:
    """Everything from the a-matrix of a curve to a judged kernel with its errors."""
    a = a_matrix()
    means = np.linspace(10_000.0, 60_000.0, 30)
    curve = amplifier_curve(means, np.zeros((30, LAGS, LAGS)), a_matrix=a, noise_matrix=np.zeros_like(a))
    settings = KernelSettings(source=Source.A_MATRIX)
    return {
        "calprod: sum, solution, errors, validity": lambda: solve_kernel(
            source_of(curve, settings), settings
        ),
        "successive over-relaxation alone": lambda: relaxed(source(LAGS)),
    }


def by_numpy(image, kernel, most=10, threshold=1000.0):
    """Correction with scipy's convolution and numpy's differences, as published."""
    corrected, before = image.astype(np.float64), None
    border = kernel.shape[0] // 2 + 1
    inner = (slice(border, -border),) * 2
    for _ in range(most):
        potential = fftconvolve(corrected, kernel.T, mode="same")
        gradient = np.gradient(corrected), np.gradient(potential)
        second = np.zeros_like(corrected)
        second[1:-1, 1:-1] = (
            potential[2:, 1:-1] + potential[:-2, 1:-1] + potential[1:-1, 2:] + potential[1:-1, :-2]
        ) - 4.0 * potential[1:-1, 1:-1]
        moved = 0.5 * (gradient[0][0] * gradient[1][0] + gradient[0][1] * gradient[1][1] + corrected * second)
        corrected = image.astype(np.float64)
        corrected[inner] += moved[inner]
        change = np.inf if before is None else np.abs(corrected - before).sum()
        before = corrected.copy()
        if change < threshold:
            break
    return corrected


def application() -> Contest:
    """Correction of a flat of 1 Mpix at 30 000 electron with a kernel of 17 x 17."""
    image = np.random.default_rng(4).normal(30_000, 170, (1024, 1024)).astype(np.float32)
    kernel = solve_poisson(source(LAGS))
    stored, settings = BrighterFatterKernel(kernel), BrighterFatterSettings()
    return {
        "calprod": lambda: correct_brighter_fatter(image.copy(), stored, settings),
        "numpy and scipy": lambda: by_numpy(image, kernel),
    }


CONTESTS: dict[str, Callable[[], Contest]] = {
    "kernel, Poisson (7 lags, 15 x 15)": lambda: kernel_solution(7),
    "kernel, Poisson (10 lags, 21 x 21)": lambda: kernel_solution(10),
    "kernel of an amplifier (8 lags)": kernel_of_an_amplifier,
    "brighter-fatter correction (1 Mpix)": application,
}
"""All contests, made only when they are run."""
