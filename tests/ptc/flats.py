"""Pairs of flats of known gain, noise and brighter-fatter effect, and the reference's own mock flats."""

from functools import cache

import numpy as np

from infra.simulator.brighter_fatter import move_boundaries
from infra.simulator.effects import BrighterFatter
from tasks.flat_pairs.pair_statistics import measure_amplifier_pair
from tasks.ptc.algorithm import AmplifierReading, ExtractSettings, PairDescription
from tasks.ptc.solve.full_covariance import covariance_model
from tasks.ptc.solve.polynomial import CovarianceParameters

A_MATRIX = np.array(BrighterFatter().a_matrix)
GAIN, READ_NOISE = 1.1, 7.0
"""electron/adu, electron."""

LEVELS = tuple(np.concatenate([np.geomspace(30, 2000, 12), np.linspace(4000, 90_000, 18)]).tolist())
"""Signals (electron): many low ones for the read noise, many high ones for the brighter-fatter effect."""


def flat(random, level, shape, gain=GAIN, read_noise=READ_NOISE, a_matrix=A_MATRIX):
    """One flat (adu)."""
    charge = random.poisson(level, shape).astype(float)
    if a_matrix is not None:
        charge = move_boundaries(charge, a_matrix)
    return ((charge + random.normal(0, read_noise, shape)) / gain).astype(np.float32)


def description(i, level):
    return PairDescription((2 * i + 1, 2 * i + 2), level / 1000.0, 60_000.0 + i / 1000.0)


def measured(seed, shape=(200, 200), levels=LEVELS, name="C10", settings=None, **camera):
    """Measurements of one amplifier in pairs of flats."""
    random = np.random.default_rng(seed)
    noise = camera.get("read_noise", READ_NOISE) / camera.get("gain", GAIN)
    return [
        measure_amplifier_pair(
            name,
            (flat(random, level, shape, **camera), flat(random, level, shape, **camera)),
            None,
            description(i, level),
            AmplifierReading(noise, 1000.0 + i, 0.0),
            settings or ExtractSettings(matrix_side=4),
        )
        for i, level in enumerate(levels)
    ]


def gaussian_pairs(seed, parameters, read_noise, levels=LEVELS, shape=(160, 160)):
    """Measurements of Gaussian flats whose covariances are exactly those of the model.

    White noise, filtered in Fourier space; the neighbours are followed to eight lags.
    """
    random = np.random.default_rng(seed)
    pad = ((0, 8 - parameters.side),) * 2
    wide = CovarianceParameters(
        parameters.gain, np.pad(parameters.a_matrix, pad), np.pad(parameters.c_matrix, pad)
    )
    noise = np.zeros((8, 8))
    noise[0, 0] = read_noise**2
    means = np.array(levels) / parameters.gain
    rows = []
    for i, (mean, covariance) in enumerate(zip(means, covariance_model(means, wide, noise), strict=True)):
        kernel = np.zeros(shape)
        y, x = np.indices((15, 15)) - 7
        kernel[y, x] = covariance[np.abs(x), np.abs(y)]
        filtered = np.sqrt(np.maximum(np.fft.rfft2(kernel).real, 0.0))
        pair = tuple(
            (mean + np.fft.irfft2(np.fft.rfft2(random.standard_normal(shape)) * filtered, shape)).astype(
                np.float32
            )
            for _ in range(2)
        )
        reading = AmplifierReading(read_noise / parameters.gain, 1000.0, 0.0)
        settings = ExtractSettings(matrix_side=3)
        rows.append(measure_amplifier_pair("C10", pair, None, description(i, levels[i]), reading, settings))
    return rows


def mock_flat(seed, time):
    """Flat of cp_pipe's unit test ``test_ptc.py``: 1000 electron/s, gain 0.75, noise 3 electron."""
    random = np.random.RandomState(seed)
    electrons = 1000.0 * time
    image = random.normal(electrons, np.sqrt(electrons), (204, 200)) + random.normal(0, 3, (204, 200))
    return (image / 0.75).astype(np.float32)


@cache
def mock_measurements():
    """Pairs of the reference's unit test, 1 to 96 s in steps of 5 s, ten lags."""
    return [
        measure_amplifier_pair(
            "C:0,0",
            (mock_flat(1984, time), mock_flat(666, time)),
            None,
            PairDescription((2 * i + 1, 2 * i + 2), time, 60_000.0 + i),
            AmplifierReading(3.0 / 0.75),
            ExtractSettings(matrix_side=10),
        )
        for i, time in enumerate(np.arange(1.0, 97.0, 5.0).tolist())
    ]
