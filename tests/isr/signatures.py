"""Exposures with every signature of the instrument that the chain knows, and what undoes them."""

from dataclasses import dataclass

import numpy as np

from infra.images import CalibrationImage
from infra.instruments.layout import Box
from tasks.isr.calibrations import AmplifierResponses, Calibrations
from tasks.isr.crosstalk_matrix import CrosstalkMatrix
from tasks.isr.linearity import LinearityCorrection
from tests.isr.raws import LAYOUT

NAMES = tuple(amplifier.name for amplifier in LAYOUT.amplifiers)
SHAPE = LAYOUT.image_shape
GAINS = {name: 1.0 + 0.03 * i for i, name in enumerate(NAMES)}
NOISES = {name: 5.0 + 0.2 * i for i, name in enumerate(NAMES)}
"""electron"""
SQUARES = {name: 3e-7 + 2e-8 * i for i, name in enumerate(NAMES)}
"""Corrected = x + q x² (1/adu): 1 % at 30000 adu."""
DARK_TIME = 25.0
COLUMN = Box(100, 0, 1, 80)
"""A column in the lower half that shows nothing but nonsense."""


def per_amplifier(values, layout=LAYOUT):
    plane = np.empty(layout.image_shape)
    for amplifier in layout.amplifiers:
        plane[amplifier.image_box.slices] = values[amplifier.name]
    return plane


GAIN_MAP, NOISE_MAP, SQUARE_MAP = (per_amplifier(one) for one in (GAINS, NOISES, SQUARES))


def image(values, unit="electron", **cards):
    planes = np.zeros(SHAPE, np.uint16), np.zeros(SHAPE, np.float32)
    header = {"LSST ISR UNITS": unit, "DARKTIME": 1.0} | cards
    return CalibrationImage(np.broadcast_to(np.float32(values), SHAPE).copy(), *planes, header)


def matrix(unit="electron", size=3e-4, gains=True):
    """Coefficients [source, target], all different."""
    random = np.random.default_rng(5)
    n = len(NAMES)
    coefficients = random.uniform(0.2, 1.0, (n, n)) * size * ~np.eye(n, dtype=bool)
    zero = np.zeros((n, n))
    return CrosstalkMatrix(
        NAMES,
        coefficients,
        zero,
        np.full((n, n), 100),
        np.ones((n, n), bool),
        zero,
        zero,
        unit,
        np.array(list(GAINS.values())) if gains else np.zeros(0),
        {"DETECTOR": LAYOUT.id},
    )


def as_read(plane, amplifier):
    return plane[:: -1 if amplifier.flip_y else 1, :: -1 if amplifier.flip_x else 1]


def add_crosstalk(adu, coefficients, layout=LAYOUT):
    """Trimmed image (adu) with what the amplifiers add to each other; coefficients for electrons."""
    added = np.zeros(adu.shape)
    for t, target in enumerate(layout.amplifiers):
        for s, source in enumerate(layout.amplifiers):
            charge = as_read(adu[source.image_box.slices], source) * GAINS[source.name]
            added[target.image_box.slices] += as_read(
                coefficients[s, t] * charge / GAINS[target.name], target
            )
    return adu + added


def bent(adu):
    """Return counts that the quadratic correction takes back to ``adu``: x + q x² = adu."""
    return (np.sqrt(1.0 + 4.0 * SQUARE_MAP * adu) - 1.0) / (2.0 * SQUARE_MAP)


@dataclass
class Scene:
    """What is before the camera, and what the camera adds; in electron where no unit is given."""

    signal: np.ndarray
    bias: np.ndarray
    dark: np.ndarray
    flat: np.ndarray
    crosstalk: np.ndarray
    """Coefficients [source, target] for electrons."""

    def expected(self):
        """Charge in the pixels."""
        return self.signal * self.flat + self.dark * DARK_TIME


def scene(level=20_000.0):
    random = np.random.default_rng(11)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    signal = np.full(SHAPE, level)
    bright = random.random(SHAPE) < 0.003
    signal[bright] = 30_000.0  # what crosstalk is seen from
    flat = 1.0 + 0.05 * np.sin(x / 37.0) + 0.03 * np.cos(y / 23.0)
    dark = 2.0 + 1.5 * random.random(SHAPE)
    return Scene(signal, 40.0 + 30.0 * np.sin(x / 11.0), dark, flat, matrix().coefficients)


def exposed(one, order="modern", seed=0):
    """Trimmed raw counts (adu) of a scene, without read noise and overscan.

    In the modern order the amplifiers see each other's bent counts; in that of 2024-04 the bias is added
    last, and crosstalk before the response bends.
    """
    charge = np.random.default_rng(seed).poisson(one.expected()).astype(float)
    if order == "modern":
        return add_crosstalk(bent((charge + one.bias) / GAIN_MAP), one.crosstalk)
    return bent(add_crosstalk(charge / GAIN_MAP, one.crosstalk)) + one.bias / GAIN_MAP


def read_out(adu, seed=0, layout=LAYOUT):
    """Raw mosaic: the counts on a pedestal that drifts from row to row, with read noise."""
    random = np.random.default_rng(seed)
    mosaic = np.empty(layout.raw_shape)
    for i, amplifier in enumerate(layout.amplifiers):
        ny, nx = amplifier.raw_box.shape
        pedestal = 20_000.0 + 50.0 * i + np.cumsum(random.normal(0, 2.0, ny))[:, None]
        noise = NOISES[amplifier.name] / GAINS[amplifier.name]
        mosaic[amplifier.raw_box.slices] = pedestal + random.normal(0, noise, (ny, nx))
        mosaic[amplifier.data_box.slices] += adu[amplifier.image_box.slices]
    return np.round(mosaic).astype(np.int32)


def calibrations(one, unit="electron", **changes):
    """Everything that undoes a scene."""
    scale = 1.0 if unit == "electron" else 1.0 / GAIN_MAP
    known = {
        "bias": image(one.bias * scale, unit),
        "dark": image(one.dark * scale, unit),
        "flat": image(one.flat, unit),
        "crosstalk": matrix(),
        "linearizer": {
            name: LinearityCorrection("Squared", np.array([square])) for name, square in SQUARES.items()
        },
        "responses": AmplifierResponses.usable(GAINS, NOISES, dict.fromkeys(NAMES, 90_000.0)),
        "defects": (COLUMN,),
    }
    return Calibrations(**known | changes)
