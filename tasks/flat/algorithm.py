"""The combined flat of one filter: the relative response of each pixel."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Literal

from infra.images import CorrectedExposure, MaskPlane
from tasks.combine.calibration import (
    CombinedCalibration,
    CombineOptions,
    CombineRule,
    bootstrap_rule,
    combine_calibration,
)
from tasks.combine.clipping import clipped_statistics_of_amplifier
from tasks.combine.metadata import CombineInput

__all__ = [
    "FLAT_BOOTSTRAP_RULE",
    "FLAT_RULE",
    "FlatSource",
    "combine_flat_bootstraps",
    "combine_flats",
    "flat_level",
]

type FlatSource = Literal["DOME", "TWILIGHT", "PSEUDO", "SKY"]
"""What lit the flats."""


def flat_level(exposure: CorrectedExposure) -> float:
    """Level of a flat: clipped mean (3 σ, 3 passes) of the pixels not DETECTED, BAD or NO_DATA."""
    ignored = MaskPlane.DETECTED | MaskPlane.BAD | MaskPlane.NO_DATA
    return clipped_statistics_of_amplifier(exposure.image, exposure.mask, ignored).mean


FLAT_RULE = CombineRule(
    calibration="flat",
    scale=lambda one, exposure: flat_level(exposure),
    excluded=MaskPlane.SAT | MaskPlane.DETECTED | MaskPlane.INTRP,
    exposure_time=1.0,
    unit="",
    scale_remedy="a flat needs light: leave the exposure out",
)
"""Each exposure divided by its level."""

FLAT_BOOTSTRAP_RULE = bootstrap_rule(FLAT_RULE, stacks_saturated=False)
"""The same, and what most exposures saturate stays flagged."""


def combine_flats(
    exposures: Iterable[tuple[CombineInput, CorrectedExposure]],
    options: CombineOptions,
    source: FlatSource = "DOME",
) -> CombinedCalibration:
    """Combine flat exposures of one filter, each divided by its level, by their clipped mean.

    Parameters
    ----------
    exposures
        Bias- and dark-subtracted flat exposures of one physical filter.
    options
        Clip rule, threads, time of creation.
    source
        What lit them, for the header (FLATSRC).

    Returns
    -------
    flat
        About 1.

    Raises
    ------
    CalprodError
        The level of an exposure is not positive; or as in `tasks.combine.calibration.combine_calibration`.
    """
    return combine_calibration(exposures, replace(FLAT_RULE, cards={"FLATSRC": source}), options)


def combine_flat_bootstraps(
    exposures: Iterable[tuple[CombineInput, CorrectedExposure]],
    options: CombineOptions,
    source: FlatSource = "DOME",
) -> CombinedCalibration:
    """Combine flat exposures into the flat that defects are looked for in; parameters as `combine_flats`.

    Returns
    -------
    flatBootstrap
        About 1; SAT where most of the exposures are saturated.
    """
    return combine_calibration(exposures, replace(FLAT_BOOTSTRAP_RULE, cards={"FLATSRC": source}), options)
