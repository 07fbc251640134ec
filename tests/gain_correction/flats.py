"""Flats before and after the gains have moved, for the tests of their correction."""

from dataclasses import replace

import numpy as np

from infra.images import CalibrationImage
from infra.instruments import camera
from infra.instruments.focal_plane import pixel_positions
from infra.instruments.layout import SegmentModel
from tasks.ptc.algorithm import solve_curve, to_table
from tests.ptc.curves import exact_measurements

SEGMENT = SegmentModel(160, 260, 3, 120, 240)
LATISS = camera("LATISS").detector(0).layout(SEGMENT)
"""960 wide, 480 high, amplifiers of 120 x 240."""
EDGE_OF_FIELD = camera("LSSTCam").detector_named("R43_S21").layout(SEGMENT)
"""The same size, some 300 mm from the middle of the focal plane."""
NAMES = tuple(one.name for one in LATISS.amplifiers)
KNOWN = {3: 1 / 1.002, 6: 1 / 0.998}
"""Factors of the amplifiers in the upstream tests, by place."""


def factors(changes=None):
    """Factor of each amplifier's signal."""
    found = np.ones(16)
    for place, factor in (KNOWN if changes is None else changes).items():
        found[place] = factor
    return found


def light(layout=LATISS, instrument="LATISS", radial=0.1, slope=0.02):
    """Light that falls off with the radius and has a slope."""
    x, y = pixel_positions(camera(instrument), layout)
    radius = np.hypot(x, y)
    farthest = radius.max()
    return (1.0 - radial * (radius / farthest) ** 3) * (1.0 + slope * (x - x.mean()) / 40.0)


def flat(image, moved=None, noise=0.0, seed=1, layout=LATISS, **cards):
    """Flat of this light, the signals of its amplifiers moved."""
    values = np.array(image, np.float64)
    for place, one in enumerate(layout.amplifiers):
        values[one.image_box.slices] *= 1.0 if moved is None else moved[place]
    if noise:
        values *= 1.0 + np.random.default_rng(seed).normal(0.0, noise, values.shape)
    metadata = {"OBSTYPE": "flat", "SEQNAME": "FP_ITL_2s_ir2_v25.seq", **cards}
    metadata |= {"CALIB_CREATION_DATETIME": "2024-04-05T06:07:08", "MJD-BEG": 60387.0, "MJD-END": 60387.1}
    metadata |= {f"CPP_INPUT_{i}": 2024031800000 + i for i in range(5)}
    return CalibrationImage(
        values.astype(np.float32),
        np.zeros(values.shape, np.uint16),
        np.full(values.shape, max(noise, 1e-4) ** 2, np.float32),
        metadata,
    )


def curve(bad=()):
    """Photon transfer curve of exact points, some amplifiers declared bad."""
    levels = tuple(np.linspace(300, 90_000, 12).tolist())
    good = solve_curve(
        one
        for i, name in enumerate(NAMES)
        for one in exact_measurements(name, gain=1.0 + 0.01 * i, levels=levels)
    )
    amplifiers = (replace(one, reason="noisy") if one.name in bad else one for one in good.amplifiers)
    return replace(good, amplifiers=tuple(amplifiers))


def curve_table(bad=()):
    """Return the curve as it is stored."""
    return to_table(curve(bad))
