"""The kernel of a detector out of those of its amplifiers, and amplifiers whose kernel is another."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from tasks.brighter_fatter.kernel.model import AmplifierKernel
from tasks.brighter_fatter.kernel.settings import KernelSettings
from tasks.brighter_fatter.kernel.validity import faults_of
from tasks.combine.clipping import clipped_mean

__all__ = ["AveragedKernels", "average_kernels", "mean_kernel"]

type FloatArray = npt.NDArray[np.float64]

_N_ERRORS = 4.0
"""Standard errors by which the centre of an amplifier's kernel may differ from the detector's."""

_FARTHEST = 0.5
"""Fraction by which it may differ in any case: amplifiers of one sensor differ by some percent."""

_FEWEST = 3
"""Amplifiers below which none can be told to be another."""


@dataclass(frozen=True, slots=True, eq=False)
class AveragedKernels:
    """Kernels of amplifiers, and their mean."""

    amplifiers: tuple[AmplifierKernel, ...]
    """As they were, but that those whose kernel is another are not valid."""
    kernel: FloatArray
    """Mean of the valid ones (1/electron); zeros where there is none."""
    faults: tuple[str, ...]
    """What is wrong with the mean; nothing if it is valid, or was not judged."""


def mean_kernel(
    kernels: Sequence[FloatArray], side: int, settings: KernelSettings | None = None
) -> FloatArray:
    """Clipped mean of kernels, value by value; zeros of that side where there are none."""
    settings = settings or KernelSettings()
    if not kernels:
        return np.zeros((side, side))
    return np.asarray(
        np.apply_along_axis(
            lambda column: clipped_mean(column, settings.n_sigma, settings.n_iterations).mean,
            0,
            np.array(kernels),
        )
    )


def average_kernels(
    amplifiers: Sequence[AmplifierKernel], side: int, settings: KernelSettings
) -> AveragedKernels:
    """Average the valid kernels of the amplifiers of a detector.

    Parameters
    ----------
    amplifiers
        All of the detector.
    side
        Of the kernels.
    settings
        Which amplifiers are ignored, and how the mean is judged.

    Notes
    -----
    One amplifier of few pixels may show no significant kernel, while sixteen do. Were only significant ones
    averaged, the mean would be too large; so an amplifier is not asked to be significant, but not to
    contradict the others.
    """
    checked = tuple(amplifiers)
    if settings.check_validity:
        checked = _without_strangers(checked)
    used = [one for one in checked if one.is_valid and one.name not in settings.ignored_amplifiers]
    kernel = mean_kernel([one.kernel for one in used], side, settings)
    if not used:
        return AveragedKernels(checked, kernel, ("no amplifier has a valid kernel",))
    errors = np.sqrt(np.sum([one.errors**2 for one in used], axis=0)) / len(used)
    faults = faults_of(kernel, errors, settings, must_be_significant=True) if settings.check_validity else ()
    return AveragedKernels(checked, kernel, faults)


def _without_strangers(amplifiers: tuple[AmplifierKernel, ...]) -> tuple[AmplifierKernel, ...]:
    """Invalidate kernels whose centre is far from the median of all."""
    n = amplifiers[0].kernel.shape[0] // 2
    valid = [one for one in amplifiers if one.is_valid]
    if len(valid) < _FEWEST:
        return amplifiers
    middle = float(np.median([one.kernel[n, n] for one in valid]))
    checked = []
    for one in amplifiers:
        distance, error = abs(one.kernel[n, n] - middle), np.nan_to_num(one.errors[n, n])
        if one.is_valid and distance > max(_N_ERRORS * error, _FARTHEST * abs(middle)):
            reason = f"the centre of {one.kernel[n, n]:.3g} is not that of the others, {middle:.3g}"
            checked.append(replace(one, is_valid=False, reason=reason))
        else:
            checked.append(one)
    return tuple(checked)
