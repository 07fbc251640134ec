"""A flat in coarse bins, and the smooth illumination that the amplifiers see through their gains."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numpy.polynomial import chebyshev

from infra.instruments.geometry import Box

__all__ = ["BinnedFlat", "bin_flat", "fit_ratios"]

type FloatArray = npt.NDArray[np.float64]

LOWEST, HIGHEST = 0.8, 1.2
"""Values are kept from this times the 5th to this times the 95th percentile."""


@dataclass(frozen=True, slots=True, eq=False)
class BinnedFlat:
    """Bins of a flat, of all amplifiers, in one row."""

    amplifier: npt.NDArray[np.intp]
    """Place of the amplifier of each bin."""
    x: FloatArray
    """Serial position, from −1 to 1 across the image."""
    y: FloatArray
    """Parallel position, from −1 to 1 across the image."""
    value: FloatArray
    """Mean signal (electron)."""


def bin_flat(
    image: npt.NDArray[np.float32],
    usable: npt.NDArray[np.bool_],
    boxes: Sequence[Box],
    gains: Sequence[float],
    edge: int,
    bin_size: int,
) -> BinnedFlat:
    """Bin a flat amplifier by amplifier.

    Parameters
    ----------
    image
        Flat (adu), assembled, shape (ny, nx).
    usable
        Pixels that take part, shape (ny, nx).
    boxes, gains
        Place and gain (electron/adu) of each amplifier.
    edge
        Border of each amplifier left out (pixels).
    bin_size
        Pixels binned in each direction.

    Returns
    -------
    flat
        Bins with at least half their pixels usable; an amplifier may have none.
    """
    ny, nx = image.shape
    columns: list[tuple[npt.NDArray[np.intp], FloatArray, FloatArray, FloatArray]] = []
    for place, (box, gain) in enumerate(zip(boxes, gains, strict=True)):
        rows, width = ((side - 2 * edge) // bin_size for side in (box.height, box.width))
        if rows < 1 or width < 1:
            continue
        y0, x0 = box.y0 + edge, box.x0 + edge
        inner = np.s_[y0 : y0 + rows * bin_size, x0 : x0 + width * bin_size]
        bins = (rows, bin_size, width, bin_size)
        fits = usable[inner] & np.isfinite(image[inner])
        count = fits.reshape(bins).sum(axis=(1, 3))
        total = np.where(fits, image[inner], 0.0).astype(np.float64).reshape(bins).sum(axis=(1, 3))
        i, j = np.nonzero(2 * count >= bin_size**2)
        y = (y0 + (i + 0.5) * bin_size) / ny * 2.0 - 1.0
        x = (x0 + (j + 0.5) * bin_size) / nx * 2.0 - 1.0
        columns.append((np.full(i.size, place), x, y, gain * total[i, j] / count[i, j]))
    if not columns:
        nothing = np.zeros(0)
        return BinnedFlat(np.zeros(0, np.intp), nothing, nothing, nothing)
    amplifier, x, y, value = (np.concatenate(parts) for parts in zip(*columns, strict=True))
    if value.size == 0:
        return BinnedFlat(amplifier, x, y, value)
    low, high = np.percentile(value, [5, 95])
    kept = (value >= LOWEST * low) & (value <= HIGHEST * high)
    return BinnedFlat(amplifier[kept], x[kept], y[kept], value[kept])


def fit_ratios(
    flat: BinnedFlat,
    fixed: int,
    shaping: npt.NDArray[np.bool_],
    order: int,
    n_iterations: int,
    n_sigma: float,
) -> FloatArray:
    """Fit illumination and ratios in turns.

    Parameters
    ----------
    flat
        Bins.
    fixed
        Place of the amplifier whose ratio is 1.
    shaping
        Amplifiers that may shape the illumination, shape (amplifiers,).
    order
        Of the Chebyshev polynomial, in each direction: all products of the two.
    n_iterations
        Rounds.
    n_sigma
        An amplifier whose ratio lies further than this from the median, in units of the scatter (MAD), does
        not shape the illumination in the next round.

    Returns
    -------
    ratios
        Shape (amplifiers,), NaN for one without bins, all NaN if the reference has none.

    Notes
    -----
    cp_pipe begins with ratios of 1. Where neighbouring ratios resemble a slope of the illumination, ten
    rounds do not get far from there: errors of half a percent remain. We begin with both fitted at once to
    the logarithm, where they are linear, and polish from there.
    """
    n = shaping.size
    basis = np.asarray(chebyshev.chebvander2d(flat.x, flat.y, (order, order)), np.float64)
    has_bins = np.bincount(flat.amplifier, minlength=n) > 0
    if not has_bins[fixed]:
        return np.full(n, np.nan)
    ratios, near = _joint_start(flat, basis, fixed, shaping & has_bins), shaping.copy()
    for _ in range(n_iterations):
        used = near[flat.amplifier]
        if not used.any():
            return np.full(n, np.nan)
        coefficients, *_ = np.linalg.lstsq(
            basis[used], (flat.value / ratios[flat.amplifier])[used], rcond=None
        )
        relative = flat.value / (basis @ coefficients)
        ratios = np.array(
            [np.median(relative[flat.amplifier == i]) if has_bins[i] else np.nan for i in range(n)]
        )
        ratios /= ratios[fixed]
        middle = np.nanmedian(ratios)
        scatter = 1.4826 * np.nanmedian(np.abs(ratios - middle))
        # A hair of tolerance: amplifiers that agree to rounding are not outliers of each other.
        near = shaping & (np.abs(ratios - middle) <= n_sigma * scatter + 1e-6)
    return ratios


def _joint_start(
    flat: BinnedFlat, basis: FloatArray, fixed: int, shaping: npt.NDArray[np.bool_]
) -> FloatArray:
    """First guess of the ratios: with the illumination, in one linear fit of the logarithm of the signal."""
    ratios = np.ones(shaping.size)
    free = np.flatnonzero(shaping & (np.arange(shaping.size) != fixed))
    used = (shaping[flat.amplifier] | (flat.amplifier == fixed)) & (flat.value > 0)
    columns = flat.amplifier[used, None] == free
    # Normal equations: a detector has some 200 000 bins, and the columns are of like size.
    design = np.concatenate([basis[used], columns], axis=1)
    solution, *_ = np.linalg.lstsq(design.T @ design, design.T @ np.log(flat.value[used]), rcond=None)
    ratios[free] = np.exp(solution[basis.shape[1] :])
    return ratios
