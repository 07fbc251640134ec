"""Levels relative to a reference amplifier, from binned images of every exposure."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from infra.errors import CalprodError
from tasks.linearity.fitting.ramp import DetectorRamp
from tasks.linearity.fitting.turnoff import Turnoff

__all__ = ["BinnedImages", "ReferenceLevels", "choose_reference", "reference_levels"]

type FloatArray = npt.NDArray[np.float64]

_LARGEST_NOISE = 12.0
"""electron: a noisier amplifier is no reference."""

_REFERENCE_LEVEL = 10_000.0
"""adu: the exposure whose reference amplifier is nearest to this is the reference image."""


@dataclass(frozen=True, slots=True, eq=False)
class BinnedImages:
    """All exposures of one detector, in bins of 8 × 8 pixels.

    Raises
    ------
    CalprodError
        The shapes do not fit.
    """

    amplifier_index: npt.NDArray[np.int64]
    """Place of each bin's amplifier in the ramp, shape (n_bins,)."""
    values: npt.NDArray[np.floating]
    """Mean of each bin (adu), shape (n_exposures, n_bins)."""

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.values.shape[1] != self.amplifier_index.size:
            raise CalprodError(
                f"binned images of shape {self.values.shape} for {self.amplifier_index.size} bins",
                "bin the exposures again",
            )


@dataclass(frozen=True, slots=True, eq=False)
class ReferenceLevels:
    """Levels of all amplifiers, as the pattern of the light has them."""

    amplifier: int
    """Place of the reference amplifier."""
    counts: FloatArray
    """Level of the reference amplifier in each exposure (adu), shape (n,)."""
    pattern: FloatArray
    """Brightness of each amplifier relative to the reference amplifier, shape (n_amplifiers,)."""
    ratios: FloatArray
    """Response relative to the reference amplifier's, 1 at the reference, shape (n_amplifiers, n)."""


def choose_reference(ramp: DetectorRamp, turnoffs: tuple[Turnoff, ...]) -> int | None:
    """Place of the amplifier with the largest turnoff that is sound; None if there is none.

    Parameters
    ----------
    ramp
        The amplifiers.
    turnoffs
        Of each.
    """
    candidates = [
        i
        for i, (amplifier, turnoff) in enumerate(zip(ramp.amplifiers, turnoffs, strict=True))
        if amplifier.bad is None
        and np.isfinite(turnoff.value)
        and np.isfinite(amplifier.turnoff)
        and amplifier.noise <= _LARGEST_NOISE
    ]
    return max(candidates, key=lambda i: turnoffs[i].value, default=None)


def reference_levels(ramp: DetectorRamp, binned: BinnedImages, reference: int) -> ReferenceLevels:
    """Levels of all amplifiers relative to the reference amplifier.

    Parameters
    ----------
    ramp
        The amplifiers and their levels.
    binned
        The same exposures.
    reference
        Place of the reference amplifier.

    Raises
    ------
    CalprodError
        The exposures are not those of the ramp, or the reference amplifier has no level in any.

    Notes
    -----
    Rubin cp_pipe: every exposure's bins are divided by those of one reference exposure, so that the pattern
    of the light cancels; the median of the bins of an amplifier is its level.
    """
    if binned.values.shape[0] != ramp.light.size:
        raise CalprodError(
            f"{binned.values.shape[0]} binned images for {ramp.light.size} exposures of the linearity ramp",
            "bin every exposure of the ramp",
        )
    distance = np.abs(ramp.amplifiers[reference].ordinate - _REFERENCE_LEVEL)
    distance[~np.isfinite(ramp.light)] = np.nan
    if not np.isfinite(distance).any():
        raise CalprodError(f"amplifier {ramp.amplifiers[reference].name} has no level to refer to")
    bins = [binned.amplifier_index == i for i in range(len(ramp.amplifiers))]
    image = np.asarray(binned.values[int(np.nanargmin(distance))], np.float64)
    image = image / _median(image[bins[reference]])
    pattern = np.array([_median(image[own]) for own in bins])
    with np.errstate(divide="ignore", invalid="ignore"):
        levels = np.array([[_median(row[own] / image[own]) for row in binned.values] for own in bins])
        counts = levels[reference]
        return ReferenceLevels(reference, counts, pattern, levels / counts)


def _median(values: npt.NDArray[np.floating]) -> float:
    """Median of the finite values; NaN if there is none."""
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if finite.size else float("nan")
