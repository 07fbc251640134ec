"""The combined dark: the charge that gathers in each pixel in one second without light."""

from collections.abc import Iterable

from infra.images import CorrectedExposure, MaskPlane
from tasks.combine.calibration import CombinedCalibration, CombineOptions, CombineRule, combine_calibration
from tasks.combine.metadata import CombineInput

__all__ = ["DARK_RULE", "combine_darks"]

DARK_RULE = CombineRule(
    calibration="dark",
    scale=lambda one, exposure: one.dark_time,
    excluded=MaskPlane.SAT | MaskPlane.DETECTED | MaskPlane.INTRP | MaskPlane.CR,
    exposure_time=1.0,
    unit="electron/s",
    scale_remedy="its dark time must be above 0 s: leave the exposure out, or mend its header",
)
"""Each exposure divided by its dark time."""


def combine_darks(
    exposures: Iterable[tuple[CombineInput, CorrectedExposure]], options: CombineOptions
) -> CombinedCalibration:
    """Combine dark exposures, each divided by its dark time, by their clipped mean.

    Parameters
    ----------
    exposures
        Bias-subtracted dark exposures, in electron; cosmic rays flagged CR where a finder ran, otherwise left
        to the clip.
    options
        Clip rule, threads, time of creation.

    Returns
    -------
    dark
        In electron/s, exposure and dark time 1 s, by which its subtraction is scaled.

    Raises
    ------
    CalprodError
        A dark time is zero, negative or NaN; or as in `tasks.combine.calibration.combine_calibration`.
    """
    return combine_calibration(exposures, DARK_RULE, options)
