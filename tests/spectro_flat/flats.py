"""Combined flats of known parts, for the tests of the spectrograph flat."""

import numpy as np
from astropy.table import Table

from infra.images import CalibrationImage, MaskPlane
from infra.instruments import camera
from infra.instruments.layout import SegmentModel

LAYOUT = camera("LATISS").detector(0).layout(SegmentModel(160, 220, 3, 120, 200))
"""LATISS of reduced size: 960 wide, 400 high, amplifiers of 120 x 200."""
NAMES = tuple(one.name for one in LAYOUT.amplifiers)
GAINS = dict(zip(NAMES, np.linspace(0.9, 1.2, 16).tolist(), strict=True))
"""electron/adu."""
RESPONSE = 0.01
"""Scatter of the response of the pixels."""
NOISE = 0.002
"""Noise of the combined flat."""


def pixels(seed=1):
    """Response of the pixels."""
    return 1.0 + np.random.default_rng(seed).normal(0.0, RESPONSE, LAYOUT.image_shape)


def optics(amplitude=0.03):
    """Response of the optics: smooth over the whole detector."""
    y, x = np.indices(LAYOUT.image_shape)
    return 1.0 + amplitude * np.sin(2 * np.pi * x / 700.0) * np.cos(2 * np.pi * y / 900.0)


def combined(response=None, light=None, noise=NOISE, seed=2, bad=(), n=10):
    """Return a flat of about 1; ``bad`` pixels are filled with the median and BAD, as combining does."""
    response = pixels() if response is None else response
    light = optics() if light is None else light
    image = response * light + np.random.default_rng(seed).normal(0.0, noise, response.shape)
    mask = np.zeros(image.shape, np.uint16)
    for place in bad:
        image[place], mask[place] = np.median(image), MaskPlane.BAD
    cards = {"OBSTYPE": "flat", "SEQNAME": "FP_ITL_2s_ir2_v25.seq", "LSST ISR UNITS": "electron"}
    cards |= {"CALIB_CREATION_DATETIME": "2024-04-05T06:07:08", "LSST CALIB FLAT C10 BADPIX-NUM": 0}
    cards |= {f"CPP_INPUT_{i}": 2024031800000 + i for i in range(n)}
    cards |= {"MJD-BEG": 60387.0, "MJD-END": 60387.1}
    variance = np.full(image.shape, noise**2, np.float32)
    return CalibrationImage(image.astype(np.float32), mask, variance, cards)


def ptc(gains=None, bad=()):
    """Photon transfer curve with those gains; of bad amplifiers it has none."""
    gains = GAINS if gains is None else gains
    table = Table(
        {
            "AMPLIFIER_NAME": list(gains),
            "GAIN": [np.nan if name in bad else gain for name, gain in gains.items()],
            "NOISE": [8.0] * len(gains),
            "PTC_TURNOFF": [100_000.0] * len(gains),
            "BAD_AMPS": [list(bad) or [""]] * len(gains),
        }
    )
    table.meta.update({"OBSTYPE": "PTC", "CALIB_CREATION_DATETIME": "2024-04-04T00:00:00"})
    return table
