"""Normalisation over the focal plane: what all detectors agree on is the lamp's doing."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from infra.errors import CalprodError
from tasks.linearity.solution.model import AmplifierLinearity, Linearizer

__all__ = ["FocalPlaneNormalization", "normalize_focal_plane"]

type FloatArray = npt.NDArray[np.float64]

_LEAST_VALID = 0.5
"""Fraction of the amplifiers that must have a residual."""


@dataclass(frozen=True, slots=True, eq=False)
class FocalPlaneNormalization:
    """Factors of the light of each exposure."""

    exposures: npt.NDArray[np.int64]
    """Exposure numbers, shape (n,)."""
    exposure_times: FloatArray
    """Seconds, shape (n,)."""
    mean: FloatArray
    """Mean level of the amplifiers (adu), shape (n,)."""
    model: FloatArray
    """Mean of their lines (adu), shape (n,)."""
    normalization: FloatArray
    """What to multiply the light by, shape (n,)."""


def normalize_focal_plane(
    exposures: npt.NDArray[np.int64],
    exposure_times: FloatArray,
    linearizers: tuple[Linearizer, ...],
    *,
    reference_only: bool = False,
    previous: FloatArray | None = None,
) -> FocalPlaneNormalization:
    """Find by how much the light of each exposure differs from what was recorded.

    Parameters
    ----------
    exposures, exposure_times
        Shape (n,), of the points of the linearizers.
    linearizers
        Of the detectors that are to agree, solved from these exposures.
    reference_only
        Take the reference amplifier of each detector only (absolute normalisation).
    previous
        Factors that the light was multiplied by already, shape (n,).

    Raises
    ------
    CalprodError
        No amplifier has a correction, or the points are not those of the exposures.

    Notes
    -----
    Rubin cp_pipe: k ← k / (1 − median over the amplifiers of the fractional residual), where at least half of
    them have one.
    """
    amplifiers: list[AmplifierLinearity] = [
        one
        for linearizer in linearizers
        for one in linearizer.amplifiers
        if not one.is_bad and (not reference_only or one.name == linearizer.reference_amplifier)
    ]
    if not amplifiers or any(one.ordinate.size != exposures.size for one in amplifiers):
        raise CalprodError(
            f"{len(amplifiers)} amplifiers cannot normalise {exposures.size} exposures over the focal plane",
            "solve the linearizers of the configured detectors from these very exposures",
        )
    residuals = np.array([one.residuals for one in amplifiers])
    models = np.array([one.residual_model for one in amplifiers])
    levels = np.array([one.ordinate for one in amplifiers])
    with np.errstate(divide="ignore", invalid="ignore"):
        fractions = residuals / models
    trusted = np.isfinite(fractions).mean(axis=0) >= _LEAST_VALID
    median = np.zeros(exposures.size)
    median[trusted] = np.nanmedian(fractions[:, trusted], axis=0)
    factors = np.ones(exposures.size) if previous is None else previous
    return FocalPlaneNormalization(
        exposures, exposure_times, _mean(levels), _mean(models), factors / (1.0 - median)
    )


def _mean(values: FloatArray) -> FloatArray:
    """Mean over the amplifiers of the finite values; NaN where there is none."""
    count = np.isfinite(values).sum(axis=0)
    with np.errstate(invalid="ignore"):
        return np.where(count > 0, np.nansum(values, axis=0) / np.maximum(count, 1), np.nan)
