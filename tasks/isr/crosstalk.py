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

_ROWS = 16
"""Rows that are worked on at a time."""

_PIXELS = 1024
"""Pixels of each amplifier in one product of matrices: so few that the library does not share the work among
threads, which wait for each other when the machine is busy."""

_SAMPLED = 128
"""Rows, at least, from which the median of what is subtracted is taken."""


@dataclass(frozen=True, slots=True)
class CrosstalkMasking:
    """Which pixels are flagged as having carried crosstalk."""

    by: Literal["source", "subtrahend"]
    """Pixels of which a source, or of which what was subtracted less its median, reaches the threshold. The
    median is taken from rows spread over the amplifier, 128 or more."""
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
    memory = workspace or Workspace()
    n, (ny, nx) = len(views), views[0].shape
    blocks = _Blocks(views, matrices, memory)
    if masking is None:
        for start in range(0, ny, _ROWS):
            blocks.subtract(start, blocks.subtrahend(slice(start, min(start + _ROWS, ny))))
        return {}
    marked = memory.array("crosstalk marks", (n, ny, nx), np.bool_)
    centres = blocks.medians() if masking.by == "subtrahend" else None
    takes = sum(matrix != 0 for matrix in matrices).T.astype(np.float32)
    for start in range(0, ny, _ROWS):
        rows = slice(start, min(start + _ROWS, ny))
        part = blocks.subtrahend(rows)
        if centres is None:
            bright = (blocks.sources >= masking.threshold).astype(np.float32)
            marked[:, rows] = (takes @ bright > 0).reshape(n, -1, nx)
        else:
            np.greater_equal(
                np.abs(part - centres).reshape(n, -1, nx), masking.threshold, out=marked[:, rows]
            )
        blocks.subtract(start, part)
    return {one.name: _as_read(marked[index], one) for index, one in enumerate(amplifiers)}


class _Blocks:
    """Rows of all amplifiers that are read at the same moment, a few at a time, in the processor's cache."""

    def __init__(
        self,
        views: Sequence[npt.NDArray[np.float32]],
        matrices: Sequence[npt.NDArray[np.float32]],
        workspace: Workspace,
    ) -> None:
        self._views = views
        self._matrices = [np.ascontiguousarray(matrix.T) for matrix in matrices]
        n, nx = len(views), views[0].shape[1]
        self._memory = tuple(
            workspace.array(f"crosstalk {name}", (n * _ROWS * nx,), np.float32) for name in ("in", "out")
        )
        self.sources = self._memory[0].reshape(n, -1)
        """The sources of the latest rows, shape (amplifiers, pixels); 0 where not finite."""

    def subtrahend(self, rows: slice) -> npt.NDArray[np.float32]:
        """Return what is to be subtracted from some rows, shape (amplifiers, pixels)."""
        n, shape = len(self._views), self._views[0][rows].shape
        sources, part = (one[: n * shape[0] * shape[1]].reshape(n, -1) for one in self._memory)
        for target, view in zip(sources.reshape(n, *shape), self._views, strict=True):
            target[...] = view[rows]
        _mix(self._matrices[0], sources, part)
        # One NaN or infinity among the sources of a pixel makes all its sums NaN, also those with weight 0.
        if not np.isfinite(part[0].sum(dtype=np.float64)):
            sources[~np.isfinite(sources)] = 0.0
            _mix(self._matrices[0], sources, part)
        for matrix in self._matrices[1:]:
            part += matrix @ np.square(sources)
        self.sources = sources
        return part

    def subtract(self, start: int, part: npt.NDArray[np.float32]) -> None:
        """Subtract from the rows that begin at ``start``."""
        nx = self._views[0].shape[1]
        for view, one in zip(self._views, part.reshape(len(self._views), -1, nx), strict=True):
            view[start : start + one.shape[0]] -= one

    def medians(self) -> npt.NDArray[np.float32]:
        """Return the median of what is to be subtracted from each amplifier, shape (amplifiers, 1)."""
        ny = self._views[0].shape[0]
        step = max(1, ny // _SAMPLED)
        sampled = [self.subtrahend(slice(row, row + 1)).copy() for row in range(step // 2, ny, step)]
        return np.median(np.concatenate(sampled, axis=1), axis=1, keepdims=True).astype(np.float32)


def _mix(
    matrix: npt.NDArray[np.float32], sources: npt.NDArray[np.float32], sums: npt.NDArray[np.float32]
) -> None:
    """Write ``matrix @ sources`` into ``sums``."""
    with np.errstate(invalid="ignore"):
        for start in range(0, sources.shape[1], _PIXELS):
            pixels = slice(start, start + _PIXELS)
            np.matmul(matrix, sources[:, pixels], out=sums[:, pixels])


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
