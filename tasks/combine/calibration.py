"""The part that bias, dark and flat have in common: from a stream of exposures to a combined calibration."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from infra.errors import CalprodError
from infra.images import CalibrationImage, CorrectedExposure, MaskPlane, Metadata, finite_cards
from infra.instruments.layout import DetectorLayout
from tasks.combine.combination import check_scale, combine
from tasks.combine.metadata import (
    CombineInput,
    common_cards,
    creation_cards,
    provenance_cards,
    time_cards,
)
from tasks.combine.quality import quality_cards
from tasks.combine.spool import ExposureSpool

__all__ = ["CombineOptions", "CombineRule", "CombinedCalibration", "combine_calibration"]


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
        return int(np.count_nonzero(self.image.mask))


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
    with ExposureSpool(rule.excluded, options.directory, options.expected) as spool:
        for one, exposure in exposures:
            name = f"exposure {one.exposure}"
            if unit not in (None, exposure.unit):
                raise CalprodError(f"{name} is in {exposure.unit}, the exposures before it in {unit}")
            unit = exposure.unit
            scale = rule.scale(one, exposure)
            scales.append(check_scale(scale, f"{rule.calibration} {name}", rule.scale_remedy))
            spool.append(exposure, name)
            inputs.append(one)
            headers.append(one.header | exposure.metadata)
        if not inputs:
            raise CalprodError(f"no exposures to combine into a {rule.calibration}", "select at least one")
        combination = combine(
            spool,
            scales,
            n_sigma=options.n_sigma,
            n_iterations=options.n_iterations,
            n_threads=options.n_threads,
        )
    metadata: Metadata = {
        **common_cards(headers),
        **rule.cards,
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
