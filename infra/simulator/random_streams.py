"""Random numbers: a stream for each purpose, so that switching one effect leaves the others alone."""

import zlib

import numpy as np

__all__ = ["detector_seed", "random_stream"]

_SEEDS_BETWEEN_DETECTORS = 1_000_003
"""Distance of the seeds of two detectors; a prime, larger than what people choose as seeds side by side."""


def random_stream(seed: int, purpose: str, *numbers: int) -> np.random.Generator:
    """Return the generator of that seed, purpose and numbers (such as exposure and amplifier)."""
    return np.random.default_rng([seed, zlib.crc32(purpose.encode()), *numbers])


def detector_seed(seed: int, detector: int) -> int:
    """Return the seed of what differs from detector to detector; that of detector 0 is the seed itself."""
    return seed + _SEEDS_BETWEEN_DETECTORS * detector
