"""Random numbers: a stream for each purpose, so that switching one effect leaves the others alone."""

import zlib

import numpy as np

__all__ = ["random_stream"]


def random_stream(seed: int, purpose: str, *numbers: int) -> np.random.Generator:
    """Return the generator of that seed, purpose and numbers (such as exposure and amplifier)."""
    return np.random.default_rng([seed, zlib.crc32(purpose.encode()), *numbers])
