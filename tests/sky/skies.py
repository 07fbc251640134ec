"""Skies over a focal plane with structure that is the camera's own, and what is true of them."""

from dataclasses import dataclass

import numpy as np

from infra.images import CorrectedExposure
from infra.instruments import camera
from infra.instruments.layout import DetectorLayout, SegmentModel
from infra.simulator.patterns import smooth_field
from tasks.combine.metadata import CombineInput
from tasks.sky.algorithm import DetectorCells
from tests.combine.exposures import described

MESH = 20
SEGMENT = SegmentModel(60, 100, 3, 30, 80)
"""A segment of reduced size: a detector of 240 x 160 pixels."""
READ_NOISE = 8.0
STRUCTURE = 0.01
"""Standard deviation of the camera's structure, in units of the sky."""


def layout_of(instrument: str, detector: int) -> DetectorLayout:
    """Return a detector of reduced size."""
    return camera(instrument).detector(detector).layout(SEGMENT)


def cells_of(instrument: str, detector: int) -> DetectorCells:
    """Return its cells."""
    return DetectorCells.of(instrument, layout_of(instrument, detector), MESH)


def structure(detector: int, shape: tuple[int, int]) -> np.ndarray:
    """Return what the camera adds to a sky of 1 on a detector: smooth, of mean 0."""
    return STRUCTURE * smooth_field(np.random.default_rng(700 + detector), shape, order=3)


@dataclass(frozen=True)
class Sky:
    """One exposure of the whole focal plane."""

    number: int = 0
    level: float = 3000.0
    """electron, in the middle of the focal plane"""
    slope: tuple[float, float] = (0.0, 0.0)
    """Rise over 100 mm along x and y, relative."""
    n_stars: int = 8

    def exposure(self, cells: DetectorCells) -> CorrectedExposure:
        """Return what a detector sees, as the corrections would leave it."""
        ny, nx = cells.shape
        x, y = _places(nx, cells.x)[np.newaxis, :], _places(ny, cells.y)[:, np.newaxis]
        smooth = self.level * (1 + self.slope[0] * x / 100 + self.slope[1] * y / 100)
        light = smooth + self.level * structure(cells.detector, cells.shape)
        random = np.random.default_rng((self.number, cells.detector))
        for _ in range(self.n_stars):
            _add_star(light, random)
        image = random.poisson(light) + random.normal(0.0, READ_NOISE, cells.shape)
        variance = np.maximum(image, 0.0) + READ_NOISE**2
        return CorrectedExposure(
            image.astype(np.float32),
            np.zeros(cells.shape, np.uint16),
            variance.astype(np.float32),
            "electron",
        )

    @property
    def described(self) -> CombineInput:
        """Return what is known of the exposure."""
        return described(self.number, 30.0, 30.0, INSTRUME="LATISS", SEQNAME="a", OBSID=str(self.number))


def _centres(size: int) -> np.ndarray:
    """Return the middle of each cell along an axis (pixel)."""
    count = max(1, round(size / MESH))
    edges = np.linspace(0, size, count + 1).astype(int)
    return (edges[:-1] + edges[1:] - 1) / 2


def _places(size: int, middles: np.ndarray) -> np.ndarray:
    """Return the places of all pixels along an axis (mm), beyond the outermost middles too."""
    centres = _centres(size)
    step = (middles[-1] - middles[0]) / (centres[-1] - centres[0])
    return middles[0] + (np.arange(size) - centres[0]) * step


def _add_star(light: np.ndarray, random: np.random.Generator) -> None:
    """Add a star of seeing 4 pixels, somewhere."""
    y0, x0 = random.uniform(0, light.shape[0]), random.uniform(0, light.shape[1])
    y, x = np.indices(light.shape)
    width = 4.0 / 2.355
    profile = np.exp(-((y - y0) ** 2 + (x - x0) ** 2) / (2 * width**2)) / (2 * np.pi * width**2)
    light += 10 ** random.uniform(3.5, 5.0) * profile
