"""Exposures of a fringed sky with stars on a small LATISS detector, and what is true of them."""

from dataclasses import dataclass

import numpy as np

from infra.images import CalibrationImage, CorrectedExposure
from infra.simulator.patterns import fringe_pattern
from tasks.combine.metadata import CombineInput
from tests.combine.exposures import described
from tests.defects.detectors import LATISS as LAYOUT

SHAPE = LAYOUT.image_shape
READ_NOISE = 8.0
RATIO = 0.03
"""Amplitude of the fringes in units of the sky."""


def pattern(seed: int = 11) -> np.ndarray:
    """Return the fringes in units of the sky, free of noise, of mean 0."""
    fringes = RATIO * fringe_pattern(np.random.default_rng(seed), SHAPE)
    return (fringes - fringes.mean()).astype(np.float32)


@dataclass(frozen=True)
class Sky:
    """One exposure."""

    level: float = 2000.0
    """electron, at the centre"""
    fringes: float = 1.0
    """Amplitude of the fringes over the level."""
    gradient: float = 0.1
    """Rise of the sky from left to right, relative."""
    n_stars: int = 40
    seed: int = 0
    pattern_seed: int = 11

    def image(self) -> np.ndarray:
        """Return the exposure (electron)."""
        random = np.random.default_rng(self.seed)
        y, x = np.indices(SHAPE)
        smooth = self.level * (1 + self.gradient * (x / SHAPE[1] - 0.5) + 0.05 * (y / SHAPE[0] - 0.5) ** 2)
        light = smooth + self.level * self.fringes * pattern(self.pattern_seed)
        for _ in range(self.n_stars):
            _add_star(light, random)
        noise = random.normal(0.0, READ_NOISE, SHAPE)
        return (random.poisson(light) + noise).astype(np.float32)

    def exposure(self) -> CorrectedExposure:
        """Return the exposure as the corrections would."""
        image = self.image()
        cards = {f"LSST ISR READNOISE {one.name}": READ_NOISE for one in LAYOUT.amplifiers}
        cards |= {f"LSST ISR GAIN {one.name}": 1.0 for one in LAYOUT.amplifiers}
        variance = np.maximum(image, 0.0) + np.float32(READ_NOISE**2)
        return CorrectedExposure(image, np.zeros(SHAPE, np.uint16), variance, "electron", cards)


def _add_star(light: np.ndarray, random: np.random.Generator) -> None:
    """Add one star of seeing 4 pixels to the light, somewhere."""
    y0, x0 = random.uniform(0, SHAPE[0]), random.uniform(0, SHAPE[1])
    flux = 10 ** random.uniform(3.5, 5.5)
    width = 4.0 / 2.355
    rows = slice(max(0, int(y0) - 12), int(y0) + 13)
    columns = slice(max(0, int(x0) - 12), int(x0) + 13)
    y, x = np.mgrid[rows, columns]
    inside = (y < SHAPE[0]) & (x < SHAPE[1])
    profile = np.exp(-((y - y0) ** 2 + (x - x0) ** 2) / (2 * width**2)) / (2 * np.pi * width**2)
    light[y[inside], x[inside]] += flux * profile[inside]


def fringe_frame(noise: float = 1e-3, seed: int = 5, pattern_seed: int = 11) -> CalibrationImage:
    """Return a fringe frame with noise of its own."""
    image = pattern(pattern_seed) + np.random.default_rng(seed).normal(0, noise, SHAPE).astype(np.float32)
    cards = {"CPP_INPUT_0": 1, "CPP_INPUT_1": 2}
    return CalibrationImage(
        image.astype(np.float32),
        np.zeros(SHAPE, np.uint16),
        np.full(SHAPE, noise**2, np.float32),
        dict(cards),
    )


def stream(skies: list[Sky]) -> list[tuple[CombineInput, CorrectedExposure]]:
    """Return exposures with what is known of them."""
    return [(described(i, 30.0, 30.0), sky.exposure()) for i, sky in enumerate(skies)]
