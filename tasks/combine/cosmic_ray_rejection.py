"""Cosmic rays left out of a stack: found in each exposure, confirmed by what the others show there.

One exposure cannot tell a cosmic ray from a hot pixel: both are sharp. But a cosmic ray hits once. So the
finder only names candidates, a few thousand pixels, and once all exposures are at hand those are rejected
that stand above the same pixel of the others. Hot pixels stay, whether or not a map of defects is known.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from infra.images import CorrectedExposure, MaskPlane
from infra.instruments.layout import DetectorLayout
from tasks.combine.clipping import clipped_statistics_of_amplifier
from tasks.combine.cosmic_rays import CosmicRayRules, find_cosmic_rays
from tasks.combine.spool import ExposureSpool

__all__ = ["CosmicRayCandidates", "Rejection", "candidates_of", "reject_cosmic_rays"]

_EXCLUDED = int(MaskPlane.BAD | MaskPlane.NO_DATA | MaskPlane.DETECTED)
"""Planes whose pixels are not searched. SAT is: a cosmic ray may saturate."""

_SKY_PIXELS = 1 << 16
"""About as many pixels of an amplifier measure its sky: to a scatter of 0.3 %."""

_MEDIAN_VARIANCE = 1.57
"""Variance of a median in units of that of a mean, for a Gaussian."""

_GROWTH = 2
"""Pixels around a cosmic ray that are rejected with it (Rubin cp_pipe)."""


@dataclass(frozen=True, slots=True, eq=False)
class CosmicRayCandidates:
    """What stands out sharply in one exposure."""

    pixels: npt.NDArray[np.int64]
    """Flat indices in the detector's image, rising."""
    sky_sigmas: npt.NDArray[np.float32]
    """Scatter of the sky around each, in the unit of the exposure."""
    gains: npt.NDArray[np.float32]
    """Electrons that one unit of the exposure stands for, at each."""
    gave_up: tuple[str, ...] = ()
    """Amplifiers with so many that they are no cosmic rays; none of theirs are listed."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """What became of the candidates."""

    n_pixels: tuple[int, ...]
    """Number of pixels rejected in each exposure, their surroundings included."""


def candidates_of(
    exposure: CorrectedExposure, layout: DetectorLayout, rules: CosmicRayRules
) -> CosmicRayCandidates:
    """Find what may be cosmic rays in one exposure.

    Parameters
    ----------
    exposure
        Bias-subtracted exposure, shape ``layout.image_shape``, in adu or electron; not changed.
    layout
        Where the amplifiers lie; its nominal gains stand in where the exposure's header has none.
    rules
        Thresholds.
    """
    pixels, sigmas, gains, gave_up = [], [], [], []
    for one in layout.amplifiers:
        image, mask = exposure.image[one.image_box.slices], exposure.mask[one.image_box.slices]
        step = max(1, image.size // _SKY_PIXELS)
        sky = clipped_statistics_of_amplifier(image[::step], mask[::step])
        found = find_cosmic_rays(image, mask, _EXCLUDED, sky.mean, sky.standard_deviation, rules)
        if found.gave_up:
            gave_up.append(one.name)
            continue
        y, x = np.unravel_index(found.pixels, image.shape)
        pixels.append((y + one.image_box.y0) * layout.image_shape[1] + x + one.image_box.x0)
        sigmas.append(np.full(y.size, sky.standard_deviation, np.float32))
        gains.append(np.full(y.size, _gain(exposure, one.name, one.gain), np.float32))
    order = np.argsort(np.concatenate([*pixels, np.empty(0, np.int64)]))
    empty = np.empty(0, np.float32)
    return CosmicRayCandidates(
        np.concatenate([*pixels, np.empty(0, np.int64)])[order],
        np.concatenate([*sigmas, empty])[order],
        np.concatenate([*gains, empty])[order],
        tuple(gave_up),
    )


def reject_cosmic_rays(
    spool: ExposureSpool,
    scales: Sequence[float],
    candidates: Sequence[CosmicRayCandidates],
    rules: CosmicRayRules,
) -> Rejection:
    """Exclude the confirmed cosmic rays of all exposures from the stack.

    Parameters
    ----------
    spool
        The exposures; the pixels rejected are excluded in it.
    scales
        Number by which each is divided in the stack, such as its dark time.
    candidates
        What `candidates_of` found in each.
    rules
        The growth threshold is that of the confirmation too.

    Notes
    -----
    A candidate is confirmed when it stands above the lower median of that pixel over all exposures, each
    scaled to the same time, by the growth threshold in units of the sky's and the charge's noise. With two
    exposures that is the lower of both; with one there is nothing to compare with: every candidate counts.
    Confirmed pixels are grown by 2 pixels (Rubin cp_pipe).
    """
    n = len(spool)
    every = np.unique(np.concatenate([one.pixels for one in candidates]))
    values = spool.values_at(every)
    rates = values / np.asarray(scales, np.float32)[:, None]
    reference = _lower_median(rates)
    counts = []
    for i, found in enumerate(candidates):
        places = np.searchsorted(every, found.pixels)
        value, expected = values[i, places], reference[places] * np.float32(scales[i])
        limit = rules.growth_threshold * _noise(found, expected, scales, i)
        # A value that is already excluded, where others have one, is a cosmic ray that saturates.
        confirmed = np.isnan(value) | (value - expected > limit)
        pixels = found.pixels[confirmed & np.isfinite(expected) if n > 1 else slice(None)]
        counts.append(spool.exclude(i, _grown(pixels, spool.shape)))
    return Rejection(tuple(counts))


def _noise(
    found: CosmicRayCandidates, expected: npt.NDArray[np.float32], scales: Sequence[float], index: int
) -> npt.NDArray[np.float32]:
    """Noise of the difference between the candidates of one exposure and what is expected there.

    That of the exposure itself, and that of the median of the others: those with a shorter time know less.
    """
    sky, charge = found.sky_sigmas**2, np.maximum(expected, 0.0) / found.gains
    ratios = np.array([scales[index] / scale for i, scale in enumerate(scales) if i != index])
    if ratios.size == 0:
        return np.sqrt(sky + charge)
    others = sky * np.float32((ratios**2).mean()) + charge * np.float32(ratios.mean())
    return np.asarray(np.sqrt(sky + charge + np.float32(_MEDIAN_VARIANCE / ratios.size) * others))


def _gain(exposure: CorrectedExposure, name: str, nominal: float) -> float:
    """Electrons per unit of the exposure."""
    if exposure.unit == "electron":
        return 1.0
    stated = exposure.metadata.get(f"LSST ISR GAIN {name}")
    # In bootstrap mode the header says 1, which is no gain.
    return float(stated) if isinstance(stated, float) and stated > 0 and stated != 1.0 else nominal


def _lower_median(rates: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Lower median of each column's finite values; NaN without any."""
    rates = np.sort(rates, axis=0)  # NaN come last
    valid = np.count_nonzero(np.isfinite(rates), axis=0)
    return np.asarray(rates[np.maximum(valid - 1, 0) // 2, np.arange(rates.shape[1])])


def _grown(pixels: npt.NDArray[np.int64], shape: tuple[int, int]) -> npt.NDArray[np.int64]:
    """Flat indices of all pixels within `_GROWTH` pixels of a given one, each once."""
    ny, nx = shape
    offsets = range(-_GROWTH, _GROWTH + 1)
    near = [(dy, dx) for dy in offsets for dx in offsets if dy * dy + dx * dx <= _GROWTH * _GROWTH]
    y = (pixels // nx)[:, None] + np.array([dy for dy, _ in near])
    x = (pixels % nx)[:, None] + np.array([dx for _, dx in near])
    inside = (y >= 0) & (y < ny) & (x >= 0) & (x < nx)
    return np.unique(y[inside] * nx + x[inside])
