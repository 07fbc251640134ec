"""The variance expected of each pixel: of its photons and of the readout."""

import numpy as np
import numpy.typing as npt

__all__ = ["expected_variance"]


def expected_variance(
    image: npt.NDArray[np.float32],
    gain: float,
    read_noise: float,
    out: npt.NDArray[np.float32] | None = None,
) -> npt.NDArray[np.float32]:
    """Variance of the pixels of one amplifier.

    Parameters
    ----------
    image
        Pixels, shape (ny, nx), adu or electron.
    gain
        electron/adu for an image in adu, 1 for one in electron.
    read_noise
        electron.
    out
        Where to put the result.

    Returns
    -------
    variance
        Shape (ny, nx), in the unit of the image squared.

    Notes
    -----
    V = I/g + (n/g)² (Rubin ip_isr). Not clipped at the read noise: a pixel that noise has made negative gets
    the smaller variance, so that the mean over many pixels is right.
    """
    variance = np.multiply(image, np.float32(1.0 / gain), out=out)
    variance += np.float32((read_noise / gain) ** 2)
    return variance
