"""The combined flat of one filter: the relative response of each pixel."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Literal

import numpy as np

from infra.errors import CalprodError
from infra.images import CalibrationImage, CorrectedExposure, MaskPlane, Metadata
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
    "combine_scaled_flats",
    "flat_level",
    "merge_colours",
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


def combine_scaled_flats(
    exposures: Iterable[tuple[CombineInput, CorrectedExposure]],
    scales: Mapping[int, float],
    options: CombineOptions,
    source: FlatSource = "DOME",
) -> CombinedCalibration:
    """Combine flat exposures of one of many detectors, each divided by how bright the lamp was.

    Parameters
    ----------
    exposures
        Bias- and dark-subtracted flat exposures of one physical filter.
    scales
        Brightness (electron) by exposure ID, the same for all detectors, so that the flats keep how the
        detectors respond beside each other.
    options, source
        As for `combine_flats`.

    Returns
    -------
    flat
        About 1 on average over all detectors.

    Raises
    ------
    CalprodError
        An exposure has no scale; or as in `combine_flats`.
    """

    def scale(one: CombineInput, exposure: CorrectedExposure) -> float:
        if one.exposure not in scales:
            raise CalprodError(
                f"flat exposure {one.exposure} was not measured together with the others",
                "measure and normalise the flats again",
            )
        return scales[one.exposure]

    return combine_calibration(exposures, replace(FLAT_RULE, scale=scale, cards={"FLATSRC": source}), options)


def merge_colours(
    first: CalibrationImage, second: CalibrationImage, first_weight: float = 0.5
) -> CalibrationImage:
    """Merge flats taken in two colours of the lamp within one filter.

    Parameters
    ----------
    first, second
        Flats of one detector, about 1.
    first_weight
        Weight of the first, from 0 to 1; the second has the rest.

    Returns
    -------
    flat
        Weighted mean; pixels flagged in one of the two are flagged. Its header has what both agree on, and
        the inputs of both.

    Raises
    ------
    CalprodError
        The two differ in shape, or the weight lies outside its range.
    """
    if first.image.shape != second.image.shape:
        raise CalprodError(
            f"flats of shapes {first.image.shape} and {second.image.shape} cannot be merged",
            "merge flats of one detector",
        )
    if not 0.0 <= first_weight <= 1.0:
        raise CalprodError(f"weight {first_weight} of a flat", "give a number from 0 to 1")
    a, b = np.float32(first_weight), np.float32(1.0 - first_weight)
    return CalibrationImage(
        image=a * first.image + b * second.image,
        mask=first.mask | second.mask,
        variance=a * a * first.variance + b * b * second.variance,
        metadata=_merged_cards(first.metadata, second.metadata),
    )


def _merged_cards(first: Metadata, second: Metadata) -> Metadata:
    """Cards that both share, and the inputs of both one after the other; the time that both span."""
    cards = {key: value for key, value in first.items() if second.get(key) == value}
    cards = {key: value for key, value in cards.items() if not key.startswith("CPP_INPUT_")}
    for ends, choose in (
        (("DATE-OBS", "DATE-BEG", "MJD-OBS", "MJD-BEG"), min),
        (("DATE-END", "MJD-END"), max),
    ):
        for key in ends:
            if key in first and key in second:
                cards[key] = choose(first[key], second[key])  # type: ignore[type-var]
    n_first = 1 + max((number for key in first if (number := _input_number(key)) >= 0), default=-1)
    for source, offset in ((first, 0), (second, n_first)):
        for key, value in source.items():
            if (number := _input_number(key)) >= 0:
                stem = key.rpartition("_")[0]
                cards[f"{stem}_{number + offset}"] = value
    return cards


def _input_number(key: str) -> int:
    """Return the number of the input that a card is of; -1 for any other card."""
    stem, _, number = key.rpartition("_")
    return int(number) if stem.startswith("CPP_INPUT") and number.isdigit() else -1
