"""A whole sequence of flats, measured pair by pair: only numbers and binned images stay."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from infra.images import CorrectedExposure, Metadata
from infra.instruments.layout import DetectorLayout
from tasks.combine.metadata import CombineInput
from tasks.flat_pairs.binned_flat import BinGrid, bin_grid, bin_pixels
from tasks.flat_pairs.detector_pair import measure_pair
from tasks.flat_pairs.model import AmplifierReading, PairDescription, PairMeasurement
from tasks.flat_pairs.pair_statistics import UNUSABLE, ExtractSettings
from tasks.flat_pairs.pairing import ExposurePair

__all__ = ["BinnedExposure", "Flat", "MeasuredSequence", "SequenceSettings", "measure_sequence"]


@dataclass(frozen=True, slots=True)
class SequenceSettings:
    """How the pairs of a sequence are measured."""

    extract: ExtractSettings = field(default_factory=ExtractSettings)
    """Of one amplifier in one pair."""
    bin_size: int = 8
    """Side of a block of the binned images (pixels)."""
    binned_means: tuple[float, float] = (-np.inf, np.inf)
    """Exposures are kept as binned images if their mean lies in this range (adu)."""
    photodiode_card: str | None = None
    """Card with the charge of the monitoring photodiode; None where the camera has none."""
    auxiliary_cards: tuple[str, ...] = ()
    """Cards with numbers that are carried along."""
    n_threads: int = 1
    """Amplifiers measured at a time."""


@dataclass(frozen=True, slots=True, eq=False)
class Flat:
    """One flat at hand, to be let go of when its pair has been measured."""

    instrument: str
    """Name of the camera."""
    description: CombineInput
    """What is known of it, with its header."""
    layout: DetectorLayout
    """Where the amplifiers lie."""
    exposure: CorrectedExposure
    """Its pixels (adu), and in its header what signature removal measured."""
    overscan_variance: Mapping[str, float] = field(default_factory=dict)
    """What the subtraction of overscan levels added, in units of the read noise squared, by amplifier."""


@dataclass(frozen=True, slots=True, eq=False)
class BinnedExposure:
    """What is kept of the pixels of one exposure."""

    exposure: int
    """Exposure ID."""
    means: Mapping[str, float]
    """Mean signal by amplifier (adu)."""
    values: npt.NDArray[np.float32]
    """Means of the bins (adu), shape (n_bins,); NaN where too few pixels are usable."""


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredSequence:
    """What a sequence of pairs tells."""

    instrument: str
    """Name of the camera."""
    layout: DetectorLayout
    """Of the detector."""
    measurements: tuple[PairMeasurement, ...]
    """One per pair and amplifier."""
    inputs: tuple[CombineInput, ...]
    """The exposures, pair by pair, in the order in which they were measured."""
    grid: BinGrid
    """Bins of the detector."""
    binned: tuple[BinnedExposure, ...]
    """Exposures within the range of means, in the same order."""
    overscan_variance: Mapping[str, float] = field(default_factory=dict)
    """What the subtraction of overscan levels added, in units of the read noise squared, by amplifier."""


def measure_sequence(
    pairs: Iterable[ExposurePair],
    take: Callable[[int, int], Flat],
    settings: SequenceSettings | None = None,
) -> MeasuredSequence:
    """Measure pairs of flats one after the other; no more than two exposures are in memory.

    Parameters
    ----------
    pairs
        At least one.
    take
        Reads and corrects an exposure, given its ID and its place in the pair, 0 or 1.
    settings
        How to measure.

    Raises
    ------
    ValueError
        There is no pair.
    """
    settings = settings or SequenceSettings()
    measurements: list[PairMeasurement] = []
    inputs: list[CombineInput] = []
    binned: list[BinnedExposure] = []
    grid: BinGrid | None = None
    place: tuple[str, DetectorLayout, Mapping[str, float]] | None = None
    for pair in pairs:
        flats = (take(pair.first.exposure, 0), take(pair.second.exposure, 1))
        layout = flats[0].layout
        place = flats[0].instrument, layout, flats[0].overscan_variance
        grid = grid or bin_grid(
            [one.image_box for one in layout.amplifiers],
            layout.image_shape,
            settings.extract.edge,
            settings.bin_size,
        )
        found = measure_pair(
            flats[0].exposure,
            flats[1].exposure,
            layout,
            _described(pair, (flats[0].description.header, flats[1].description.header), settings),
            _readings(flats, layout),
            settings.extract,
            settings.n_threads,
        )
        measurements += found
        inputs += [one.description for one in flats]
        for flat, half in zip(flats, (-0.5, 0.5), strict=True):
            means = {one.amplifier: one.mean + half * one.delta for one in found}
            if _within(means, settings.binned_means):
                usable = (flat.exposure.mask & np.uint16(UNUSABLE)) == 0
                values = bin_pixels(flat.exposure.image, usable, grid)
                binned.append(BinnedExposure(flat.description.exposure, means, values))
        del flats, flat
    if place is None or grid is None:
        raise ValueError("there is no pair to measure")
    return MeasuredSequence(
        *place[:2], tuple(measurements), tuple(inputs), grid, tuple(binned), overscan_variance=place[2]
    )


def _described(
    pair: ExposurePair, headers: tuple[Metadata, Metadata], settings: SequenceSettings
) -> PairDescription:
    """Gather the times of a pair and the numbers of its headers."""

    def numbers(card: str) -> tuple[float, float]:
        return _number(headers[0].get(card)), _number(headers[1].get(card))

    charges = (np.nan, np.nan) if settings.photodiode_card is None else numbers(settings.photodiode_card)
    return PairDescription(
        exposures=pair.exposures,
        exposure_time=pair.exposure_time,
        begin_mjd=pair.begin_mjd,
        photo_charge=0.5 * (charges[0] + charges[1]),
        photo_charge_delta=charges[1] - charges[0],
        auxiliary=tuple((card, float(np.mean(numbers(card)))) for card in settings.auxiliary_cards),
    )


def _readings(flats: tuple[Flat, Flat], layout: DetectorLayout) -> dict[str, AmplifierReading]:
    """Mean of what signature removal wrote into the two headers."""

    def mean(card: str) -> float:
        return 0.5 * sum(_number(flat.exposure.metadata.get(card)) for flat in flats)

    return {
        one.name: AmplifierReading(
            overscan_noise=mean(f"LSST ISR OVERSCAN RESIDUAL SERIAL STDEV {one.name}"),
            overscan_median=mean(f"LSST ISR OVERSCAN SERIAL MEDIAN {one.name}"),
            offset=mean(f"LSST ISR AMPOFFSET PEDESTAL {one.name}"),
        )
        for one in layout.amplifiers
    }


def _number(value: object) -> float:
    """Read the number on a card; NaN where there is none."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if is_number else float("nan")  # type: ignore[arg-type]


def _within(means: Mapping[str, float], limits: tuple[float, float]) -> bool:
    """Whether an exposure's mean over its amplifiers lies in a range; True for an endless range."""
    finite = [mean for mean in means.values() if np.isfinite(mean)]
    mean = float(np.median(finite)) if finite else np.nan
    return limits == (-np.inf, np.inf) or bool(limits[0] < mean < limits[1])
