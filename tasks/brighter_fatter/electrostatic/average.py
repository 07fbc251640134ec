"""The mean area changes of a detector: what the electrostatic model is fitted to."""

import numpy as np
import numpy.typing as npt

from infra.errors import CalprodError
from tasks.brighter_fatter.electrostatic.model import AverageMatrix
from tasks.flat_pairs.curve.fit_type import FitType
from tasks.flat_pairs.curve.model import PhotonTransferCurve

__all__ = ["average_matrix", "matrices_of"]

type FloatArray = npt.NDArray[np.float64]

_N_SIGMA = 3.0
"""Standard deviations beyond which an amplifier does not count for an element (Rubin cp_pipe)."""

_RELATIVE_ERROR = 0.01
"""Error of the central element, relative to it, that stands in where one amplifier tells none."""


def matrices_of(curve: PhotonTransferCurve) -> dict[str, FloatArray]:
    """Area changes of the amplifiers that have them.

    Parameters
    ----------
    curve
        Fitted to covariances.

    Returns
    -------
    matrices
        1/electron, [serial lag][parallel lag], by amplifier.

    Raises
    ------
    CalprodError
        The curve was not fitted to covariances.
    """
    if curve.fit_type is FitType.EXPONENTIAL:
        raise CalprodError(
            "the photon transfer curve holds no area changes, since only its variances were fitted",
            f"make the ptc with fit_type {FitType.FULL.value}",
        )
    return {
        one.name: one.a_matrix
        for one in curve.amplifiers
        if not one.is_bad and np.isfinite(one.a_matrix).all()
    }


def average_matrix(matrices: list[FloatArray], error: FloatArray | None = None) -> AverageMatrix:
    """Mean of the amplifiers' area changes, element by element.

    Parameters
    ----------
    matrices
        One of each good amplifier (1/electron), all of one shape; at least one.
    error
        Standard errors of a single matrix, for a detector with one good amplifier.

    Returns
    -------
    average
        Without amplifiers that lie more than 3 standard deviations off in an element.

    Notes
    -----
    Rubin cp_pipe. The scatter of amplifiers weights the fit. One amplifier has none: its own error serves, or
    if it has none either, errors in the ratio √32 : 2 : 1 for the centre, the axes and the rest, the centre's
    1 % of its value.
    """
    values = np.stack(matrices)
    if len(values) == 1:
        return AverageMatrix(values[0], _error_of_one(values[0], error), np.ones(values[0].shape, np.int64))
    deviation = np.abs(values - values.mean(axis=0))
    counts = deviation <= _N_SIGMA * values.std(axis=0, ddof=1)
    kept = np.where(counts, values, np.nan)
    return AverageMatrix(np.nanmean(kept, axis=0), np.nanstd(kept, axis=0, ddof=1), counts.sum(axis=0))


def _error_of_one(matrix: FloatArray, error: FloatArray | None) -> FloatArray:
    """Error of the matrix of a single amplifier."""
    if error is not None and np.isfinite(error).all() and (error > 0).all():
        return error
    relative = np.ones(matrix.shape)
    relative[0], relative[:, 0], relative[0, 0] = 2.0, 2.0, np.sqrt(32.0)
    return np.asarray(relative * abs(matrix[0, 0]) * _RELATIVE_ERROR / relative[0, 0])
