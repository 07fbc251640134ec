"""A smooth surface fitted to the blocks of an image, alone or with the amplitude of a known pattern on it."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numpy.polynomial.chebyshev import chebvander
from scipy.ndimage import binary_dilation

from infra.errors import CalprodError
from tasks.combine.clipping import clipped_variance_factor

__all__ = ["Blocks", "SurfaceFit", "SurfaceSettings", "blocks_of", "fit_surface"]

type FloatArray = npt.NDArray[np.float64]
type BoolArray = npt.NDArray[np.bool_]

_CHUNK = 1 << 16
"""Blocks whose design matrix is in memory at a time."""
_FAR = 5.0
"""Residual from which the neighbours of a block are left out with it (standard deviations)."""


@dataclass(frozen=True, slots=True)
class SurfaceSettings:
    """How a surface is fitted."""

    order: int = 6
    """Highest degree of the Chebyshev polynomials in x and y together."""
    side: int = 8
    """Side of a block (pixel)."""
    n_sigma: float = 3.0
    """Blocks beyond this many standard deviations are left out."""
    n_iterations: int = 5
    """Passes of the clip."""
    fewest: float = 0.25
    """Fraction of the pixels of a block that must be usable."""

    @property
    def n_terms(self) -> int:
        """Number of polynomials."""
        return (self.order + 1) * (self.order + 2) // 2


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """Means over the usable pixels of the blocks of an image; what is left over at the far edges is out."""

    mean: FloatArray
    """Shape (rows, columns); 0 where no pixel is usable."""
    count: FloatArray
    """Number of usable pixels, same shape."""
    side: int
    """pixel"""


@dataclass(frozen=True, slots=True, eq=False)
class SurfaceFit:
    """The surface, and the pattern's amplitude where one was fitted with it."""

    coefficients: FloatArray
    """Of T_i(y) T_j(x), shape (order + 1, order + 1), on -1 to 1 over the image; 0 above the order."""
    amplitude: float
    """Of the pattern; NaN without one."""
    amplitude_error: float
    """Its standard error, from the scatter of the residuals."""
    scatter: float
    """Standard deviation of the residuals of the used blocks, scaled to one pixel if pixels were
    independent."""
    information: float
    """Sum of the squares of what of the pattern no surface can take up, over used pixels."""
    used: BoolArray
    """Blocks that took part in the last pass, shape (rows, columns)."""
    residual: FloatArray
    """Blocks less surface and pattern, shape (rows, columns)."""

    def surface(self, shape: tuple[int, int]) -> npt.NDArray[np.float32]:
        """Return the surface over an image of ``shape`` (ny, nx) without the pattern."""
        order = self.coefficients.shape[0] - 1
        along_y, along_x = (chebvander(_coordinates(size, size, 1), order) for size in shape)
        return np.asarray((along_y @ self.coefficients) @ along_x.T, np.float32)


def blocks_of(image: npt.NDArray[np.floating], usable: BoolArray, side: int) -> Blocks:
    """Average the usable pixels of blocks of ``side`` times ``side`` pixels.

    Parameters
    ----------
    image
        Shape (ny, nx).
    usable
        Pixels to average, shape (ny, nx); the others may hold anything.
    side
        Side of a block (pixel).
    """
    rows, columns = image.shape[0] // side, image.shape[1] // side
    inside = (slice(0, rows * side), slice(0, columns * side))
    kept = np.where(usable[inside], image[inside], np.float32(0.0))
    # Sums along x first and in float64: blocks of a bright sky keep their digits.
    total = kept.reshape(rows, side, columns, side).sum(axis=(1, 3), dtype=np.float64)
    count = usable[inside].reshape(rows, side, columns, side).sum(axis=(1, 3)).astype(np.float64)
    return Blocks(total / np.maximum(count, 1.0), count, side)


def fit_surface(
    blocks: Blocks,
    shape: tuple[int, int],
    settings: SurfaceSettings,
    pattern: Blocks | None = None,
    chosen: BoolArray | None = None,
) -> SurfaceFit:
    """Fit Chebyshev polynomials, and the amplitude of a pattern, to blocks by clipped least squares.

    Parameters
    ----------
    blocks
        Blocks of the image.
    shape
        Shape (ny, nx) of the image.
    settings
        Order, clip.
    pattern
        Blocks of a pattern, averaged over the same pixels; None fits the surface alone.
    chosen
        Blocks that may take part, shape (rows, columns); None for all.

    Raises
    ------
    CalprodError
        Fewer usable blocks than twice the unknowns, or the pattern is a surface itself.

    Notes
    -----
    Minimises Σ n (d − Σ c_ij T_i T_j − A f)² over blocks with n usable pixels, mean d and pattern f; blocks
    beyond the clip, whose first width is that of the median absolute deviation, are left out and the fit is
    repeated. The error of A is σ / √I with the scatter σ of the residuals, corrected for the clip, and the
    information I.
    """
    usable = blocks.count >= settings.fewest * blocks.side**2
    if chosen is not None:
        usable &= chosen
    n_unknowns = settings.n_terms + (pattern is not None)
    used, residual = usable, np.zeros(usable.shape)
    solution, inverse, scatter = np.zeros(n_unknowns), np.zeros((n_unknowns, n_unknowns)), math.nan
    for iteration in range(settings.n_iterations):
        if np.count_nonzero(used) < 2 * n_unknowns:
            raise CalprodError(
                f"{np.count_nonzero(used)} usable blocks of {blocks.side} x {blocks.side} pixels for a "
                f"surface of order {settings.order}",
                "too much of the image is masked, or it is too small: use smaller blocks or a lower order",
            )
        solution, inverse = _solve(blocks, pattern, shape, used, settings)
        residual = blocks.mean - _model(solution, blocks, pattern, shape, settings)
        pulls = residual * np.sqrt(blocks.count)
        scatter = _scatter(pulls[used], n_unknowns, first=iteration == 0, n_sigma=settings.n_sigma)
        kept = _kept(pulls, usable, scatter, settings.n_sigma)
        if np.array_equal(kept, used):
            break
        used = kept
    amplitude, information = (solution[-1], 1.0 / inverse[-1, -1]) if pattern else (math.nan, math.nan)
    return SurfaceFit(
        coefficients=_as_matrix(solution, settings.order),
        amplitude=float(amplitude),
        amplitude_error=scatter / math.sqrt(information) if pattern else math.nan,
        scatter=scatter,
        information=float(information),
        used=used,
        residual=residual,
    )


