"""Pairs of flats measured twice: as they are, and corrected with the kernel under test."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from infra.errors import CalprodError
from tasks.combine.priors import Priors
from tasks.combine.raw_inputs import RawInput
from tasks.flat_pairs.model import PairMeasurement
from tasks.flat_pairs.pairing import ExposurePair
from tasks.flat_pairs.reading import FlatReader, ReadRaw
from tasks.flat_pairs.sequence import Flat, SequenceSettings, measure_sequence
from tasks.isr.config import IsrConfig
from tasks.isr.steps import Purpose

__all__ = ["APPLIED", "ComparedPairs", "compare_pairs", "ordered_pairs", "without_kernel"]

APPLIED = "LSST ISR BF APPLIED"
"""Card that says whether signature removal has corrected the brighter-fatter effect."""


@dataclass(frozen=True, slots=True, eq=False)
class ComparedPairs:
    """Measurements of the same pairs without and with the correction."""

    before: tuple[PairMeasurement, ...]
    """As they are."""
    after: tuple[PairMeasurement, ...]
    """Corrected."""
    n_pairs: int
    """Number of pairs."""


def without_kernel(priors: Priors) -> Priors:
    """Return the calibrations without what corrects the brighter-fatter effect."""
    return replace(priors, calibrations=replace(priors.calibrations, bfk=None, distortion=None))


def ordered_pairs(
    pairs: Sequence[ExposurePair], inputs: frozenset[int], most: int
) -> tuple[tuple[ExposurePair, ...], bool]:
    """Put pairs into the order in which they are tried.

    Parameters
    ----------
    pairs
        All there are.
    inputs
        Exposures the kernel was made from.
    most
        Pairs wanted.

    Returns
    -------
    ordered
        Pairs of which neither exposure is an input; where there are none, all. As many as are wanted are
        spread evenly over the exposure times, and again as many of those that follow.
    is_held_out
        Whether they are no inputs.
    """
    held_out = [pair for pair in pairs if not inputs.intersection(pair.exposures)]
    falling = sorted(held_out or pairs, key=lambda pair: pair.exposure_time, reverse=True)
    step = max(-(-len(falling) // most), 1)
    return tuple(pair for start in range(step) for pair in falling[start::step]), bool(held_out)


def compare_pairs(
    pairs: Sequence[ExposurePair],
    read: ReadRaw,
    purpose: Purpose,
    config: IsrConfig,
    priors: Priors,
    settings: SequenceSettings,
    *,
    most: int,
    is_useful: Callable[[Sequence[PairMeasurement]], bool],
) -> ComparedPairs:
    """Measure pairs of flats without and with the kernel; each raw is read once, two are in memory.

    Parameters
    ----------
    pairs
        Pairs to try, in this order.
    read
        Reads a raw.
    purpose, config
        Corrections of each flat.
    priors
        Calibrations to apply, the kernel under test among them.
    settings
        How pairs are measured.
    most
        Useful pairs after which no more are tried.
    is_useful
        Whether a pair, as it is, has a level by which a kernel can be judged.

    Raises
    ------
    CalprodError
        Signature removal does not say that it has applied the kernel.
    """
    at_hand: dict[int, RawInput] = {}
    plain = FlatReader(at_hand.__getitem__, purpose, config, without_kernel(priors))
    # The same memory: a flat is let go of before it is corrected anew.
    applied = FlatReader(at_hand.__getitem__, purpose, config, priors, plain.workspaces)

    def take_corrected(exposure: int, place: int) -> Flat:
        flat = applied.take(exposure, place)
        if flat.exposure.metadata.get(APPLIED) is not True:
            raise CalprodError(
                f"exposure {exposure} was not corrected for the brighter-fatter effect",
                "search the RUN of the kernel under test first",
            )
        return flat

    before: list[PairMeasurement] = []
    after: list[PairMeasurement] = []
    compared = 0
    for pair in pairs:
        if compared == most:
            break
        at_hand.clear()
        at_hand.update({exposure: read(exposure) for exposure in pair.exposures})
        plain_ones = measure_sequence([pair], plain.take, settings).measurements
        if is_useful(plain_ones):
            before += plain_ones
            after += measure_sequence([pair], take_corrected, settings).measurements
            compared += 1
    return ComparedPairs(tuple(before), tuple(after), compared)
