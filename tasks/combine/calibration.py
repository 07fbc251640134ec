"""The part that bias, dark and flat have in common: from a stream of exposures to a combined calibration."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from infra.errors import CalprodError
from infra.images import CalibrationImage, CorrectedExposure, MaskPlane, Metadata, finite_cards
from infra.instruments.layout import DetectorLayout
from tasks.combine.combination import check_scale, combine
from tasks.combine.cosmic_ray_rejection import CosmicRayCandidates, candidates_of, reject_cosmic_rays
from tasks.combine.cosmic_rays import CosmicRayRules
from tasks.combine.metadata import (
    CombineInput,
    common_cards,
    creation_cards,
    provenance_cards,
    time_cards,
)
from tasks.combine.quality import quality_cards
from tasks.combine.spool import ExposureSpool

__all__ = ["CombineOptions", "CombineRule", "CombinedCalibration", "bootstrap_rule", "combine_calibration"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CombineOptions:
    """How to combine, whatever is combined."""

    layout: DetectorLayout
    """The detector, for the numbers of each amplifier in the header."""
    created: datetime
    """Moment of creation, with a time zone; passed in so that a run can be repeated to the bit."""
    n_sigma: float = 3.0
    """Half-width of the clip in standard deviations."""
    n_iterations: int = 3
    """Number of clipping passes."""
    n_threads: int = 1
    """Threads that stack; the result does not depend on it."""
    directory: Path | None = None
    """Where the exposures wait for the stack; the system's temporary directory when None."""
    expected: int | None = None
    """Number of exposures to come, if known."""


@dataclass(frozen=True, slots=True)
class CombineRule:
    """What sets one kind of calibration apart from another in the stack."""

    calibration: str
    """Name of the calibration, such as "bias"."""
    scale: Callable[[CombineInput, CorrectedExposure], float]
    """Number by which an exposure is divided."""
    excluded: MaskPlane
    """Planes that exclude a pixel from the stack, besides BAD."""
    exposure_time: float
    """Exposure time and dark time of the result (s): 0 for a bias, 1 for all else."""
    unit: str
    """Unit of the result; "" for a ratio."""
    scale_remedy: str | None = None
    """What to do about an exposure whose scale is not a positive number."""
    cards: Metadata = field(default_factory=dict)
    """Further cards."""
    cosmic_rays: CosmicRayRules | None = None
    """Find cosmic rays in each exposure and leave them out; None does not look for them."""
    keeps_saturated: bool = False
    """Flag SAT what is saturated in most of the exposures."""


@dataclass(frozen=True, slots=True, eq=False)
class CombinedCalibration:
    """A combined calibration of one detector, and how it came about."""

    image: CalibrationImage
    """Image, mask, variance and header."""
    scales: tuple[float, ...]
    """Number by which each input was divided, in their order."""
    inputs: tuple[int, ...]
    """Exposure IDs of the inputs, in their order."""
    count: npt.NDArray[np.uint16]
    """Number of exposures that survived at each pixel, shape (ny, nx)."""

    @property
    def n_bad(self) -> int:
        """Number of pixels that had to be filled."""
        return int(np.count_nonzero(self.image.mask & np.uint16(MaskPlane.BAD)))


def bootstrap_rule(rule: CombineRule, *, stacks_saturated: bool = True) -> CombineRule:
    """Return the rule of a bootstrap product, from which defects are taken.

    Parameters
    ----------
    rule
        That of the calibration; "Bootstrap" is added to its name.
    stacks_saturated
        Whether saturated pixels take part: in a bias and a dark they are what is looked for.

    Notes
    -----
    Rubin cp_pipe stacks biasBootstrap and darkBootstrap without regard to SAT, and looks for no cosmic rays.
    Its products then keep no plane but BAD, while its search for defects asks for SAT; here SAT is kept.
    """
    excluded = rule.excluded & ~MaskPlane.CR
    return replace(
        rule,
        calibration=f"{rule.calibration}Bootstrap",
        excluded=excluded & ~MaskPlane.SAT if stacks_saturated else excluded,
        cosmic_rays=None,
        keeps_saturated=True,
    )


