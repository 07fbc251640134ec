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

__all__ = ["AMPLIFIER_METRICS", "DETECTOR_METRICS", "PRODUCT_METRICS", "PRODUCT_DETECTOR_METRICS"]
__all__ += ["Quantity", "metric_rows"]


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


PRODUCT_METRICS: Mapping[str, tuple[Quantity, ...]] = MappingProxyType(
    {
        "ptc": (
            Quantity("gain", "electron/adu", _statistic("GAIN")),
            Quantity("gain_ratio", "", _ratio("GAIN", "NOMINAL_GAIN")),
            Quantity("read_noise", "electron", _statistic("READ_NOISE")),
            Quantity("a00", "1/electron", _statistic("A00")),
            Quantity("turnoff", "electron", _statistic("TURNOFF")),
            Quantity("row_mean_variance_slope", "", _statistic("ROW_MEAN_VARIANCE_SLOPE")),
        ),
        "linearizer": (
            Quantity("max_residual", "", _statistic("MAX_RESIDUAL")),
            Quantity("turnoff", "electron", _statistic("TURNOFF")),
        ),
        "crosstalk": (
            Quantity("coefficient", "", _statistic("MAX_COEFFICIENT")),
            Quantity("significant", "", _statistic("N_SIGNIFICANT")),
        ),
        "defects": (
            Quantity("fraction", "", _statistic("FRACTION")),
            Quantity("pixels", "pixel", _statistic("N_DEFECT_PIXELS")),
        ),
    }
)
"""Metrics of each amplifier of the calibration itself, by calibration."""

PRODUCT_DETECTOR_METRICS: Mapping[str, tuple[Quantity, ...]] = MappingProxyType(
    {
        "crosstalk": (Quantity("detector_significant", "", _statistic("N_SIGNIFICANT")),),
        "defects": (Quantity("detector_fraction", "", _statistic("FRACTION")),),
    }
)
"""Metrics of the calibration itself for a whole detector, by calibration."""

METRIC_PREFIXES: Mapping[str, str] = MappingProxyType({"linearizer": "linearity"})
"""What a metric's name begins with, where that is not the calibration's own name."""


def metric_rows(
    statistics: Iterable[DetectorStatistics], *, campaign: str, calibration: str
) -> Iterator[Metric]:
    """Yield one row per metric, exposure, detector and amplifier; of the calibration itself without exposure.

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
        With the mid-time of the exposure, or of what the calibration was made from (TAI). A quantity that
        could not be measured has no row, because a trend has no use for it; the verdict lists it as
        could-not-run.
    """
    kind = calibration_type(calibration)
    for record in statistics:
        for exposure in record.exposures:
            row = _Row(campaign, calibration, record.detector, exposure, _iso(exposure.observed_mjd))
            for amplifier, values in exposure.amplifiers.items():
                yield from row.metrics(AMPLIFIER_METRICS.get(kind, _COMMON), values, amplifier)
            yield from row.metrics(DETECTOR_METRICS.get(kind, ()), exposure.detector)
        row = _Row(campaign, calibration, record.detector, None, _iso(record.product_observed_mjd))
        for amplifier, values in record.product_amplifiers.items():
            yield from row.metrics(PRODUCT_METRICS.get(kind, ()), values, amplifier)
        yield from row.metrics(PRODUCT_DETECTOR_METRICS.get(kind, ()), record.product_detector)


@dataclass(frozen=True, slots=True)
class _Row:
    """What the metrics of one exposure, or of one calibration, have in common."""

    campaign: str
    calibration: str
    detector: int
    exposure: ExposureStatistics | None
    """None for the calibration itself."""
    observed: str | None

    def metrics(
        self, quantities: Iterable[Quantity], values: StatisticValues, amplifier: str | None = None
    ) -> Iterator[Metric]:
        """Yield a row for every quantity that could be measured."""
        kind = calibration_type(self.calibration)
        prefix, exposure = METRIC_PREFIXES.get(kind, kind), self.exposure
        for quantity in quantities:
            value = quantity.measure(values)
            if math.isfinite(value):
                yield Metric(
                    campaign=self.campaign,
                    calibration=self.calibration,
                    metric=f"{prefix}.{quantity.name}",
                    value=value,
                    unit=quantity.unit,
                    exposure=exposure.exposure if exposure else None,
                    detector=self.detector,
                    amplifier=amplifier,
                    observed=self.observed,
                    group=exposure.group.value if exposure else None,
                )


def _iso(mjd: float | None) -> str | None:
    """Return an MJD (TAI) as ISO 8601; None when it is not a time."""
    if mjd is None or not math.isfinite(mjd):
        return None
    return str(Time(mjd, format="mjd", scale="tai").isot)
