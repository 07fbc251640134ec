"""A linearity spline applied to one amplifier, beside SciPy and NumPy on the same pixels."""

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


CONTESTS: dict[str, Callable[[], Contest]] = {"linearity spline (2000 x 509)": spline_of_an_amplifier}
"""All contests, made only when they are run."""
