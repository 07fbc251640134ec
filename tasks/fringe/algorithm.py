"""The fringe frame of one filter: interference of the lines of the sky, in units of the level of the sky."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from infra.errors import CalprodError
from infra.images import CorrectedExposure, MaskPlane
from tasks.combine.calibration import CombinedCalibration, CombineOptions, CombineRule, combine_calibration
from tasks.combine.clipping import clipped_statistics_of_amplifier
from tasks.combine.metadata import CombineInput
from tasks.combine.smooth_sky import SkySettings, flag_sources

__all__ = ["FRINGE_RULE", "LEVEL_CARD", "combine_fringes", "without_sky"]

LEVEL_CARD = "LSST CP FRINGE LEVEL"
"""Level of the sky of an exposure (unit of the image)."""


def _level(one: CombineInput, exposure: CorrectedExposure) -> float:
    """Return the level by which `without_sky` says the exposure is to be divided."""
    level = exposure.metadata[LEVEL_CARD]
    return float(level) if isinstance(level, int | float) else float("nan")


FRINGE_RULE = CombineRule(
    calibration="fringe",
    scale=_level,
    excluded=MaskPlane.SAT | MaskPlane.DETECTED | MaskPlane.INTRP,
    exposure_time=1.0,
    unit="",
    scale_remedy="fringes are those of a sky: leave the exposure out",
)
"""Each exposure less its smooth sky, divided by its level.

Rubin divides before the stack and gives every exposure the scale 1; here the level is the scale, so that the
header lists it. The result is the same.
"""


def combine_fringes(
    exposures: Iterable[tuple[CombineInput, CorrectedExposure]],
    options: CombineOptions,
    settings: SkySettings | None = None,
) -> CombinedCalibration:
    """Combine exposures of one filter into its fringe frame.

    Parameters
    ----------
    exposures
        Science exposures, or flats lit by lines, corrected up to the flat, of one physical filter; their
        pixels are changed.
    options
        Clip rule, threads, time of creation.
    settings
        Rubin's defaults when None.

    Returns
    -------
    fringe
        About 0, in units of the level of the sky.

    Raises
    ------
    CalprodError
        The level of an exposure is not positive; nothing of it is sky; or as in
        `tasks.combine.calibration.combine_calibration`.
    """
    chosen = settings or SkySettings()
    prepared = (
        (one, without_sky(exposure, chosen, f"exposure {one.exposure}")) for one, exposure in exposures
    )
    return combine_calibration(prepared, FRINGE_RULE, options)


def without_sky(exposure: CorrectedExposure, settings: SkySettings, name: str) -> CorrectedExposure:
    """Subtract the smooth sky and flag sources DETECTED, both in place.

    Parameters
    ----------
    exposure
        Corrected up to the flat.
    settings
        How sky and sources are found.
    name
        What to call it in an error.

    Returns
    -------
    exposure
        The same planes, with the level of the sky among the cards (`LEVEL_CARD`): the clipped mean (3 σ, 3
        passes) of the pixels that are not DETECTED, BAD or NO_DATA.

    Raises
    ------
    CalprodError
        Too little of it is sky; names it.
    """
    try:
        surface = flag_sources(exposure, settings)
    except CalprodError as error:
        raise CalprodError(f"{name}: {error.message}", error.remedy) from error
    # Rubin takes the level before sources are found, whose wings then raise it.
    level = clipped_statistics_of_amplifier(exposure.image, exposure.mask).mean
    np.subtract(exposure.image, surface, out=exposure.image)
    return replace(exposure, metadata=exposure.metadata | {LEVEL_CARD: float(level)})
