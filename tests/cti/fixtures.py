"""Overscans of one amplifier for the solvers, made with the exact simulation or taken from Rubin's tests."""

import numpy as np

from tasks.cti.algorithm import Segment
from tasks.cti.register.model import Register, RegisterParameters
from tasks.cti.register.simulator import simulate_register
from tasks.cti.solving.levels import AmplifierLevels

ITL = Segment(prescan=3, data_width=509, data_height=2000)
REGISTER = Register(data_width=509, prescan=3, overscan=64)
NOISE = 8.0 / np.sqrt(2000.0)
"""Standard error of the mean of an overscan column of 2000 rows (electron)."""


def levels_of_arrays(signals, overscan, *, errors=None, parallel=None, turnoff=np.inf, gain=1.0, name="C00"):
    signals, overscan = np.asarray(signals, float), np.asarray(overscan, float)
    errors = np.full(overscan.shape, NOISE) if errors is None else errors
    rows = np.zeros((signals.size, 48)) if parallel is None else parallel
    return AmplifierLevels(
        name, signals, signals.copy(), overscan, errors, rows, np.full(rows.shape, NOISE), gain, turnoff
    )


def simulated_levels(parameters: RegisterParameters, signals, *, seed=1, noise=NOISE, **keys):
    """Give overscans of the exact simulation with read noise."""
    overscan = simulate_register(signals, REGISTER, parameters)[:, REGISTER.n_transfers :]
    overscan += np.random.default_rng(seed).normal(0.0, noise, overscan.shape) if noise else 0.0
    return levels_of_arrays(signals, overscan, errors=np.full(overscan.shape, noise or NOISE), **keys)


def _row(text):
    values = [float(one) for one in text.split()]
    return values + [0.0] * (64 - len(values))


RUBIN_MEANS = (117.810165, 994.811, 12215.778, 36562.082)
RUBIN_OVERSCANS = np.array(
    [
        _row(
            ".718039751 .456550479 .414261669 .288099229 -.0234310962 -.0459854975 -.0114491098 .0519846082 "
            ".205635265 .0125147207 .090045 -.239106 -.152413"
        ),
        _row(
            ".21258 .10782 -.12220 -.00898 -.06799 .04008 -.02140 .09092 -.09959 .27480 "
            "-.016931 .045007 -.003799"
        ),
        _row(
            "4.08672 1.43194 .95320 .43219 .53112 .28648 .32390 .27622 .26031 .14444 .014988 .062970 .018541"
        ),
        _row(
            "15.0365152 4.43178511 2.66550946 1.67382801 1.10997069 .889361799 .466469795 .610956728 "
            ".667343795 .522854805 -.115007 .267710 .205686"
        ),
    ]
)
"""Four exposures of Rubin cp_pipe's tests/test_cti.py, the first 13 columns of each overscan (electron)."""
