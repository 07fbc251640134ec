"""Ramps with a known non-linearity."""

import numpy as np
from scipy.interpolate import Akima1DInterpolator

from tasks.linearity.algorithm import AmplifierRamp, BinnedImages, DetectorRamp

TEN_VALUES = np.array([0, -8.87, 1.46, 1.69, -6.92, -68.23, -78.01, -11.56, 80.26, 185.01])
"""adu at ten nodes: a measured spline (Rubin cp_pipe, tests of its linearity task)."""


def amplifier(name, ordinate, **fields):
    ordinate = np.asarray(ordinate, float)
    return AmplifierRamp(name, ordinate, fields.pop("keep", np.ones(ordinate.size, bool)), **fields)


def one_amplifier(light, ordinate, **fields):
    """Ramp of a detector with the single amplifier C10."""
    of_ramp = {key: fields.pop(key) for key in ("groups", "temperature", "mjd") if key in fields}
    return DetectorRamp(0, np.asarray(light, float), (amplifier("C10", ordinate, **fields),), **of_ramp)


def measured(linear, loss):
    """Measured level m with m − S(m) = linear, for the correction S = −loss of the measured level."""
    level = np.array(linear, float)
    for _ in range(50):
        level = linear + loss(level)
    return level


def akima(nodes, values):
    """Peer of our own interpolation."""
    spline = Akima1DInterpolator(nodes, values)
    return lambda level: spline(np.clip(level, nodes[0], nodes[-1]))


def photodiode_ramp(seed, *, factors=(1.0,), offset=0.0, alpha=0.0, noise=1e-4, outliers=True):
    """Ramp of 200 photodiode charges with the ten-node spline.

    Returns
    -------
    ramp
        One amplifier.
    nodes, values
        The truth.
    """
    random = np.random.default_rng(seed)
    charge = np.linspace(1e-8, 2e-5, 200)
    nodes = np.linspace(0.0, 5e9 * charge[-1] + TEN_VALUES[-1] + 1.0, 10)
    groups = random.permutation(np.arange(200) % len(factors))
    level = measured(5e9 * charge * np.array(factors)[groups], akima(nodes, TEN_VALUES))
    temperature = random.normal(-100.0, 0.5, 200)
    level = (level + offset) / (1.0 + alpha * (temperature - np.median(temperature)))
    level *= 1.0 + noise * random.normal(size=200)
    if outliers:
        level[170:175] += 200.0
    ramp = one_amplifier(charge, level, turnoff=float(level.max()), groups=groups, temperature=temperature)
    return ramp, nodes, TEN_VALUES


def same_gauge(nodes, values, like_nodes, like_values, turnoff):
    """Take the linear term that separates true values from the slope out of them, as in the fit."""
    grid = np.linspace(0.0, turnoff, 100)
    mean = akima(nodes, values)(grid).mean() - akima(like_nodes, like_values)(grid).mean()
    return values - mean / grid.mean() * nodes


def detector_ramp(seed, *, n_amplifiers=4, n=200, noise=2e-5, top=100_000.0, pattern=0.0):
    """Single exposures of a detector whose amplifiers bend differently, with binned images of them.

    Returns
    -------
    ramp
        Exposure times as light.
    binned
        20 bins for each amplifier.
    losses
        True correction S(measured level) of each amplifier.
    """
    random = np.random.default_rng(seed)
    time = np.repeat(np.geomspace(0.15, 30.0, n // 2), 2)
    lamp = 1.0 + 3e-5 * random.normal(size=n)  # cancels between amplifiers
    lamp /= lamp.mean()
    strength = 1e-7 * (1.0 + 0.3 * random.normal(size=n_amplifiers))
    losses = [
        lambda level, q=q, i=i: -q * level**2 + (3.0 + i) * np.sin(level / 9000.0)
        for i, q in enumerate(strength)
    ]
    bright = 1.0 + pattern * random.normal(size=n_amplifiers)
    index = np.repeat(np.arange(n_amplifiers), 20)
    values, amplifiers = np.empty((n, index.size)), []
    for i, loss in enumerate(losses):
        level = measured(top / 30.0 * time * lamp * bright[i], loss)
        values[:, index == i] = level[:, None] * (1.0 + noise * np.sqrt(20) * random.normal(size=(n, 20)))
        ordinate = values[:, index == i].mean(axis=1)
        amplifiers.append(amplifier(f"C1{i}", ordinate, turnoff=0.8 * top, gain=1.0, noise=6.0))
    return DetectorRamp(0, time, tuple(amplifiers)), BinnedImages(index, values), losses
