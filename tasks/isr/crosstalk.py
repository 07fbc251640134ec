"""Crosstalk: what the amplifiers read at the same moment add to each other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from infra.errors import CalprodError
from infra.instruments.layout import AmplifierLayout
from tasks.isr.workspace import Workspace

__all__ = ["LATISS_MASKING", "SOURCE_MASKING", "CrosstalkMasking", "subtract_crosstalk"]

_ROWS = 64
"""Rows that are worked on at a time."""


@dataclass(frozen=True, slots=True)
class CrosstalkMasking:
    """Which pixels are flagged as having carried crosstalk."""

    by: Literal["source", "subtrahend"]
    """Pixels of which a source, or of which what was subtracted less its median, reaches the threshold."""
    threshold: float
    """In the unit of the image."""


SOURCE_MASKING = CrosstalkMasking("source", 45_000.0)
"""Rubin's default."""

LATISS_MASKING = CrosstalkMasking("subtrahend", 1.0)
"""Rubin's setting for LATISS."""


def subtract_crosstalk(
    segments: Mapping[str, npt.NDArray[np.float32]],
    amplifiers: Sequence[AmplifierLayout],
    linear: npt.NDArray[np.float64],
    quadratic: npt.NDArray[np.float64] | None = None,
    *,
    masking: CrosstalkMasking | None = None,
    bad_amplifiers: Sequence[str] = (),
    workspace: Workspace | None = None,
) -> dict[str, npt.NDArray[np.bool_]]:
    """Subtract the crosstalk from all amplifiers of a detector, in place.

    Parameters
    ----------
    segments
        All pixels of each amplifier by name, overscan included, in assembled orientation, shape (ny, nx), the
        same for all; changed.
    amplifiers
        In the order of the matrix; their flips tell which pixels are read at the same moment.
    linear, quadratic
        Coefficients [source, target], the quadratic ones in 1 over the unit of the image. What is not finite,
        and the diagonal, counts as 0.
    masking
        Which pixels to report; None for none.
    bad_amplifiers
        These neither give nor take.
    workspace
        Memory to work in, in which the marks lie too.

    Returns
    -------
    marked
        True for pixels to be flagged CROSSTALK, by amplifier, in the shape of its segment; empty without
        ``masking``.

    Raises
    ------
    CalprodError
        The segments differ in shape, or the matrix does not fit the amplifiers.

    Notes
    -----
    Rubin ip_isr: I_t −= Σ_s (c_st I_s + q_st I_s²) over the pixels read at the same moment. The sources are
    the pixels before correction; with coefficients below 1e-3 this is right to 1e-6 of the signal. A pixel
    that is not finite adds nothing to others. The SAT of a source is not handed on.
    """
    matrices = [_usable(linear, amplifiers, bad_amplifiers)]
    if quadratic is not None and np.any(np.nan_to_num(quadratic)):
        matrices.append(_usable(quadratic, amplifiers, bad_amplifiers))
    views = [_as_read(segments[one.name], one) for one in amplifiers]
    if len({view.shape for view in views}) != 1:
        shapes = ", ".join(f"{one.name} {view.shape}" for one, view in zip(amplifiers, views, strict=True))
        raise CalprodError(f"crosstalk needs amplifiers of one shape, not {shapes}")
    subtrahend = np.empty((len(views), *views[0].shape), np.float32)
    marked = np.zeros(subtrahend.shape if masking else (len(views), 0, 0), np.bool_)
    takes = sum(matrix != 0 for matrix in matrices).T.astype(np.float32)
    for start in range(0, views[0].shape[0], _ROWS):
        rows = slice(start, start + _ROWS)
        sources = np.stack([view[rows] for view in views])
        sources[~np.isfinite(sources)] = 0.0
        shape = sources.shape
        sources = sources.reshape(len(views), -1)
        part = matrices[0].T @ sources
        if len(matrices) > 1:
            part += matrices[1].T @ sources**2
        subtrahend[:, rows] = part.reshape(shape)
        if masking and masking.by == "source":
            bright = (sources >= masking.threshold).astype(np.float32)
            marked[:, rows] = (takes @ bright > 0).reshape(shape)
    for index, view in enumerate(views):
        if masking and masking.by == "subtrahend":
            change = subtrahend[index] - np.median(subtrahend[index])
            marked[index] = np.abs(change) >= masking.threshold
        view -= subtrahend[index]
    if not masking:
        return {}
    return {one.name: _as_read(marked[index], one) for index, one in enumerate(amplifiers)}


def _usable(
    matrix: npt.NDArray[np.float64], amplifiers: Sequence[AmplifierLayout], bad: Sequence[str]
) -> npt.NDArray[np.float32]:
    """Coefficients without those that cannot be applied."""
    n = len(amplifiers)
    if matrix.shape != (n, n):
        raise CalprodError(
            f"a crosstalk matrix of shape {matrix.shape} for {n} amplifiers",
            "take the matrix of this detector",
        )
    sound = np.array([one.name not in bad for one in amplifiers])
    usable = np.isfinite(matrix) & sound[:, None] & sound & ~np.eye(n, dtype=np.bool_)
    return np.where(usable, matrix, 0.0).astype(np.float32)


def _as_read[T: np.generic](segment: npt.NDArray[T], amplifier: AmplifierLayout) -> npt.NDArray[T]:
    """View of a segment from assembled orientation into the order of readout, or back."""
    return segment[:: -1 if amplifier.flip_y else 1, :: -1 if amplifier.flip_x else 1]
