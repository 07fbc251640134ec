"""Ratios of the amplifiers' signals to one smooth light: from one flat, or from the ratio of two."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tasks.flat_pairs.binned_flat import BinnedFlat
from tasks.flat_pairs.curve.model import PhotonTransferCurve
from tasks.flat_pairs.illumination import fit_ratios

__all__ = ["AmplifierRatios", "RatioSettings", "amplifier_ratios", "light_of_camera", "reference_amplifier"]

type FloatArray = npt.NDArray[np.float64]


_OF_MANY_CHIPS = ("LSSTComCam", "LSSTCam")
"""Cameras whose light has a profile over the focal plane that a low polynomial cannot follow."""


def light_of_camera(instrument: str) -> tuple[int, int]:
    """Order of the polynomial and number of radial nodes that the light of a camera's flats asks for.

    Notes
    -----
    Rubin cp_pipe, PhotonTransferCurveAdjustGainRatiosTask: order 1 beside 20 nodes; for LATISS order 2 alone.
    """
    return (1, 20) if instrument in _OF_MANY_CHIPS else (2, 0)


@dataclass(frozen=True, slots=True)
class RatioSettings:
    """How ratios are found; the defaults are those of Rubin's cp_pipe for LATISS."""

    order: int = 2
    """Order of the Chebyshev polynomial in each direction; 1 where the radial profile is fitted, too."""
    radial_nodes: int = 0
    """Nodes of a profile of the light in the distance from the middle of the focal plane; 0 for none."""
    n_iterations: int = 10
    """Rounds of field fit and ratios."""
    n_sigma: float = 5.0
    """Distance from the median ratio beyond which an amplifier does not shape the field."""
    largest_ratio: float = 0.05
    """Deviation from 1 that makes the worst amplifier be left out of the field."""


@dataclass(frozen=True, slots=True, eq=False)
class AmplifierRatios:
    """Ratios of the amplifiers of a detector."""

    ratios: FloatArray
    """Ratio of each, 1 of the reference; NaN for one without usable bins."""
    shaping: npt.NDArray[np.bool_]
    """Amplifiers that shaped the field: those left out deviate by too much."""


def reference_amplifier(curve: PhotonTransferCurve, highest_noise: float = 12.0) -> str | None:
    """Name of the amplifier that the ratios are relative to.

    Returns
    -------
    name
        The one of median gain among those of low noise and high turnoff; None with fewer than two of these.
    """
    good = [one for one in curve.amplifiers if not one.is_bad]
    if not good:
        return None
    lowest = np.percentile([one.turnoff for one in good], 25)
    candidates = [one for one in good if one.noise <= highest_noise and one.turnoff >= lowest]
    if len(candidates) < 2:
        return None
    return sorted(candidates, key=lambda one: one.gain)[len(candidates) // 2].name


def amplifier_ratios(
    flat: BinnedFlat, fixed: int, n: int, settings: RatioSettings | None = None
) -> AmplifierRatios:
    """Ratios of the amplifiers, those of extreme ratio left out of the field one by one.

    Parameters
    ----------
    flat
        Bins of a flat (electron), or of the ratio of two.
    fixed
        Place of the amplifier whose ratio is 1.
    n
        Number of amplifiers.
    settings
        How ratios are found.

    Notes
    -----
    A smooth light and the amplifiers' medians about it are fitted in turns, see
    `tasks.flat_pairs.illumination.fit_ratios`.
    """
    settings = settings or RatioSettings()
    shaping = np.ones(n, np.bool_)
    for _ in range(max(n // 2, 1)):
        ratios = fit_ratios(
            flat,
            fixed,
            shaping,
            settings.order,
            settings.n_iterations,
            settings.n_sigma,
            settings.radial_nodes,
        )
        far = np.where(shaping & np.isfinite(ratios), np.abs(ratios - 1.0), 0.0)
        far[fixed] = 0.0
        if far.max() <= settings.largest_ratio:
            break
        shaping[int(np.argmax(far))] = False
    return AmplifierRatios(ratios, shaping)
