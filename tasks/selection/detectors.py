"""The quick look at all detectors of one exposure as one."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median

from tasks.selection.model import AmplifierLevels, FrameStatistics

__all__ = ["merge_detectors"]


@dataclass(frozen=True, slots=True)
class _Mosaic:
    """Statistics of a whole focal plane; amplifiers are named ``R22_S11_C05``."""

    amplifiers: Mapping[str, AmplifierLevels]
    level: float
    gradient_x: float
    gradient_y: float
    corner_excess: float
    saturated_fraction: float
    nan_fraction: float
    bright_fraction: float


def merge_detectors(looks: Mapping[str, FrameStatistics]) -> FrameStatistics | None:
    """Return the statistics of an exposure of several detectors; None when nobody has looked at any.

    Parameters
    ----------
    looks
        Statistics by full detector name. Of one detector they are returned as they are.

    Notes
    -----
    Levels, gradients and the fraction of bright pixels are medians over the detectors, other fractions and
    corners the worst of them: a fault of one detector shows in its amplifiers, a fault of the exposure in the
    medians.
    """
    if len(looks) < 2:
        return next(iter(looks.values()), None)
    ordered = [looks[name] for name in sorted(looks)]
    return _Mosaic(
        amplifiers={
            f"{name}_{amplifier}": levels
            for name in sorted(looks)
            for amplifier, levels in looks[name].amplifiers.items()
        },
        level=_median([look.level for look in ordered]),
        gradient_x=_median([look.gradient_x for look in ordered]),
        gradient_y=_median([look.gradient_y for look in ordered]),
        corner_excess=max(look.corner_excess for look in ordered),
        saturated_fraction=max(look.saturated_fraction for look in ordered),
        nan_fraction=max(look.nan_fraction for look in ordered),
        bright_fraction=_median([look.bright_fraction for look in ordered]),
    )


def _median(values: list[float]) -> float:
    sound = [value for value in values if math.isfinite(value)]
    return median(sound) if sound else math.nan
