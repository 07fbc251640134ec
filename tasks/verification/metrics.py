"""What was measured as rows for the ledger: named, with unit and observing time, for trends."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from astropy.time import Time

from infra.ledger.model import Metric
from tasks.verification.model import (
    DetectorStatistics,
    ExposureStatistics,
    StatisticValues,
    calibration_type,
)

__all__ = ["AMPLIFIER_METRICS", "DETECTOR_METRICS", "Quantity", "metric_rows"]


@dataclass(frozen=True, slots=True)
class Quantity:
    """One metric: its name after the calibration's, its unit, and how it comes from the statistics."""

    name: str
    unit: str
    measure: Callable[[StatisticValues], float]
    """Value from the statistics of one amplifier or detector; NaN where one is missing."""


def _statistic(name: str) -> Callable[[StatisticValues], float]:
    return lambda values: values.get(name, math.nan)


def _ratio(above: str, below: str) -> Callable[[StatisticValues], float]:
    def measure(values: StatisticValues) -> float:
        denominator = values.get(below, math.nan)
        return values.get(above, math.nan) / denominator if denominator else math.nan

    return measure


_COMMON = (
    Quantity("mean", "electron", _statistic("MEAN")),
    Quantity("median", "electron", _statistic("MEDIAN")),
    Quantity("noise", "electron", _statistic("NOISE")),
    Quantity("noise_ratio", "", _ratio("NOISE", "EXPECTED_NOISE")),
)

AMPLIFIER_METRICS: Mapping[str, tuple[Quantity, ...]] = MappingProxyType(
    {
        "bias": (
            *_COMMON,
            Quantity("cr_mean", "electron", _statistic("CR_MEAN")),
            Quantity("cr_noise", "electron", _statistic("CR_NOISE")),
            Quantity("corner_mean", "electron", _statistic("AMP_CORNER")),
            Quantity("read_noise", "adu", _statistic("READ_NOISE_ADU")),
        ),
        "dark": (
            *_COMMON,
            Quantity("cr_mean", "electron", _statistic("CR_MEAN")),
            Quantity("cr_noise", "electron", _statistic("CR_NOISE")),
            Quantity("read_noise", "adu", _statistic("READ_NOISE_ADU")),
            Quantity("current", "electron/s", _statistic("DARK_CURRENT")),
        ),
        "flat": _COMMON,
    }
)
"""Metrics of each amplifier of each exposure, by calibration."""

DETECTOR_METRICS: Mapping[str, tuple[Quantity, ...]] = MappingProxyType(
    {
        "flat": (
            Quantity("detector_mean", "electron", _statistic("MEAN")),
            Quantity("detector_scatter", "", _ratio("SCATTER", "MEAN")),
        ),
    }
)
"""Metrics of each detector of each exposure, by calibration."""


def metric_rows(
    statistics: Iterable[DetectorStatistics], *, campaign: str, calibration: str
) -> Iterator[Metric]:
    """Yield one row per metric, exposure, detector and amplifier.

    Parameters
    ----------
    statistics
        What was measured.
    campaign
        Name of the campaign.
    calibration
        Calibration key, such as ``flat-r``; the metrics' names begin with its type.

    Yields
    ------
    Metric
        With the mid-time of the exposure (TAI). A quantity that could not be measured has no row, because a
        trend has no use for it; the verdict lists it as could-not-run.
    """
    kind = calibration_type(calibration)
    for record in statistics:
        for exposure in record.exposures:
            observed = _iso(exposure.observed_mjd)
            for amplifier, values in exposure.amplifiers.items():
                for quantity in AMPLIFIER_METRICS.get(kind, _COMMON):
                    yield from _row(
                        quantity, values, campaign, calibration, record, exposure, observed, amplifier
                    )
            for quantity in DETECTOR_METRICS.get(kind, ()):
                yield from _row(
                    quantity, exposure.detector, campaign, calibration, record, exposure, observed, None
                )


def _row(
    quantity: Quantity,
    values: StatisticValues,
    campaign: str,
    calibration: str,
    record: DetectorStatistics,
    exposure: ExposureStatistics,
    observed: str | None,
    amplifier: str | None,
) -> Iterator[Metric]:
    value = quantity.measure(values)
    if math.isfinite(value):
        yield Metric(
            campaign=campaign,
            calibration=calibration,
            metric=f"{calibration_type(calibration)}.{quantity.name}",
            value=value,
            unit=quantity.unit,
            exposure=exposure.exposure,
            detector=record.detector,
            amplifier=amplifier,
            observed=observed,
            group=exposure.group.value,
        )


def _iso(mjd: float) -> str | None:
    """Return an MJD (TAI) as ISO 8601; None when it is not a time."""
    return str(Time(mjd, format="mjd", scale="tai").isot) if math.isfinite(mjd) else None
