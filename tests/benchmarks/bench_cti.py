"""What CTI is timed on, each task beside the published method written with numpy."""

from collections.abc import Callable

import numpy as np

from tasks.cti.algorithm import CtiSettings
from tasks.cti.register.closed_form import model_overscan
from tasks.cti.register.model import Register, RegisterParameters
from tasks.cti.register.simulator import simulate_register
from tasks.cti.solving.local_offset import LocalOffset
from tasks.cti.solving.transfers import fit_global_cti
from tasks.isr.cti import DeferredCharge, Trap, correct_cti
from tests.benchmarks.engine import Contest
from tests.cti import reference
from tests.cti.fixtures import levels_of_arrays

SIGNALS = np.geomspace(100, 150_000, 60)
REGISTER = Register(509, 3, 15)
DRIFT, DECAY, TRAP = 1.8e-4, 2.4, (5.0, 0.08, 0.35)


def _register(trap: tuple[float, float, float] | None) -> Contest:
    """Overscans of 60 levels behind 509 pixels."""
    parameters = RegisterParameters(1e-6, DRIFT, DECAY, *(trap or (0.0,)))
    arguments = (SIGNALS, 509, 3, 15, 1e-6, DRIFT, DECAY, trap)
    expected = reference.read_out(*arguments)[:, -15:]
    np.testing.assert_allclose(model_overscan(SIGNALS, REGISTER, parameters), expected, rtol=1e-10)
    return {
        "calprod: closed form": lambda: model_overscan(SIGNALS, REGISTER, parameters),
        "calprod: exact simulation": lambda: simulate_register(SIGNALS, REGISTER, parameters),
        "numpy, step by step": lambda: reference.read_out(*arguments),
    }


def fit_of_the_transfers() -> Contest:
    """Inefficiency from 20 faint flats; ours looks for a trap as well."""
    signals = np.geomspace(200, 9500, 20)
    overscan = reference.read_out(signals, 509, 3, 15, 3e-6, DRIFT, DECAY)[:, -15:]
    overscan += np.random.default_rng(1).normal(0, 0.18, overscan.shape)
    levels = levels_of_arrays(signals, overscan)
    offset, settings = LocalOffset(DRIFT, DECAY), CtiSettings()
    return {
        "calprod: with and without a trap": lambda: fit_global_cti(levels, REGISTER, offset, settings),
        "scipy and numpy, step by step, no trap": lambda: reference.fit_transfers(
            signals, overscan, 509, 3, DRIFT, DECAY
        ),
    }


def _correction(trap: tuple[float, float, float] | None) -> Contest:
    """One segment of 2048 x 576, a flat with read noise; each competitor corrects a copy."""
    rng = np.random.default_rng(2)
    image = rng.normal(0, 8, (2048, 576))
    image[:2000, 3:512] += rng.normal(30_000, 170, (2000, 509))
    image[:, :3] = 0.0
    single = image.astype(np.float32)
    ours = None if trap is None else Trap("linear", trap[0], trap[2], np.array([trap[1]]))
    charge = DeferredCharge(DRIFT, DECAY, ours)

    def by_calprod(pixels: np.ndarray) -> np.ndarray:
        copy = pixels.copy()
        correct_cti(copy, charge, data_rows=2048, prescan=3)
        return copy

    expected = reference.give_back(image, DRIFT, DECAY, trap)
    np.testing.assert_allclose(by_calprod(image)[:, 3:], expected[:, 3:], rtol=1e-6, atol=1e-6)
    return {
        "calprod, float32": lambda: by_calprod(single),
        "calprod, float64": lambda: by_calprod(image),
        "numpy, largest of the window": lambda: reference.give_back(image, DRIFT, DECAY, trap),
        "one pass: copy": lambda: single.copy(),
    }


CONTESTS: dict[str, Callable[[], Contest]] = {
    "serial register (60 levels)": lambda: _register(None),
    "serial register with a trap (60 levels)": lambda: _register(TRAP),
    "fit of the transfers (20 levels)": fit_of_the_transfers,
    "CTI correction, offset (2048 x 576)": lambda: _correction(None),
    "CTI correction, offset and trap": lambda: _correction(TRAP),
}
"""All contests, made only when they are run."""