def _coordinates(size: int, n_pixels: int, side: int) -> FloatArray:
    """Centres of ``size`` blocks, from -1 to 1 over the image."""
    return np.asarray((2.0 * np.arange(size) + 1.0) * side / n_pixels - 1.0)


def _terms(order: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Degrees in y and x of every polynomial."""
    pairs = np.array([(i, j) for i in range(order + 1) for j in range(order + 1 - i)])
    return pairs[:, 0], pairs[:, 1]


def _as_matrix(solution: FloatArray, order: int) -> FloatArray:
    matrix = np.zeros((order + 1, order + 1))
    in_y, in_x = _terms(order)
    matrix[in_y, in_x] = solution[: in_y.size]
    return matrix


def _solve(
    blocks: Blocks, pattern: Blocks | None, shape: tuple[int, int], used: BoolArray, settings: SurfaceSettings
) -> tuple[FloatArray, FloatArray]:
    """Solution of the normal equations, and the inverse of their matrix."""
    n_unknowns = settings.n_terms + (pattern is not None)
    matrix, right = np.zeros((n_unknowns, n_unknowns)), np.zeros(n_unknowns)
    rows, columns = used.shape
    along_y = chebvander(_coordinates(rows, shape[0], blocks.side), settings.order)
    along_x = chebvander(_coordinates(columns, shape[1], blocks.side), settings.order)
    in_y, in_x = _terms(settings.order)
    where = np.nonzero(used)
    for start in range(0, where[0].size, _CHUNK):
        y, x = (index[start : start + _CHUNK] for index in where)
        weight = np.sqrt(blocks.count[y, x])[:, np.newaxis]
        design = along_y[y][:, in_y] * along_x[x][:, in_x]
        if pattern is not None:
            design = np.column_stack((design, pattern.mean[y, x]))
        design *= weight
        matrix += design.T @ design
        right += design.T @ (blocks.mean[y, x] * weight[:, 0])
    scale = np.sqrt(np.diag(matrix))
    # A column of its own scale, such as a pattern in per cent, does not spoil the condition.
    scaled = matrix / np.outer(scale, scale) if (scale > 0).all() else np.zeros_like(matrix)
    if not np.linalg.cond(scaled) < 1e10:
        raise CalprodError(
            "the pattern cannot be told from a smooth surface",
            "the pattern is empty or smooth, or most of the image is masked",
        )
    inverse = np.linalg.inv(scaled) / np.outer(scale, scale)
    return inverse @ right, inverse


def _model(
    solution: FloatArray,
    blocks: Blocks,
    pattern: Blocks | None,
    shape: tuple[int, int],
    settings: SurfaceSettings,
) -> FloatArray:
    """Surface and pattern at the blocks."""
    rows, columns = blocks.mean.shape
    along_y = chebvander(_coordinates(rows, shape[0], blocks.side), settings.order)
    along_x = chebvander(_coordinates(columns, shape[1], blocks.side), settings.order)
    model = along_y @ _as_matrix(solution, settings.order) @ along_x.T
    return np.asarray(model if pattern is None else model + solution[-1] * pattern.mean)


def _scatter(pulls: FloatArray, n_unknowns: int, *, first: bool, n_sigma: float) -> float:
    """Return the standard deviation of the residuals; before the first clip a robust one."""
    if first:
        return float(1.4826 * np.median(np.abs(pulls)))
    variance = float(pulls @ pulls) / (pulls.size - n_unknowns)
    return math.sqrt(variance * clipped_variance_factor(n_sigma))


def _kept(pulls: FloatArray, usable: BoolArray, scatter: float, n_sigma: float) -> BoolArray:
    """Blocks within the clip; what is far out takes its neighbours along, as stars have wings."""
    height = np.abs(pulls)
    far = usable & (height > _FAR * scatter)
    return np.asarray(usable & (height <= n_sigma * scatter) & ~binary_dilation(far))
