"""The combined bias: the mean structure that every readout adds, with no light and no time to gather any."""

from collections.abc import Iterable

from infra.images import CorrectedExposure, MaskPlane
from tasks.combine.calibration import (
    CombinedCalibration,
    CombineOptions,
    CombineRule,
    bootstrap_rule,
    combine_calibration,
)
from tasks.combine.metadata import CombineInput

__all__ = ["BIAS_BOOTSTRAP_RULE", "BIAS_RULE", "combine_bias_bootstraps", "combine_biases"]

BIAS_RULE = CombineRule(
    calibration="bias",
    scale=lambda one, exposure: 1.0,
    excluded=MaskPlane.DETECTED | MaskPlane.INTRP,
    exposure_time=0.0,
    unit="electron",
)
"""Unscaled, and saturated pixels take part: a column that is saturated without light belongs in the bias."""

BIAS_BOOTSTRAP_RULE = bootstrap_rule(BIAS_RULE)
"""The same, and what most exposures saturate stays flagged. Rubin gives this product an exposure time of 1 s;
here it is 0 s, as that of any bias."""


def combine_biases(
    exposures: Iterable[tuple[CombineInput, CorrectedExposure]], options: CombineOptions
) -> CombinedCalibration:
    """Combine bias exposures by their clipped mean.

    Parameters
    ----------
    exposures
        Overscan-corrected bias exposures, in electron (adu in bootstrap mode); one suffices, and then carries
        its own variance.
    options
        Clip rule, threads, time of creation.

    Returns
    -------
    bias
        In the unit of the exposures, exposure time 0.

    Raises
    ------
    CalprodError
        As in `tasks.combine.calibration.combine_calibration`.
    """
    return combine_calibration(exposures, BIAS_RULE, options)


def combine_bias_bootstraps(
    exposures: Iterable[tuple[CombineInput, CorrectedExposure]], options: CombineOptions
) -> CombinedCalibration:
    """Combine bias exposures into the bias that defects are looked for in; parameters as `combine_biases`.

    Returns
    -------
    biasBootstrap
        In adu; SAT where most of the exposures are saturated.
    """
    return combine_calibration(exposures, BIAS_BOOTSTRAP_RULE, options)
