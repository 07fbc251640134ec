"""Photon transfer curves whose area changes are those of a known electrostatic model."""

from functools import cache

import numpy as np

from tasks.brighter_fatter.electrostatic.field import Sensor, boundary_shifts
from tasks.brighter_fatter.electrostatic.fit import FitSettings
from tasks.brighter_fatter.electrostatic.solve import solve_distortion
from tests.brighter_fatter.curves import amplifier_curve, detector_curve

SENSOR = Sensor(zq=2.90316973, zsh=2.90317056, zsv=4.00073241, half_width=0.00191671, half_height=3.5)
"""Parameters that the unit test of Rubin's cp_pipe finds (``test_electrostaticBrighterFatter.py``)."""
ALPHA, BETA = 0.64506325, 7.269e-10
NAMES = (*(f"C1{i}" for i in range(8)), *(f"C0{i}" for i in range(7, -1, -1)))
SIDE = 8


def area_changes(sensor=SENSOR, alpha=ALPHA, beta=BETA):
    return alpha * boundary_shifts(sensor, SIDE).area + beta


def curve(scatter=1e-12, bad="C14", seed=1984, **changes):
    """Sixteen amplifiers, one of them bad, whose matrices scatter about the model's (1/electron)."""
    random = np.random.default_rng(seed)
    truth = area_changes(**changes)
    means = np.array([1000.0, 30_000.0])
    return detector_curve(
        *(
            amplifier_curve(
                means,
                np.ones((2, SIDE, SIDE)) * means[:, None, None],
                name=name,
                gain=1.0 + 0.01 * i,
                a_matrix=truth + random.normal(0.0, scatter, truth.shape),
                reason="no usable pixel" if name == bad else None,
            )
            for i, name in enumerate(NAMES)
        ),
        metadata={"INSTRUME": "LATISS", "DETECTOR": 0, "DET_NAME": "RXX_S00"},
    )


@cache
def solution():
    return solve_distortion(curve(), FitSettings(), metadata=dict(curve().metadata))
