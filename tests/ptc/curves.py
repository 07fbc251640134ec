"""Measurements that lie exactly on a known curve."""

import numpy as np

from tasks.ptc.algorithm import AmplifierReading, PairMeasurement
from tasks.ptc.solve.full_covariance import covariance_model
from tasks.ptc.solve.polynomial import CovarianceParameters
from tests.ptc.flats import A_MATRIX, description

EXACT_LEVELS = tuple(np.linspace(300, 90_000, 30).tolist())
"""Signals (electron)."""


def exact_measurements(name="C10", gain=1.1, read_noise=5.0, levels=EXACT_LEVELS, n_pixels=1_000_000, side=3):
    """Measurements without any scatter; weights are those of so many pixels."""
    noise = np.zeros((side, side))
    noise[0, 0] = read_noise**2
    parameters = CovarianceParameters(gain, A_MATRIX[:side, :side], np.zeros((side, side)))
    means = np.array(levels) / gain
    covariances = covariance_model(means, parameters, noise)
    rows = []
    for i, (mean, covariance) in enumerate(zip(means.tolist(), covariances, strict=True)):
        weights = np.full((side, side), np.sqrt(n_pixels) / covariance[0, 0])
        weights[0, 0] /= np.sqrt(2)
        rows.append(
            PairMeasurement(
                amplifier=name,
                pair=description(i, levels[i]),
                mean=mean,
                delta=0.0,
                variance=float(covariance[0, 0]),
                covariances=covariance,
                sqrt_weights=weights,
                n_pixels=np.full((side, side), n_pixels),
                row_mean_variance=1.0,
                gain=gain,
                reading=AmplifierReading(read_noise / gain, 1000.0, 0.0),
            )
        )
    return rows
