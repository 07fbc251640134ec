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
from tasks.verification.units import unit_of

__all__ = ["AMPLIFIER_METRICS", "DETECTOR_METRICS", "PRODUCT_METRICS", "PRODUCT_DETECTOR_METRICS"]
__all__ += ["Quantity", "metric_rows"]


@dataclass(frozen=True, slots=True)
class Quantity:
    """One metric: its name after the calibration's, its unit, and how it comes from the statistics."""

    name: str
    unit: str
    measure: Callable[[StatisticValues], float]
    """Value from the statistics of one amplifier or detector; NaN where one is missing."""


def _of(name: str, statistic: str) -> Quantity:
    """Return a statistic as a metric, in its own unit."""
    return Quantity(name, unit_of(statistic), lambda values: values.get(statistic, math.nan))


def _ratio(name: str, above: str, below: str) -> Quantity:
    """Return the ratio of two statistics as a metric."""

    def measure(values: StatisticValues) -> float:
        denominator = values.get(below, math.nan)
        return values.get(above, math.nan) / denominator if denominator else math.nan

    return Quantity(name, "", measure)


_COMMON = (
    _of("mean", "MEAN"),
    _of("median", "MEDIAN"),
    _of("noise", "NOISE"),
    _ratio("noise_ratio", "NOISE", "EXPECTED_NOISE"),
)
_CLEANED = (_of("cr_mean", "CR_MEAN"), _of("cr_noise", "CR_NOISE"), _of("read_noise", "READ_NOISE_ADU"))

AMPLIFIER_METRICS: Mapping[str, tuple[Quantity, ...]] = MappingProxyType(
    {
        "bias": (*_COMMON, *_CLEANED, _of("corner_mean", "AMP_CORNER")),
        "dark": (*_COMMON, *_CLEANED, _of("current", "DARK_CURRENT")),
        "flat": _COMMON,
        "fringe": (_of("noise", "NOISE"), _ratio("noise_ratio", "NOISE", "EXPECTED_NOISE")),
        "sky": (_of("noise", "NOISE"), _ratio("noise_ratio", "NOISE", "EXPECTED_NOISE")),
        "defects": (
            _of("outliers", "STAT_OUTLIERS"),
            _of("excess_outliers", "EXCESS_OUTLIERS"),
            _ratio("noise_saved", "STDEV", "UNMASKED_STDEV"),
        ),
    }
)
"""Metrics of each amplifier of each exposure, by calibration."""

DETECTOR_METRICS: Mapping[str, tuple[Quantity, ...]] = MappingProxyType(
    {
        "flat": (_of("detector_mean", "MEAN"), _ratio("detector_scatter", "SCATTER", "MEAN")),
        "fringe": (
            _of("amplitude", "FRINGE_AMPLITUDE"),
            _of("sky_level", "SKY_LEVEL"),
            _of("amplitude_ratio", "AMPLITUDE_RATIO"),
            _of("before", "FRINGE_BEFORE"),
            _of("residual", "FRINGE_RESIDUAL"),
            _of("correlation", "FRINGE_CORRELATION"),
            _of("unevenness", "UNEVENNESS"),
        ),
        "sky": (
            _of("scale", "SKY_SCALE"),
            _of("residual", "SKY_RESIDUAL"),
            _of("before", "SKY_BEFORE"),
        ),
    }
)
"""Metrics of each detector of each exposure, by calibration."""

