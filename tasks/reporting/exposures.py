"""Exposures of a calibration: the first of the set and the next, and the residual's mean of each."""

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean, median
from typing import Any

from tasks.reporting.contents import CalibrationContents
from tasks.reporting.figures import MeanPoint
from tasks.verification.model import DetectorStatistics, ExposureStatistics

__all__ = ["MANY_DETECTORS", "first_and_next", "mean_points", "mean_statistic", "set_of"]

MANY_DETECTORS = 20
"""From so many detectors on, a range leaves out the outer 5 percent on either side."""


def set_of(plan: Mapping[str, Any], generation: Iterable[int]) -> tuple[int, ...]:
    """Return the exposures, in the order taken, of the set that gave most of the inputs; or none."""
    inputs = set(generation)
    best: tuple[int, ...] = ()
    for one in plan.get("sets", ()):
        members = tuple(int(exposure) for exposure in one["exposures"])
        if len(inputs.intersection(members)) > len(inputs.intersection(best)):
            best = members
    return best


def first_and_next(
    plan: Mapping[str, Any], generation: Iterable[int], measured: Iterable[int]
) -> tuple[int, ...]:
    """Return the two exposures whose residuals stand side by side: the first of the set and the next one.

    Parameters
    ----------
    plan
        The plan as JSON values.
    generation
        Exposures that were combined.
    measured
        Exposures of which there are residuals. When the first of the set is not among them, the earliest that
        is takes its place.

    Returns
    -------
    tuple of int
        Two exposures; fewer when fewer were measured.
    """
    inputs = tuple(generation)
    available = set(measured)
    members = [exposure for exposure in set_of(plan, inputs) if exposure in available]
    return tuple((members if len(members) > 1 else sorted(available))[:2])


def mean_statistic(statistics: Sequence[DetectorStatistics]) -> str:
    """Return ``CR_MEAN``, the mean without cosmic rays, where it was measured everywhere; else ``MEAN``."""
    frames = (
        values for record in statistics for one in record.exposures for values in one.amplifiers.values()
    )
    return "CR_MEAN" if all("CR_MEAN" in values for values in frames) else "MEAN"


def mean_points(contents: CalibrationContents) -> tuple[MeanPoint, ...]:
    """Return the residual's mean of every exposure, in the order of time; none where no mean is measured."""
    frames: dict[int, list[ExposureStatistics]] = {}
    for record in contents.statistics:
        for exposure in record.exposures:
            frames.setdefault(exposure.exposure, []).append(exposure)
    failing = {result.exposure for result in contents.verdict.failures}
    statistic = mean_statistic(contents.statistics)
    values = (one.amplifiers.values() for members in frames.values() for one in members)
    if not any(statistic in one for amplifiers in values for one in amplifiers):
        return ()
    points = [_point(members, statistic, number in failing) for number, members in frames.items()]
    return tuple(sorted(points, key=lambda point: (point.observed_mjd, point.exposure)))


def _point(members: Sequence[ExposureStatistics], statistic: str, fails: bool) -> MeanPoint:
    """Return one exposure: over the amplifiers of a detector, or over detectors where there are many."""
    first = members[0]
    amplifiers = [[values.get(statistic, math.nan) for values in one.amplifiers.values()] for one in members]
    levels = [_finite(values) for values in amplifiers]
    means = [fmean(values) for values in levels if values]
    spread = sorted(levels[0] if len(members) == 1 else means)
    if len(members) >= MANY_DETECTORS:
        margin = round(0.05 * len(spread))
        spread = spread[margin : len(spread) - margin]
    mean = median(means) if means else math.nan
    return MeanPoint(
        exposure=first.exposure,
        group=first.group,
        day_obs=first.day_obs,
        observed_mjd=first.observed_mjd,
        mean=mean,
        low=min(spread, default=mean),
        high=max(spread, default=mean),
        fails=fails,
    )


def _finite(values: Iterable[float]) -> list[float]:
    return [value for value in values if math.isfinite(value)]
