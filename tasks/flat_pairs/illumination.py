"""The smooth illumination of a flat, and the gains through which the amplifiers see it."""

import numpy as np
import numpy.typing as npt
from numpy.polynomial import chebyshev

from infra.errors import CalprodError
from tasks.flat_pairs.binned_flat import BinnedFlat
from tasks.flat_pairs.radial_profile import divide_by_profile, profile_basis, profile_nodes

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
    radial_nodes: int = 0,
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
    radial_nodes
        Nodes of a radial profile that the polynomial is multiplied by; 0 for none.

    Returns
    -------
    ratios
        Shape (amplifiers,), NaN for one without bins, all NaN if the reference has none.

    Raises
    ------
    CalprodError
        A radial profile is asked for, and the bins do not know where they stand.

    Notes
    -----
    cp_pipe begins with ratios of 1. Where neighbouring ratios resemble a slope of the illumination, ten
    rounds do not get far from there: errors of half a percent remain. We begin with both fitted at once to
    the logarithm, where they are linear, and polish from there. Bins in the shadow of dust, which are far
    from any smooth field, are left out: a few percent deep, they bent it by as much.

    cp_pipe divides a radial profile out before there are any ratios, fitted to the least absolute deviation;
    it takes up whatever of the ratios goes with the radius. Fitted together with them it does not: a spline
    has no steps, and these have.
    """
    n = shaping.size
    basis = np.asarray(chebyshev.chebvander2d(flat.x, flat.y, (order, order)), np.float64)
    has_bins = np.bincount(flat.amplifier, minlength=n) > 0
    if not has_bins[fixed]:
        return np.full(n, np.nan)
    radius, nodes, columns = None, None, basis
    if radial_nodes:
        if (radius := flat.radius) is None:
            raise CalprodError("bins without radius have no radial profile", "set radial_nodes to 0")
        nodes = profile_nodes(radius, radial_nodes)
        columns = np.concatenate([basis, profile_basis(radius, nodes)], axis=1)
    ratios, sound, light = _joint_start(flat, columns, fixed, shaping & has_bins)
    value = flat.value
    if radius is not None and nodes is not None:
        value = divide_by_profile(value, radius, nodes, light[basis.shape[1] :])
    near = shaping.copy()
    for _ in range(n_iterations):
        used = near[flat.amplifier] & sound
        if not used.any():
            return np.full(n, np.nan)
        coefficients, *_ = np.linalg.lstsq(basis[used], (value / ratios[flat.amplifier])[used], rcond=None)
        relative = value / (basis @ coefficients)
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
) -> tuple[FloatArray, npt.NDArray[np.bool_], FloatArray]:
    """First guess of the ratios, the bins that follow it, and the coefficients of the light's logarithm.

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
    return ratios, used | ~lit, solution[: basis.shape[1]]
