"""One kernel out of one source: sum, Poisson's equation, errors, validity."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from tasks.brighter_fatter.kernel.correlations import tiled
from tasks.brighter_fatter.kernel.poisson import solve_poisson
from tasks.brighter_fatter.kernel.settings import KernelSettings
from tasks.brighter_fatter.kernel.sources import SourceOfKernel
from tasks.brighter_fatter.kernel.tail import tail_sum
from tasks.brighter_fatter.kernel.validity import faults_of

__all__ = ["SolvedKernel", "solve_kernel"]

type FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class SolvedKernel:
    """A kernel and what it was solved from."""

    source: FloatArray
    """1/electron, shape (2 r + 1, 2 r + 1), after the central value was changed."""
    kernel: FloatArray
    """1/electron, same shape."""
    errors: FloatArray
    """Standard errors of the kernel, same shape."""
    faults: tuple[str, ...]
    """What is wrong with it; nothing if it is valid, or was not judged."""
    remarks: tuple[str, ...]
    """What looks odd without being fatal."""


def solve_kernel(source: SourceOfKernel, settings: KernelSettings) -> SolvedKernel:
    """Solve a kernel.

    Parameters
    ----------
    source
        Correlations of one quadrant.
    settings
        Sum, tail and checks.

    Notes
    -----
    Errors take the correlations of different lags as independent, which those of Gaussian noise are.
    """
    values, remarks = tiled(source.values), []
    if settings.force_zero_sum:
        total = float(values.sum())
        if settings.tail_radius is not None:
            tail = tail_sum(values, settings.tail_radius, settings.tail_slope)
            if tail is None:
                remarks.append("no tail: the correlations at its radius differ in sign")
            total += tail or 0.0
        centre = values.shape[0] // 2
        values[centre, centre] -= total
    padded = np.pad(values, 1)
    kernel = solve_poisson(padded)
    responses = _responses(source.values.shape[0], settings.force_zero_sum)
    errors = np.sqrt(np.tensordot(source.errors.ravel() ** 2, responses**2, axes=1))
    faults = faults_of(kernel, errors, settings) if settings.check_validity else ()
    return SolvedKernel(padded, kernel, errors, faults, tuple(remarks))


@cache
def _responses(side: int, zero_sum: bool) -> FloatArray:
    """Kernels of a unit correlation at each lag of a quadrant, shape (r², 2 r + 1, 2 r + 1)."""
    sources = np.pad(tiled(np.eye(side**2).reshape(-1, side, side)), [(0, 0), (1, 1), (1, 1)])
    if zero_sum:
        sources[:, side, side] -= sources.sum(axis=(1, 2))
    return solve_poisson(sources)
