"""Whether a kernel looks like one."""

import numpy as np
import numpy.typing as npt

from infra.errors import CalprodError
from tasks.brighter_fatter.kernel.settings import KernelSettings

__all__ = ["SMALLEST", "faults_of"]

type FloatArray = npt.NDArray[np.float64]

SMALLEST = 7
"""Side of the smallest kernel that can be judged."""

_N_ERRORS = 4.0
"""Standard errors granted to each value: of 64 at the edge, one exceeds them in 250 kernels."""

_SIGNIFICANT = 3.0
"""Standard errors by which the centre must lie below zero."""


def faults_of(
    kernel: FloatArray, errors: FloatArray, settings: KernelSettings, *, must_be_significant: bool = False
) -> tuple[str, ...]:
    """Say what is wrong with a kernel; nothing, if it is valid.

    Parameters
    ----------
    kernel
        1/electron, shape (n, n), lag zero in the middle.
    errors
        Standard errors of its values, same shape; NaN where they are not known.
    settings
        Tolerances.
    must_be_significant
        Whether a centre that photon noise may have made is a fault.

    Raises
    ------
    CalprodError
        The kernel has fewer than 7 rows.

    Notes
    -----
    The three checks are those of Rubin's cp_pipe: the outermost values are close to zero, the centre is the
    lowest, and nothing rises far above zero. Its first hands an absolute number to ``numpy.isclose`` as the
    relative tolerance about zero, so that 1e-8 decides, whatever the kernel's scale. Here all tolerances are
    in units of the centre's \\|K₀₀\\|, with four standard errors on top, so that few photons do not make a
    kernel invalid.
    """
    n = kernel.shape[0]
    if n < SMALLEST:
        raise CalprodError(
            f"a kernel of {n} x {n} pixels is too small to be judged",
            f"measure {(SMALLEST - 1) // 2} lags or more, or set check_validity to false",
        )
    if not np.isfinite(kernel).all():
        return ("the kernel is not finite",)
    centre, middle = float(kernel[n // 2, n // 2]), n // 2
    granted = _N_ERRORS * np.where(np.isfinite(errors), errors, 0.0)
    faults = []
    share = granted[middle, middle]
    if must_be_significant and not centre < -_SIGNIFICANT / _N_ERRORS * share:
        faults.append(f"the centre of {centre:.3g} is not significantly below zero")
    elif not centre < share:
        faults.append(f"the centre of {centre:.3g} is not below zero")
    edge = np.ones(kernel.shape, bool)
    edge[1:-1, 1:-1] = False
    beyond = np.where(edge, np.abs(kernel) - granted, 0.0).max()
    if beyond > settings.edge_tolerance * abs(centre):
        faults.append(f"at the edge it is {beyond / abs(centre) if centre else np.inf:.3g} of the centre")
    lowest = kernel + np.hypot(granted, share)
    lowest[middle, middle] = centre
    if lowest.min() < centre:
        x, y = np.unravel_index(int(lowest.argmin()), kernel.shape)
        faults.append(f"the lowest value is at lag ({x - middle}, {y - middle}) and not in the centre")
    above = (kernel - granted).max()
    if above > settings.maximum_tolerance * abs(centre):
        faults.append(f"it rises to {above / abs(centre) if centre else np.inf:.3g} of the centre's size")
    return tuple(faults)
