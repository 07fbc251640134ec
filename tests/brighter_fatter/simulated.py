"""Simulated sequences with an asymmetric brighter-fatter effect, and kernels made of them."""

from dataclasses import replace
from functools import cache

import numpy as np

from infra.ledger.clock import now
from tasks.brighter_fatter.pipeline_task import (
    BrighterFatterKernelConfig,
    BrighterFatterKernelTask,
    VerifyBfkConfig,
    VerifyBfkTask,
)
from tasks.combine.priors import Priors, calibrations_of
from tasks.flat_pairs.curve.fit_type import FitType
from tasks.ptc.pipeline_task import PtcConfig, PtcTask
from tests.ptc.sequences import SimulatedSequence, sequence_night

A_MATRIX = (
    (-2.06e-6, 4.8e-7, 4.0e-8),
    (1.2e-7, 8.0e-8, 2.0e-8),
    (2.0e-8, 2.0e-8, 5.0e-9),
)
"""Area changes (1/electron), [serial lag][parallel lag]: four times as much to the parallel neighbours as to
the serial ones. With the other quadrants they sum to -2.5e-7; the rest lies further out."""

TIMES = (0.02, 0.05, 0.1, 0.2, 0.3, 2.5, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 9.5)
"""Exposure times (s) at 6000 electron/s: faint ones for the read noise, others up to 57 000 electron."""


class StoredSequence(SimulatedSequence):
    """Raws that are exposed once, and kept."""

    def read(self, number):
        if not hasattr(self, "kept"):
            self.kept = {}
        if number not in self.kept:
            self.kept[number] = super().read(number)
        return self.kept[number]


@cache
def sequence():
    """Pairs of flats of a small detector, whose raws are exposed when they are read."""
    night = sequence_night(
        TIMES,
        camera={"brighter_fatter": {"a_matrix": A_MATRIX}, "electronics": {"gain_scatter": 0.03}},
        segment={"data_width": 112, "data_height": 140},
    )
    return StoredSequence(night)


@cache
def curve_table():
    """Photon transfer curve of all pairs."""
    config = PtcConfig()
    config.update(fit_type=FitType.FULL.value, n_lags=4, edge=6, minimum_pixels=1000)
    return PtcTask(config=config).run(sequence().pairing(), sequence().read, Priors()).output


def kernel_table(table=None, **changes):
    """Kernels of the detector."""
    config = BrighterFatterKernelConfig()
    config.update(**({"level": "DETECTOR", "zero_sum": "ALL_LAGS"} | changes))
    task = BrighterFatterKernelTask(config=config)
    return task.run(
        curve_table() if table is None else table, source=("some/run", "some-uuid"), created=now()
    ).output


def verified(kernels, pairing=None, *, order="modern", bias=None, dark=None, **changes):
    """Statistics and covariances of a kernel applied to flats."""
    config = VerifyBfkConfig()
    config.isr.order = order
    config.update(**({"edge": 6, "minimum_pixels": 1000} | changes))
    simulated = sequence()
    calibrations = replace(calibrations_of({"bfk": kernels}), bias=bias, dark=dark)
    first = simulated.read(next(iter(simulated.exposures)))
    task = VerifyBfkTask(config=config)
    pairing = simulated.pairing() if pairing is None else pairing
    return task.compare(first, kernels, Priors(calibrations), pairing, (), simulated.read)


def exchanged(table):
    """Kernels with serial and parallel lags exchanged."""
    spoiled = table.copy()
    side = int(table.meta["KERNEL_DX"])
    for column in ("KERNEL", "MEAN_XCORRS", "DETECTOR_KERNEL", "KERNEL_ERROR"):
        square = np.asarray(table[column]).reshape(len(table), side, side)
        spoiled[column] = np.swapaxes(square, 1, 2).reshape(len(table), -1)
    return spoiled
