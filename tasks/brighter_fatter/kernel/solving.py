"""One kernel out of one source: sum, Poisson's equation, errors, validity."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from tasks.brighter_fatter.kernel.correlations import tiled
from tasks.brighter_fatter.kernel.poisson import solve_poisson
from tasks.brighter_fatter.kernel.settings import KernelSettings, ZeroSum
from tasks.brighter_fatter.kernel.sources import SourceOfKernel
from tasks.brighter_fatter.kernel.tail import tail_sum
from tasks.brighter_fatter.kernel.validity import faults_of

__all__ = ["SolvedKernel", "solve_kernel"]

type FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class SolvedKernel:
    """A kernel and what it was solved from."""

    source: FloatArray
    """1/electron, shape (2 r + 1, 2 r + 1), after its sum was changed."""
    kernel: FloatArray
    """1/electron, same shape."""
    errors: FloatArray
    """Standard errors of the kernel, same shape."""
    faults: tuple[str, ...]
    """What is wrong with it; nothing if it is valid, or was not judged."""
    remarks: tuple[str, ...]
    """What looks odd without being fatal."""


def solve_kernel(
    source: SourceOfKernel, settings: KernelSettings, *, must_be_significant: bool = False
) -> SolvedKernel:
    """Solve a kernel.

    Parameters
    ----------
    source
        Correlations of one quadrant.
    settings
        Sum, tail and checks.
    must_be_significant
        Whether a kernel that does not stand out of the noise is at fault.

    Notes
    -----
    Errors take the correlations of different lags as independent, which those of Gaussian noise are.
    """
    quadrant, remarks = source.values.copy(), []
    side = quadrant.shape[0]
    weights = _shares(source.errors, settings.zero_sum)
    if settings.zero_sum is not ZeroSum.NONE:
        values = tiled(quadrant)
        total = float(values.sum())
        if settings.tail_radius is not None:
            tail = tail_sum(values, settings.tail_radius, settings.tail_slope)
            if tail is None:
                remarks.append("no tail: the correlations at its radius differ in sign")
            total += tail or 0.0
        quadrant -= total * weights
    padded = np.pad(tiled(quadrant), 1)
    kernel = solve_poisson(padded)
    responses, number = _responses(side), _multiplicity(side)
    shared = np.tensordot(weights.ravel(), responses, axes=1)
    responses = responses - number.reshape(-1, 1, 1) * shared
    errors = np.sqrt(np.tensordot(source.errors.ravel() ** 2, responses**2, axes=1))
    faults: tuple[str, ...] = ()
    if settings.check_validity:
        faults = faults_of(kernel, errors, settings, must_be_significant=must_be_significant)
    return SolvedKernel(padded, kernel, errors, faults, tuple(remarks))


def _shares(errors: FloatArray, zero_sum: ZeroSum) -> FloatArray:
    """Part of the sum that each lag of a quadrant gives up; counted with its multiplicity they make 1."""
    side = errors.shape[0]
    shares = np.zeros((side, side))
    if zero_sum is ZeroSum.CENTRE:
        shares[0, 0] = 1.0
    elif zero_sum is ZeroSum.ALL_LAGS:
        known = np.isfinite(errors).all() and (errors > 0).all()
        # Gaussian noise, where the errors are not known: the variance has twice the variance.
        variances = errors**2 if known else 1.0 + (np.arange(side**2).reshape(side, side) == 0)
        number = _multiplicity(side)
        shares = variances * number / np.sum(variances * number**2)
    return shares


def _multiplicity(side: int) -> FloatArray:
    """How often each lag of a quadrant occurs in all four, shape (r, r)."""
    number = np.full((side, side), 4.0)
    number[0], number[:, 0], number[0, 0] = 2.0, 2.0, 1.0
    return number


@cache
def _responses(side: int) -> FloatArray:
    """Kernels of a unit correlation at each lag of a quadrant, shape (r², 2 r + 1, 2 r + 1)."""
    sources = tiled(np.eye(side**2).reshape(-1, side, side))
    return solve_poisson(np.pad(sources, [(0, 0), (1, 1), (1, 1)]))
