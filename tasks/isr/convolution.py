"""Convolution of images with small kernels."""

import numpy as np
import numpy.typing as npt
from scipy import fft

__all__ = ["ImageConvolution"]


class ImageConvolution:
    """Convolution of images of one shape with the same kernels.

    Parameters
    ----------
    shape
        Of the images (ny, nx).
    kernels
        Each of odd sides, [y, x], the element in the middle belongs to no displacement.
    """

    def __init__(self, shape: tuple[int, ...], *kernels: npt.NDArray[np.float64]) -> None:
        self._shape = shape
        self._padded = tuple(fft.next_fast_len(n, real=True) for n in shape)
        self._transforms = [self._transform(kernel) for kernel in kernels]

    def __call__(self, image: npt.NDArray[np.float32]) -> list[npt.NDArray[np.float32]]:
        """Convolve an image with every kernel.

        Parameters
        ----------
        image
            Shape (ny, nx). It goes on periodically beyond its edges, or with zeros for a few pixels and then
            periodically: within half a kernel of an edge the result is none.

        Returns
        -------
        convolved
            One image for each kernel, shape (ny, nx).
        """
        transform = fft.rfft2(image, self._padded)
        ny, nx = self._shape
        return [
            fft.irfft2(transform * one, self._padded, overwrite_x=True)[:ny, :nx] for one in self._transforms
        ]

    def _transform(self, kernel: npt.NDArray[np.float64]) -> npt.NDArray[np.complex64]:
        placed = np.zeros(self._padded, np.float32)
        placed[: kernel.shape[0], : kernel.shape[1]] = kernel
        placed = np.roll(placed, [-(n // 2) for n in kernel.shape], axis=(0, 1))
        return np.asarray(fft.rfft2(placed))
