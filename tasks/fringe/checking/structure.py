"""Structure of an image without its noise: what two halves of the pixels of each block agree on."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tasks.combine.surface import SurfaceSettings, blocks_of, fit_surface

__all__ = ["Halves", "Structure", "halves_of", "structure_left"]

type FloatArray = npt.NDArray[np.float64]
type BoolArray = npt.NDArray[np.bool_]

_SIGNIFICANT = 5.0
"""How many standard errors the variance of a structure must have to be correlated with another."""


@dataclass(frozen=True, slots=True, eq=False)
class Halves:
    """Blocks of an image less its surface, from the black and from the white pixels of a chess board."""

    first: FloatArray
    """Shape (rows, columns)."""
    second: FloatArray
    """Shape (rows, columns)."""
    used: BoolArray
    """Blocks that are sky, with pixels in both halves."""
    pixel_noise: float
    """Standard deviation of a pixel about its block (unit of the image)."""


@dataclass(frozen=True, slots=True)
class Structure:
    """How much structure there is with and without the fringes."""

    before: float
    """Standard deviation of the structure of blocks with the fringes (unit of the image); negative where
    noise makes its square so."""
    after: float
    """The same once they are subtracted."""
    correlation: float
    """Of the structure before with the pattern; NaN where either has no significant structure."""
    pixel_noise: float
    """Standard deviation of a pixel about its block (unit of the image)."""
    significance: float
    """Variance of the structure before over its standard error."""


def halves_of(image: npt.NDArray[np.float32], usable: BoolArray, settings: SurfaceSettings) -> Halves:
    """Average the two halves of the usable pixels of each block, and subtract the surface of the whole.

    Parameters
    ----------
    image
        Shape (ny, nx), any unit.
    usable
        Pixels that are sky, shape (ny, nx).
    settings
        Surface, blocks and clip.

    Raises
    ------
    CalprodError
        As in `tasks.combine.surface.fit_surface`.
    """
    y, x = np.ogrid[: image.shape[0], : image.shape[1]]
    black = (y + x) % 2 == 0
    whole = blocks_of(image, usable, settings.side)
    first = blocks_of(image, usable & black, settings.side)
    second = blocks_of(image, usable & ~black, settings.side)
    fit = fit_surface(whole, image.shape, settings)
    smooth = whole.mean - fit.residual
    used = fit.used & (first.count > 0) & (second.count > 0)
    difference = (first.mean - second.mean)[used]
    weight = 1.0 / (1.0 / first.count[used] + 1.0 / second.count[used])
    noise = math.sqrt(float(np.mean(difference**2 * weight))) if difference.size else math.nan
    return Halves(first.mean - smooth, second.mean - smooth, used, noise)


def structure_left(
    image: npt.NDArray[np.float32],
    pattern: npt.NDArray[np.float32],
    amplitude: float,
    usable: BoolArray,
    settings: SurfaceSettings,
) -> Structure:
    """Compare the structure of an image with that of the pattern that was subtracted from it.

    Parameters
    ----------
    image
        What is left, shape (ny, nx).
    pattern
        What was subtracted, before it was multiplied by the amplitude, shape (ny, nx).
    amplitude
        By how much it was multiplied.
    usable
        Pixels that are sky in both, shape (ny, nx).
    settings
        Surface, blocks and clip.

    Raises
    ------
    CalprodError
        As in `tasks.combine.surface.fit_surface`.

    Notes
    -----
    The mean over blocks of the product of the two halves is the variance of the structure: the noise of
    pixels is not in it, since no pixel is in both halves. So no noise model is needed, and the noise of the
    fringe frame neither raises the variance nor lowers the correlation.
    """
    left, known = halves_of(image, usable, settings), halves_of(pattern, usable, settings)
    used = left.used & known.used
    after = (left.first[used], left.second[used])
    shape = (known.first[used], known.second[used])
    before = tuple(one + amplitude * other for one, other in zip(after, shape, strict=True))
    variance, of_pattern = before[0] * before[1], shape[0] * shape[1]
    common = float(np.mean(before[0] * shape[1] + before[1] * shape[0])) / 2.0 if used.any() else math.nan
    correlation = math.nan
    if min(_significance(variance), _significance(of_pattern)) > _SIGNIFICANT:
        correlation = common / math.sqrt(float(variance.mean()) * float(of_pattern.mean()))
    return Structure(
        before=_root(variance),
        after=_root(after[0] * after[1]),
        correlation=correlation,
        pixel_noise=left.pixel_noise,
        significance=_significance(variance),
    )


def _significance(products: FloatArray) -> float:
    """Mean over its standard error; NaN where there is none."""
    scatter = float(products.std()) if products.size > 1 else 0.0
    return float(products.mean()) * math.sqrt(products.size) / scatter if scatter > 0 else math.nan


def _root(products: FloatArray) -> float:
    """Square root of the mean's size, with its sign."""
    mean = float(products.mean()) if products.size else math.nan
    return math.copysign(math.sqrt(abs(mean)), mean) if math.isfinite(mean) else math.nan
