"""Fields of bright compact sources with known crosstalk, at array level."""

import numpy as np

from infra.images import CorrectedExposure
from tests.defects.detectors import detector

MOCK = detector(2, 4, 100, 51)
"""The detector of the upstream unit tests: 8 amplifiers of 100 x 51."""


def as_read(image, amplifier):
    pixels = image[amplifier.image_box.slices]
    return pixels[:: -1 if amplifier.flip_y else 1, :: -1 if amplifier.flip_x else 1]


def add_star(image, y, x, peak, fwhm):
    """Add a round Gaussian source, in place."""
    ys, xs = np.mgrid[: image.shape[0], : image.shape[1]]
    image += peak * np.exp(-4 * np.log(2) * ((ys - y) ** 2 + (xs - x) ** 2) / fwhm**2)


def exposure(image, mask=None):
    image = np.asarray(image, np.float32)
    mask = np.zeros(image.shape, np.uint16) if mask is None else mask
    return CorrectedExposure(image, mask, np.ones(image.shape, np.float32), "electron")


def with_crosstalk(image, layout, linear, quadratic=None):
    """Return the image with what every amplifier takes from the others; matrices are [source, target]."""
    added = image.copy()
    signals = [as_read(image, one).copy() for one in layout.amplifiers]
    for j, target in enumerate(layout.amplifiers):
        view = as_read(added, target)
        for i, signal in enumerate(signals):
            view += linear[i, j] * signal
            if quadratic is not None:
                view += quadratic[i, j] * signal**2
    return added
