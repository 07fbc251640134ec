"""Fields of stars as the sky shows them, with known crosstalk: what a bright-star science frame holds."""

from dataclasses import dataclass

import numpy as np

from infra.images import MaskPlane
from infra.instruments import camera
from infra.instruments.layout import SegmentModel
from infra.simulator.effects import CameraEffects, Crosstalk
from infra.simulator.sensor import draw_sensor
from tasks.crosstalk.algorithm import ExtractionSettings, extract_ratios
from tests.crosstalk.fields import as_read, exposure, with_crosstalk

SEGMENT = SegmentModel(240, 330, 3, 200, 300)
SENSOR = draw_sensor(
    camera("LATISS").detector(0),
    SEGMENT,
    CameraEffects(crosstalk=Crosstalk(neighbour=3e-4, other=2e-5, scatter=0.3)),
)
LAYOUT = SENSOR.layout
TRUTH = SENSOR.crosstalk
"""Fractions [source, target] of signals in electron."""
OTHERS = ~np.eye(16, dtype=bool)
READ_NOISE = 7.0
FULL_WELL = 140_000.0
"""Signal (electron) at which a pixel spills into its column."""

EXTRACTION = ExtractionSettings(growth=10, mesh=64)
"""The amplifiers are small and full of stars: twenty pixels around each would leave no background."""


@dataclass(frozen=True)
class Field:
    """What the sky holds; fluxes are those of whole stars (electron)."""

    bright: float = 40.0
    """Mean number of stars above ``flux``."""
    flux: float = 700_000.0
    """Flux of a star that peaks at about 30000 electron."""
    slope: float = 0.5
    """Number of stars brighter than F goes as F to minus this."""
    faintest: float = 400.0
    """Flux of the faintest stars."""
    brightest: float = 1e7
    fwhm: float = 4.0
    beta: float = 3.0
    """Moffat profile."""
    sky: float = 400.0
    gradient: float = 0.15
    """Sky, and its change from one side to the other, as a fraction."""
    rays: int = 60
    """Cosmic rays."""
    defects: int = 40
    """Hot pixels, known of."""


def light(random, field):
    """Light (electron) of a field before it is detected."""
    ny, nx = LAYOUT.image_shape
    y, x = np.mgrid[:ny, :nx]
    image = field.sky * (1 + field.gradient * (x / nx - 0.5) + 0.5 * field.gradient * (y / ny - 0.5) ** 2)
    mean = field.bright * (field.faintest / field.flux) ** -field.slope
    number = random.poisson(mean)
    fluxes = field.faintest * random.uniform(0, 1, number) ** (-1 / field.slope)
    fluxes = fluxes[fluxes < field.brightest]
    ys, xs = random.uniform(0, ny, fluxes.size), random.uniform(0, nx, fluxes.size)
    alpha = field.fwhm / (2 * np.sqrt(2 ** (1 / field.beta) - 1))
    for flux, yc, xc in zip(fluxes, ys, xs, strict=True):
        peak = flux * (field.beta - 1) / (np.pi * alpha**2)
        # To where it is a tenth of an electron, wings of the brightest over most of an amplifier.
        reach = int(min(120, alpha * np.sqrt(max((peak / 0.1) ** (1 / field.beta), 2) - 1))) + 1
        rows = slice(max(0, int(yc) - reach), int(yc) + reach + 1)
        columns = slice(max(0, int(xc) - reach), int(xc) + reach + 1)
        distance = (y[rows, columns] - yc) ** 2 + (x[rows, columns] - xc) ** 2
        image[rows, columns] += peak * (1 + distance / alpha**2) ** -field.beta
    return image


def bled(image):
    """Image with what is above full well spilled along the columns, half to each side; in place."""
    ny = image.shape[0] // 2
    for half in (image[:ny], image[ny:]):
        for column in np.unique(np.nonzero(half > FULL_WELL)[1]):
            for step in (1, -1):
                carried, line = 0.0, half[::step, column]
                for row in range(line.size):
                    line[row] += carried
                    carried = (line[row] - FULL_WELL) * (0.5 if step == 1 else 1.0)
                    carried = max(carried, 0.0)
                    line[row] -= carried
    np.minimum(image, FULL_WELL, out=image)
    return image


def observed(random, field=None, matrix=TRUTH, quadratic=None):
    """One exposure (electron): a field, its photon noise, bleeds, rays, crosstalk and read noise."""
    field = field or Field()
    image = random.poisson(light(random, field)).astype(float)
    ny, nx = image.shape
    for _ in range(field.rays):
        yc, xc, angle = random.uniform(0, ny), random.uniform(0, nx), random.uniform(0, np.pi)
        along = np.arange(random.integers(1, 15))
        rows = np.clip(yc + along * np.sin(angle), 0, ny - 1).astype(int)
        columns = np.clip(xc + along * np.cos(angle), 0, nx - 1).astype(int)
        image[rows, columns] += random.uniform(300, 6000)
    bled(image)
    mask = np.zeros(image.shape, np.uint16)
    mask[image >= FULL_WELL] |= np.uint16(MaskPlane.SAT)
    image = with_crosstalk(image, LAYOUT, matrix, quadratic)
    hot = random.integers(0, ny, field.defects), random.integers(0, nx, field.defects)
    image[hot] += 2e4
    mask[hot] |= np.uint16(MaskPlane.BAD)
    image += random.normal(0, READ_NOISE, image.shape)
    for one in LAYOUT.amplifiers:
        # What the overscan leaves in each row, and of the pedestal.
        as_read(image, one)[...] += random.normal(0, 1.0, (one.image_box.height, 1)) + random.normal(0, 3)
    return exposure(image, mask)


def ratios_of(seed, n_exposures, field=None, settings=EXTRACTION, **others):
    """Ratios of exposures of a field, each pointed elsewhere."""
    random = np.random.default_rng(seed)
    return [
        extract_ratios(observed(random, field, **others), LAYOUT, settings, number)
        for number in range(n_exposures)
    ]


def pulls(matrix, truth=TRUTH):
    """Deviations from the truth in standard errors, of all pairs of different amplifiers."""
    return ((matrix.coefficients - truth) / matrix.standard_errors)[OTHERS]
