"""Gain: from counts to electrons."""

import numpy as np
import numpy.typing as npt

__all__ = ["apply_gain"]


def apply_gain(segment: npt.NDArray[np.float32], gain: float) -> None:
    """Multiply all pixels of one amplifier by its gain, in place.

    Parameters
    ----------
    segment
        Pixels, any shape: adu in, electron out.
    gain
        electron/adu.
    """
    segment *= np.float32(gain)
