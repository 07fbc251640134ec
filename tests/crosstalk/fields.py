"""Fields of bright compact sources with known crosstalk, at array level."""

import numpy as np

from infra.images import CorrectedExposure
from infra.simulator.spots import Spots, draw_spots, spot_image
from tasks.crosstalk.algorithm import ExtractionSettings, extract_ratios
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


SPOTTED = detector(2, 4, 160, 120)
"""A detector large enough for some background to be left around a spot on each of its 8 amplifiers."""

EXTRACTION = ExtractionSettings(growth=8)
"""The amplifiers are small: twenty pixels around each spot and its crosstalk would leave no background."""

NOISE = 10.0
"""Read noise (electron)."""


def random_matrix(seed, scale=1e-3, n=8):
    """Coefficients [source, target], 0 on the diagonal, of both signs and far from symmetric."""
    matrix = scale * np.random.default_rng(seed).normal(0.0, 1.0, (n, n))
    np.fill_diagonal(matrix, 0.0)
    return matrix


def spotted(random, linear, quadratic=None, spots=None, row_noise=0.0):
    """Exposure (electron) with a spot on every amplifier, photon and read noise, and crosstalk.

    ``row_noise`` is the scatter of a common offset of each row of an amplifier, as an overscan leaves it.
    """
    spots = spots or Spots()
    image = random.poisson(spot_image(draw_spots(random, SPOTTED, spots), SPOTTED, spots)).astype(float)
    image = with_crosstalk(image, SPOTTED, linear, quadratic)
    image += random.normal(0.0, NOISE, image.shape)
    for one in SPOTTED.amplifiers:
        as_read(image, one)[...] += row_noise * random.normal(0.0, 1.0, (one.image_box.height, 1))
    return exposure(image)


def extracted(random, n_exposures, linear, quadratic=None, **others):
    """Ratios of exposures."""
    return [
        extract_ratios(spotted(random, linear, quadratic, **others), SPOTTED, EXTRACTION, number)
        for number in range(n_exposures)
    ]
