"""Pairs of flats measured twice: as they are, and corrected with the kernel under test."""

from collections.abc import Sequence
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

__all__ = ["APPLIED", "ComparedPairs", "chosen_pairs", "compare_pairs", "without_kernel"]

APPLIED = "LSST ISR BF APPLIED"
"""Card that says whether signature removal has corrected the brighter-fatter effect."""


@dataclass(frozen=True, slots=True, eq=False)
class ComparedPairs:
    """Measurements of the same pairs without and with the correction."""

    before: tuple[PairMeasurement, ...]
    after: tuple[PairMeasurement, ...]


def without_kernel(priors: Priors) -> Priors:
    """Return the calibrations without what corrects the brighter-fatter effect."""
    return replace(priors, calibrations=replace(priors.calibrations, bfk=None, distortion=None))


def chosen_pairs(
    pairs: Sequence[ExposurePair], inputs: frozenset[int], most: int
) -> tuple[tuple[ExposurePair, ...], int]:
    """Choose pairs to verify with.

    Parameters
    ----------
    pairs
        All there are.
    inputs
        Exposures the kernel was made from.
    most
        Number to choose at most, evenly over the exposure times.

    Returns
    -------
    chosen
        Pairs of which neither exposure is an input; where there are none, all.
    n_held_out
        How many of them are no inputs.
    """
    held_out = [pair for pair in pairs if not inputs.intersection(pair.exposures)]
    ordered = sorted(held_out or pairs, key=lambda pair: pair.exposure_time, reverse=True)
    step = max(len(ordered) / most, 1.0)
    chosen = tuple(ordered[int(i * step)] for i in range(min(len(ordered), most)))
    return chosen, len(chosen) if held_out else 0


def compare_pairs(
    pairs: Sequence[ExposurePair],
    read: ReadRaw,
    purpose: Purpose,
    config: IsrConfig,
    priors: Priors,
    settings: SequenceSettings,
) -> ComparedPairs:
    """Measure pairs of flats without and with the kernel; each raw is read once, two are in memory.

    Parameters
    ----------
    pairs
        Pairs to measure.
    read
        Reads a raw.
    purpose, config
        Corrections of each flat.
    priors
        Calibrations to apply, the kernel under test among them.
    settings
        How pairs are measured.

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
    for pair in pairs:
        at_hand.clear()
        at_hand.update({exposure: read(exposure) for exposure in pair.exposures})
        before += measure_sequence([pair], plain.take, settings).measurements
        after += measure_sequence([pair], take_corrected, settings).measurements
    return ComparedPairs(tuple(before), tuple(after))