def combine_calibration(
    exposures: Iterable[tuple[CombineInput, CorrectedExposure]],
    rule: CombineRule,
    options: CombineOptions,
) -> CombinedCalibration:
    """Combine exposures as they come; one of them is in memory at a time.

    Parameters
    ----------
    exposures
        Each exposure after instrument-signature removal, with what is known of it.
    rule
        What the calibration asks for.
    options
        Clip rule, threads, time of creation.

    Raises
    ------
    CalprodError
        No exposures; unequal shapes or units; a scale that is not positive; NO_DATA; a full disk.
    """
    inputs: list[CombineInput] = []
    headers: list[Metadata] = []
    scales: list[float] = []
    unit: str | None = None
    candidates: list[CosmicRayCandidates] = []
    saturated: npt.NDArray[np.uint16] | None = None
    with ExposureSpool(rule.excluded, options.directory, options.expected) as spool:
        for one, exposure in exposures:
            name = f"exposure {one.exposure}"
            if unit not in (None, exposure.unit):
                raise CalprodError(f"{name} is in {exposure.unit}, the exposures before it in {unit}")
            unit = exposure.unit
            scale = rule.scale(one, exposure)
            scales.append(check_scale(scale, f"{rule.calibration} {name}", rule.scale_remedy))
            spool.append(exposure, name)
            if rule.cosmic_rays is not None:
                candidates.append(_candidates(exposure, rule.cosmic_rays, options.layout, name))
            if rule.keeps_saturated:
                saturated = _count_saturated(exposure, saturated)
            inputs.append(one)
            headers.append(one.header | exposure.metadata)
        if not inputs:
            raise CalprodError(f"no exposures to combine into a {rule.calibration}", "select at least one")
        cards = dict(rule.cards)
        if rule.cosmic_rays is not None:
            rejected = reject_cosmic_rays(spool, scales, candidates, rule.cosmic_rays)
            cards |= {f"CPP_INPUT_CR_{i}": number for i, number in enumerate(rejected.n_pixels)}
        combination = combine(
            spool,
            scales,
            n_sigma=options.n_sigma,
            n_iterations=options.n_iterations,
            n_threads=options.n_threads,
        )
    if saturated is not None:
        combination.mask[saturated > len(inputs) // 2] |= np.uint16(MaskPlane.SAT)
    metadata: Metadata = {
        **common_cards(headers),
        **cards,
        "OBSTYPE": rule.calibration,
        "BUNIT": rule.unit.replace("electron", str(unit)),
        "EXPTIME": rule.exposure_time,
        "DARKTIME": rule.exposure_time,
        **creation_cards(options.created),
        **time_cards(inputs),
        **provenance_cards(inputs, scales),
        **quality_cards(rule.calibration, combination.image, combination.mask, options.layout),
    }
    return CombinedCalibration(
        CalibrationImage(combination.image, combination.mask, combination.variance, finite_cards(metadata)),
        tuple(scales),
        tuple(one.exposure for one in inputs),
        combination.count,
    )


def _candidates(
    exposure: CorrectedExposure, rules: CosmicRayRules, layout: DetectorLayout, name: str
) -> CosmicRayCandidates:
    """Look for cosmic rays; where there are too many, say so and leave them to the clip."""
    found = candidates_of(exposure, layout, rules)
    if found.gave_up:
        _log.warning(
            "%s: too many pixels of %s look like cosmic rays; they are left to the clip",
            name,
            ", ".join(found.gave_up),
        )
    return found


def _count_saturated(
    exposure: CorrectedExposure, count: npt.NDArray[np.uint16] | None
) -> npt.NDArray[np.uint16] | None:
    """Add an exposure's saturated pixels to the count, which does not exist before there is one.

    What most exposures agree on is of the detector. A pixel that a cosmic ray saturates once is not, and
    would cost its neighbours and perhaps its column.
    """
    saturated = (exposure.mask & np.uint16(MaskPlane.SAT)) != 0
    if count is None:
        return saturated.astype(np.uint16) if saturated.any() else None
    count += saturated
    return count
