"""The combined dark: the charge that gathers in each pixel in one second without light."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from infra.images import CorrectedExposure, MaskPlane
from infra.instruments.layout import DetectorLayout
from tasks.combine.calibration import (
    CombinedCalibration,
    CombineOptions,
    CombineRule,
    bootstrap_rule,
    combine_calibration,
)
from tasks.combine.cosmic_rays import CosmicRayRules
from tasks.combine.metadata import CombineInput

__all__ = ["DARK_BOOTSTRAP_RULE", "DARK_RULE", "combine_dark_bootstraps", "combine_darks"]

DARK_RULE = CombineRule(
    calibration="dark",
    scale=lambda one, exposure: one.dark_time,
    excluded=MaskPlane.SAT | MaskPlane.DETECTED | MaskPlane.INTRP | MaskPlane.CR,
    exposure_time=1.0,
    unit="electron/s",
    scale_remedy="its dark time must be above 0 s: leave the exposure out, or mend its header",
    # Hot pixels are candidates too, until the exposures are compared; a camera may have many.
    cosmic_rays=CosmicRayRules(maximum_fraction=0.1),
)
"""Each exposure divided by its dark time, and without its cosmic rays."""

DARK_BOOTSTRAP_RULE = bootstrap_rule(DARK_RULE)
"""Saturated pixels take part and stay flagged; cosmic rays are left to the clip."""


def combine_darks(
    exposures: Iterable[tuple[CombineInput, CorrectedExposure]],
    options: CombineOptions,
    *,
    cosmic_rays: CosmicRayRules | None = DARK_RULE.cosmic_rays,
) -> CombinedCalibration:
    """Combine dark exposures, each divided by its dark time, by their clipped mean.

    Parameters
    ----------
    exposures
        Bias-subtracted dark exposures, in electron; pixels flagged CR are left out. Flags BAD of single
        pixels are taken off.
    options
        Clip rule, threads, time of creation.
    cosmic_rays
        Thresholds of the finder; None leaves cosmic rays to the clip.

    Returns
    -------
    dark
        In electron/s, exposure and dark time 1 s, by which its subtraction is scaled.

    Raises
    ------
    CalprodError
        A dark time is zero, negative or NaN; or as in `tasks.combine.calibration.combine_calibration`.
    """
    rule = replace(DARK_RULE, cosmic_rays=cosmic_rays)
    return combine_calibration(_with_defects(exposures, options.layout), rule, options)


def combine_dark_bootstraps(
    exposures: Iterable[tuple[CombineInput, CorrectedExposure]], options: CombineOptions
) -> CombinedCalibration:
    """Combine dark exposures into the dark that defects are looked for in; parameters as `combine_darks`.

    Returns
    -------
    darkBootstrap
        In adu/s; SAT where most of the exposures are saturated.
    """
    return combine_calibration(exposures, DARK_BOOTSTRAP_RULE, options)


def _with_defects(
    exposures: Iterable[tuple[CombineInput, CorrectedExposure]], layout: DetectorLayout
) -> Iterator[tuple[CombineInput, CorrectedExposure]]:
    """Let known defects take part: a hot pixel's own rate is what its dark is for (Rubin cp_pipe).

    An amplifier that is bad as a whole stays so.
    """
    sound = np.uint16(~np.uint16(MaskPlane.BAD))
    for one, exposure in exposures:
        for amplifier in layout.amplifiers:
            flags = exposure.mask[amplifier.image_box.slices]
            if not (flags & np.uint16(MaskPlane.BAD)).all():
                flags &= sound
        yield one, exposure
