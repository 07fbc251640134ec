"""Linearity applied to one amplifier, beside SciPy and NumPy on the same pixels."""

from collections.abc import Callable

import numpy as np
from scipy.interpolate import Akima1DInterpolator

from tasks.isr.linearity import LinearityCorrection, apply_spline, linearize
from tests.benchmarks.engine import Contest

NODES = np.linspace(0.0, 120_000.0, 20)
VALUES = -1e-7 * NODES**2


def spline_of_an_amplifier() -> Contest:
    """One amplifier of 1 Mpix in float32; each competitor corrects a copy."""
    image = np.random.default_rng(1).uniform(0, 100_000, (2000, 509)).astype(np.float32)
    double = LinearityCorrection(
        "DoubleSpline", np.concatenate([[20.0, 20.0], NODES, 0.1 * VALUES, NODES, VALUES])
    )
    spline = Akima1DInterpolator(NODES, VALUES)
    last = NODES[-1] - 0.1
    return {
        "calprod: Akima spline": lambda: apply_spline(image.copy(), NODES, VALUES),
        "calprod: double spline": lambda: linearize(image.copy(), double),
        "scipy Akima1DInterpolator": lambda: image - spline(np.clip(image, 0.0, last)).astype(np.float32),
        "numpy interp, straight lines": lambda: image - np.interp(image, NODES, VALUES).astype(np.float32),
        "one pass: copy": lambda: image.copy(),
    }


def other_kinds_of_an_amplifier() -> Contest:
    """Give a square and a lookup table on the same pixels."""
    image = np.random.default_rng(1).uniform(0, 100_000, (2000, 509)).astype(np.float32)
    row = (1e-7 * np.arange(2**18, dtype=np.float64) ** 2).astype(np.float32)
    square = LinearityCorrection("Squared", np.array([1e-7]))
    lookup = LinearityCorrection("LookupTable", np.array([0.0, 0.0]), row)
    return {
        "calprod: square": lambda: linearize(image.copy(), square),
        "calprod: lookup table": lambda: linearize(image.copy(), lookup),
        "numpy, x + q x**2": lambda: image + np.float32(1e-7) * image**2,
        "numpy, x + row[x]": lambda: image + row[np.clip(image.astype(np.int64), 0, row.size - 1)],
        "one pass: copy": lambda: image.copy(),
    }


CONTESTS: dict[str, Callable[[], Contest]] = {
    "linearity spline (2000 x 509)": spline_of_an_amplifier,
    "linearity square (2000 x 509)": other_kinds_of_an_amplifier,
}
"""All contests, made only when they are run."""