PRODUCT_METRICS: Mapping[str, tuple[Quantity, ...]] = MappingProxyType(
    {
        "flat": (_of("amplifier_response", "AMPLIFIER_RESPONSE"),),
        "ptc": (
            _of("gain", "GAIN"),
            _ratio("gain_ratio", "GAIN", "NOMINAL_GAIN"),
            _of("read_noise", "READ_NOISE"),
            _of("a00", "A00"),
            _of("turnoff", "TURNOFF"),
            _of("chi_squared", "CHI_SQUARED"),
            _of("row_mean_variance_slope", "ROW_MEAN_VARIANCE_SLOPE"),
        ),
        "linearizer": (
            _of("max_residual", "MAX_RESIDUAL"),
            _of("held_out_residual", "HELD_OUT_RESIDUAL"),
            _of("null_residual", "NULL_RESIDUAL"),
            _of("turnoff", "TURNOFF"),
        ),
        "cti": (
            _of("serial", "SERIAL_CTI"),
            _of("parallel", "PARALLEL_CTI"),
            _of("drift_scale", "DRIFT_SCALE"),
            _of("decay_time", "DECAY_TIME"),
            _of("global", "GLOBAL_CTI"),
            _of("trail_left", "TRAIL_LEFT"),
            _of("trail_overcorrected", "TRAIL_OVERCORRECTED"),
            _of("trail_ratio", "TRAIL_RATIO"),
        ),
        "bfk": (
            _of("a00_residual", "A00_RESIDUAL"),
            _of("c10_residual", "C10_RESIDUAL"),
            _of("c01_residual", "C01_RESIDUAL"),
            _of("centre", "KERNEL_CENTRE"),
        ),
        "crosstalk": (
            _of("coefficient", "MAX_COEFFICIENT"),
            _of("residual", "MAX_RESIDUAL"),
            _of("significant", "N_SIGNIFICANT"),
        ),
        "spectroFlat": (
            _of("level", "LEVEL"),
            _of("structure", "STRUCTURE"),
            _of("pixel_scatter", "PIXEL_SCATTER"),
        ),
        "gain_correction": (_of("adjustment", "ADJUSTMENT"),),
        "defects": (
            _of("fraction", "FRACTION"),
            _of("hot", "N_HOT"),
            _of("cold", "N_COLD"),
            _of("bad_columns", "N_BAD_COLUMNS"),
            _of("new", "N_NEW"),
            _of("gone", "N_GONE"),
        ),
    }
)
"""Metrics of each amplifier of the calibration itself, by calibration."""

PRODUCT_DETECTOR_METRICS: Mapping[str, tuple[Quantity, ...]] = MappingProxyType(
    {
        "flat": (
            _of("response", "RESPONSE"),
            _of("gradient_residual", "GRADIENT_RESIDUAL"),
            _of("itl_ratio", "ITL_RATIO"),
            _of("level_residual", "LEVEL_RESIDUAL"),
            _of("pattern_match", "PATTERN_MATCH"),
        ),
        "ptc": (_of("bad_amplifiers", "N_BAD"),),
        "linearizer": (_of("light_residual", "LIGHT_RESIDUAL"), _of("lamp_scatter", "LAMP_SCATTER")),
        "bfk": (
            _of("detector_a00_residual", "A00_RESIDUAL"),
            _of("detector_c10_residual", "C10_RESIDUAL"),
            _of("detector_c01_residual", "C01_RESIDUAL"),
            _of("axes", "AXES"),
            _of("xx_growth_residual", "XX_SLOPE_RESIDUAL"),
            _of("yy_growth_residual", "YY_SLOPE_RESIDUAL"),
            _of("invalid", "N_INVALID"),
        ),
        "electroBfDistortionMatrix": (
            _of("a00_residual", "A00_RESIDUAL"),
            _of("sum", "SUM_RULE"),
            _of("reduced_chi2", "REDUCED_CHI2"),
        ),
        "crosstalk": (
            _of("residual_significant", "N_RESIDUAL_SIGNIFICANT"),
            _of("residual_significance", "MAX_RESIDUAL_SIGNIFICANCE"),
            _of("scale", "SCALE"),
        ),
        "gain_correction": (_of("ratio_scatter", "RATIO_SCATTER"), _of("left_out", "N_LEFT_OUT")),
        "defects": (_of("detector_fraction", "FRACTION"), _of("completeness", "COMPLETENESS")),
        "fringe": (
            _of("pattern_rms", "PATTERN_RMS"),
            _of("pattern_mean", "PATTERN_MEAN"),
            _of("pattern_significance", "PATTERN_SIGNIFICANCE"),
        ),
        "sky": (_of("level", "LEVEL"), _of("roughness", "ROUGHNESS")),
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
