"""Groups of points that share one proportion of light to signal: lamp currents, filters, shutters."""

import numpy as np
import numpy.typing as npt

from infra.errors import CalprodError

__all__ = ["automatic_groups", "check_groups", "groups_of_values"]

_JUMP = 0.1
"""Relative step of the brightness that separates two groups."""

_NEAR_SATURATION = 0.9
"""Fraction of the highest level from which saturation, not the lamp, may set the ratio."""


def groups_of_values(
    values: npt.NDArray[np.float64] | npt.NDArray[np.str_], light: npt.NDArray[np.float64]
) -> npt.NDArray[np.int64]:
    """Group the points by the distinct values of a column, such as the lamp's current.

    Parameters
    ----------
    values
        Shape (n,); NaN groups nothing.
    light
        Abscissa, shape (n,).

    Returns
    -------
    groups
        Shape (n,), 0, 1, … by rising value; −1 where the light or the value is not finite.
    """
    usable = np.isfinite(light)
    if values.dtype.kind == "f":
        usable &= np.isfinite(values.astype(np.float64))
    groups = np.full(values.size, -1, np.int64)
    groups[usable] = np.unique(values[usable], return_inverse=True)[1]
    return groups


def automatic_groups(
    levels: npt.NDArray[np.float64],
    exposure_times: npt.NDArray[np.float64],
    light: npt.NDArray[np.float64],
) -> npt.NDArray[np.int64]:
    """Group the points by the brightness of the lamp, as the signal itself shows it.

    Parameters
    ----------
    levels
        Mean level of the detector (electron), shape (n,).
    exposure_times
        Seconds, shape (n,).
    light
        Abscissa, shape (n,).

    Returns
    -------
    groups
        Shape (n,), 0, 1, … by rising brightness; −1 where the light is not finite.

    Notes
    -----
    Rubin cp_pipe: electrons per second relative to their median are sorted and split at steps above 0.1.
    Points above 0.9 of the highest level may be saturated; they join the group of the highest one below.
    """
    groups = np.full(levels.size, -1, np.int64)
    usable = np.isfinite(light) & np.isfinite(levels) & (exposure_times > 0)
    if not usable.any():
        return groups
    bright = usable & (levels > _NEAR_SATURATION * levels[usable].max())
    trusted = usable & ~bright
    if not trusted.any():
        groups[usable] = 0
        return groups
    ratios = levels[trusted] / exposure_times[trusted]
    ratios /= np.median(ratios)
    order = np.argsort(ratios)
    ranks = np.empty(order.size, np.int64)
    ranks[order] = np.concatenate([[0], np.cumsum(np.diff(ratios[order]) > _JUMP)])
    groups[trusted] = ranks
    groups[bright] = groups[np.flatnonzero(trusted)[np.argmax(levels[trusted])]]
    return groups


def check_groups(groups: npt.NDArray[np.int64], fewest: int) -> None:
    """Refuse groups that are too small for their brightness to be fitted.

    Parameters
    ----------
    groups
        Shape (n,), −1 for none.
    fewest
        Points that a group needs.

    Raises
    ------
    CalprodError
        A group has fewer points; names it.
    """
    for group, count in zip(*np.unique(groups[groups >= 0], return_counts=True), strict=True):
        if count < fewest:
            raise CalprodError(
                f"too few points in group {group} of the linearity ramp: {count} of the {fewest} needed",
                "take more flat pairs at that lamp setting, or leave its exposures out",
            )
