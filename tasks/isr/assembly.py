"""Assembly: bring the data pixels of an amplifier to their place and leave prescan and overscan behind."""

import numpy as np
import numpy.typing as npt

from infra.instruments.layout import AmplifierLayout

__all__ = ["assemble"]


def assemble(
    data: npt.NDArray[np.float32], image: npt.NDArray[np.float32], amplifier: AmplifierLayout
) -> None:
    """Copy the data pixels of one amplifier into the trimmed image, in place.

    Parameters
    ----------
    data
        Data pixels of the amplifier, in assembled orientation.
    image
        Trimmed detector; the amplifier's part of it is overwritten.
    amplifier
        Says where they go.
    """
    image[amplifier.image_box.slices] = data
