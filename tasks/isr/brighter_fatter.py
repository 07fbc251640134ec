"""The brighter-fatter effect: charge is put back where it would have been collected without it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

import numpy as np
import numpy.typing as npt

from infra.errors import CalprodError
from tasks.combine.clipping import clipped_mean
from tasks.isr.brighter_fatter_passes import diffusion_pass, transfer_pass
from tasks.isr.convolution import ImageConvolution

__all__ = [
    "BrighterFatterFit",
    "BrighterFatterKernel",
    "BrighterFatterMethod",
    "BrighterFatterSettings",
    "correct_brighter_fatter",
    "detector_kernel",
]

type BrighterFatterMethod = Literal["COULTON18", "COULTON18_FLUX_CONSERVING", "ASTIER23"]
"""How charge is put back: by diffusion, by transfer through the faces of the pixels, or with the shifts of
the pixels' boundaries (`tasks.isr.distortion`)."""


@dataclass(frozen=True, slots=True)
class BrighterFatterSettings:
    """How the brighter-fatter effect is corrected."""

    method: BrighterFatterMethod = "COULTON18"
    """Rubin ip_isr's name of the form of the correction."""
    max_iterations: int = 10
    """Passes after which it is given up."""
    threshold: float = 1000.0
    """Sum of the absolute changes of a pass (electron) below which it was the last."""


@dataclass(frozen=True, slots=True, eq=False)
class BrighterFatterKernel:
    """Kernel whose convolution with the image is the potential that moves charge.

    Raises
    ------
    CalprodError
        The kernel is not square with an odd number of elements on a side, or holds what is no number.
    """

    kernel: npt.NDArray[np.float64]
    """Kernel of the detector (1/electron), shape (2 r + 1, 2 r + 1), indexed [serial lag][parallel lag]."""
    gains: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    """Gains (electron/adu) it was made with, by amplifier, for images in adu."""

    def __post_init__(self) -> None:
        side = self.kernel.shape[0]
        if self.kernel.shape != (side, side) or side % 2 != 1 or not np.isfinite(self.kernel).all():
            raise CalprodError(
                f"a brighter-fatter kernel of shape {self.kernel.shape} that is not square, odd and finite",
                "it is square, with an odd number of elements on a side, all numbers",
            )

    @property
    def half_width(self) -> int:
        """Largest lag."""
        return self.kernel.shape[0] // 2

    @property
    def border(self) -> int:
        """Pixels at each edge of an image that are not corrected."""
        return self.half_width + 1


@dataclass(frozen=True, slots=True)
class BrighterFatterFit:
    """How a correction went."""

    n_iterations: int
    """Passes made."""
    converged: bool
    """Whether the last one changed less than the threshold."""
    change: float
    """Sum of the absolute changes of the last pass (electron)."""


def correct_brighter_fatter(
    image: npt.NDArray[np.float32],
    kernel: BrighterFatterKernel,
    settings: BrighterFatterSettings | None = None,
) -> BrighterFatterFit:
    """Put charge back where it would have been collected, in place.

    Parameters
    ----------
    image
        Trimmed image (electron), shape (ny, nx), finite throughout; changed but for a border of half the
        kernel and one pixel.
    kernel
        What moved the charge. It is stored [serial lag][parallel lag] and applied to an image [y, x], hence
        transposed; Rubin's ip_isr has applied it as it stands since 2023, with the axes exchanged.
    settings
        Form of the correction, and when it ends.

    Returns
    -------
    fit
        How it went. One that does not converge leaves the image of its last pass.

    Raises
    ------
    CalprodError
        The image is not larger than the kernel.

    Notes
    -----
    Coulton et al. 2018 (AJ 155, 258): with C the kernel convolved with the image, I' = I + ½ ∇·(I ∇C), and
    again with I' until nothing changes. The flux-conserving form moves the same charge from pixel to pixel.
    A level that is the same everywhere moves nothing, and is taken off before the convolution, so that single
    precision is enough; later passes convolve what the one before has changed.
    """
    settings = settings or BrighterFatterSettings()
    if min(image.shape) <= 2 * kernel.border:
        raise CalprodError(
            f"an image of shape {image.shape} for a brighter-fatter kernel of {kernel.kernel.shape}",
            "use a kernel of fewer elements",
        )
    one_pass = diffusion_pass if settings.method == "COULTON18" else transfer_pass
    convolution = ImageConvolution(image.shape, kernel.kernel.T)
    raw, correction = image.copy(), np.zeros_like(image)
    change = image - np.float32(np.median(image[::4, ::4]))
    (convolved,) = convolution(change)
    change.fill(0.0)
    total, is_last = float("inf"), False
    for iteration in range(1, settings.max_iterations + 1):
        total = float(one_pass(image, convolved, kernel.border, correction, change))
        np.add(raw, correction, out=image)
        is_last = iteration > 1 and total < settings.threshold
        if is_last or iteration == settings.max_iterations:
            break
        convolved += convolution(change)[0]
    return BrighterFatterFit(iteration, is_last, total)


def detector_kernel(kernels: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Kernel of a detector out of those of its amplifiers.

    Parameters
    ----------
    kernels
        Valid kernels, shape (n, 2 r + 1, 2 r + 1).

    Returns
    -------
    kernel
        Mean of each element, clipped at 5 σ (Rubin ip_isr).
    """
    flat = kernels.reshape(kernels.shape[0], -1)
    means = [clipped_mean(np.ascontiguousarray(elements), 5.0).mean for elements in flat.T]
    return np.array(means).reshape(kernels.shape[1:])
