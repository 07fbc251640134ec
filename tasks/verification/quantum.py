"""What the verification tasks read and write: candidates, inputs of a calibration, records of exposures."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.table import Table
from lsst.images import MaskedImage
from lsst.pipe.base import InputQuantizedConnection, NoWorkFound, QuantumContext

from infra.butler.images import calibration_image
from infra.images import CalibrationImage, Metadata
from infra.instruments.layout import DetectorLayout
from tasks.combine import metadata
from tasks.combine.priors import Priors
from tasks.combine.raw_inputs import RawInput
from tasks.verification.model import (
    DetectorStatistics,
    ExposureGroup,
    ExposureStatistics,
    StatisticValues,
)
from tasks.verification.statistics import ResidualStatistics

__all__ = ["Candidate", "ProductMeasurement", "detector_record", "exposure_record", "group_of"]
__all__ += ["input_exposures", "kept_cards", "peeked", "read_candidate", "residual_table"]

type Candidate = CalibrationImage | Table
"""A calibration under test: an image, or a table as the Butler stores it."""


@dataclass(frozen=True, slots=True, eq=False)
class ProductMeasurement:
    """Statistics of a calibration itself."""

    amplifiers: Mapping[str, StatisticValues] = field(default_factory=dict)
    """Statistics by amplifier name; an amplifier of the detector that is not here was not measured."""
    detector: StatisticValues = field(default_factory=dict)
    """Statistics of the whole detector."""
    problems: Mapping[str, str] = field(default_factory=dict)
    """Why there is no calibration of an amplifier, by its name."""
    exposures: tuple[ExposureStatistics, ...] = ()
    """Statistics of single exposures, where there are any."""


def read_candidate(
    butlerQC: QuantumContext,  # noqa: N803
    inputRefs: InputQuantizedConnection,  # noqa: N803
    name: str,
    priors: Priors,
) -> tuple[Candidate, Priors]:
    """Read the calibration under test, and note its UUID among those read.

    Parameters
    ----------
    butlerQC, inputRefs
        Butler and inputs of the quantum.
    name
        Connection of the calibration, which is its dataset type.
    priors
        Calibrations read already; an image among them is not read again.
    """
    ref = getattr(inputRefs, name)
    image = getattr(priors.calibrations, name, None)
    stored = image if isinstance(image, CalibrationImage) else butlerQC.get(ref)
    candidate = calibration_image(stored) if isinstance(stored, MaskedImage) else stored
    uuids = {**priors.uuids, name: str(ref.id)}
    return candidate, Priors(priors.calibrations, priors.cards, uuids)


def peeked(raws: Iterable[RawInput]) -> tuple[DetectorLayout, Iterator[RawInput]]:
    """Return the layout of the detector, and all raws; the first is not read twice, nor kept.

    Raises
    ------
    NoWorkFound
        There are none.
    """
    stream = iter(raws)
    first = next(stream, None)
    if first is None:
        raise NoWorkFound("there are no raws to verify with")
    return first.raw.layout, _chained([first], stream)


def _chained(first: list[RawInput], rest: Iterator[RawInput]) -> Iterator[RawInput]:
    # Popped, the first is let go of as the others are.
    yield first.pop()
    yield from rest


def _cards_of(candidate: Candidate) -> Mapping[str, Any]:
    """Return the header of a calibration."""
    return candidate.metadata if isinstance(candidate, CalibrationImage) else candidate.meta


def input_exposures(candidate: Candidate) -> frozenset[int]:
    """Return the exposures a calibration was made from, as its own header lists them."""
    return metadata.input_exposures(_cards_of(candidate))


def group_of(exposure: int, inputs: frozenset[int]) -> ExposureGroup:
    """Return whether an exposure is an input of the calibration."""
    return ExposureGroup.GENERATION if exposure in inputs else ExposureGroup.VERIFICATION


def kept_cards(header: Mapping[str, Any], keys: Iterable[str]) -> Metadata:
    """Return the cards that limits may depend on; None for one that is missing."""
    return {key: header.get(key) for key in keys}


def exposure_record(
    raw: RawInput, group: ExposureGroup, statistics: ResidualStatistics, keys: Iterable[str]
) -> ExposureStatistics:
    """Return what was measured of one exposure.

    Parameters
    ----------
    raw
        The exposure.
    group
        Whether it is an input of the calibration.
    statistics
        What was measured.
    keys
        Cards of its header to keep.
    """
    return ExposureStatistics(
        exposure=raw.exposure,
        group=group,
        day_obs=raw.day_obs,
        observed_mjd=0.5 * (raw.begin_mjd + raw.end_mjd),
        exposure_time=raw.exposure_time,
        dark_time=raw.dark_time,
        physical_filter=raw.physical_filter,
        amplifiers=statistics.amplifiers,
        problems=statistics.problems,
        detector=statistics.detector,
        metadata=kept_cards(raw.raw.primary_header, keys),
    )


def detector_record(
    name: str,
    candidate: Candidate,
    layout: DetectorLayout,
    uuids: Mapping[str, str],
    exposures: Iterable[ExposureStatistics],
    product: ProductMeasurement | None,
    keys: Iterable[str],
) -> DetectorStatistics:
    """Return what was measured of one detector.

    Parameters
    ----------
    name
        Dataset type of the calibration under test.
    candidate
        That calibration.
    layout
        The detector and its amplifiers.
    uuids
        UUID of every calibration read.
    exposures
        What was measured of single exposures.
    product
        What was measured of the calibration itself; None when that was not asked.
    keys
        Cards of the calibration's header to keep.
    """
    cards = _cards_of(candidate)
    record = DetectorStatistics(
        calibration=name,
        detector=layout.id,
        detector_name=layout.name,
        vendor=layout.vendor,
        n_inputs=len(input_exposures(candidate)) or None,
        calibration_uuids=dict(uuids),
        exposures=tuple(exposures),
    )
    if product is None:
        return record
    return record.model_copy(
        update={
            "product_amplifiers": _by_amplifier(product.amplifiers, layout),
            "product_detector": dict(product.detector),
            "product_problems": dict(product.problems),
            "product_metadata": {key: cards[key] for key in keys if cards.get(key) is not None},
            "product_observed_mjd": _middle(cards),
            "exposures": (*record.exposures, *product.exposures),
        }
    )


def residual_table(measured: list[ExposureStatistics], binned: list[npt.NDArray[np.float32]]) -> Table:
    """Return the binned residuals with one row per exposure.

    Parameters
    ----------
    measured
        What was measured of each exposure.
    binned
        Residual of each, shape (ny, nx).
    """
    return Table(
        {
            "exposure": np.array([one.exposure for one in measured], np.int64),
            "group": [one.group.value for one in measured],
            "observed": np.array([one.observed_mjd for one in measured]),
            "residual": np.stack(binned),
        }
    )


def _by_amplifier(
    measured: Mapping[str, StatisticValues], layout: DetectorLayout
) -> dict[str, StatisticValues]:
    """Return the statistics of every amplifier of the detector, empty ones where nothing was measured."""
    return {one.name: measured.get(one.name, {}) for one in layout.amplifiers}


def _middle(cards: Mapping[str, Any]) -> float | None:
    """Return the middle of what a calibration was made from (TAI, MJD), None when its header does not say."""
    ends = [cards.get("MJD-BEG"), cards.get("MJD-END")]
    times = [float(end) for end in ends if isinstance(end, int | float) and not isinstance(end, bool)]
    return sum(times) / 2 if len(times) == 2 else None
