"""The smooth illumination of a flat, and the gains through which the amplifiers see it."""

import numpy as np
import numpy.typing as npt
from numpy.polynomial import chebyshev

from tasks.flat_pairs.binned_flat import BinnedFlat

__all__ = ["fit_ratios"]

type FloatArray = npt.NDArray[np.float64]

CLIP = 4.0
"""Bins further than this from the field, in units of the scatter (MAD), do not shape it."""

JOINT_ROUNDS = 5
"""Rounds of the joint fit and the rejection of bins."""


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
    the logarithm, where they are linear, and polish from there. Bins in the shadow of dust, which are far
    from any smooth field, are left out: a few percent deep, they bent it by as much.
    """
    n = shaping.size
    basis = np.asarray(chebyshev.chebvander2d(flat.x, flat.y, (order, order)), np.float64)
    has_bins = np.bincount(flat.amplifier, minlength=n) > 0
    if not has_bins[fixed]:
        return np.full(n, np.nan)
    ratios, sound = _joint_start(flat, basis, fixed, shaping & has_bins)
    near = shaping.copy()
    for _ in range(n_iterations):
        used = near[flat.amplifier] & sound
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
) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """First guess of the ratios, and the bins that follow it.

    Illumination and ratios are fitted together, in one linear fit of the logarithm of the signal.
    """
    ratios = np.ones(shaping.size)
    free = np.flatnonzero(shaping & (np.arange(shaping.size) != fixed))
    lit = (shaping[flat.amplifier] | (flat.amplifier == fixed)) & (flat.value > 0)
    design = np.concatenate([basis, flat.amplifier[:, None] == free], axis=1)
    signal = np.log(np.where(lit, flat.value, 1.0))
    used = lit
    for _ in range(JOINT_ROUNDS):
        # Normal equations: a detector has some 200 000 bins, and the columns are of like size.
        rows = design[used]
        solution, *_ = np.linalg.lstsq(rows.T @ rows, rows.T @ signal[used], rcond=None)
        residual = signal - design @ solution
        middle = np.median(residual[used])
        scatter = 1.4826 * np.median(np.abs(residual[used] - middle))
        near = lit & (np.abs(residual - middle) <= CLIP * scatter + 1e-6)
        if (near == used).all() or not near.any():
            break
        used = near
    ratios[free] = np.exp(solution[basis.shape[1] :])
    return ratios, used | ~lit
