"""Metric rows carry the names, units and observing times that trends are read by."""

import math

import pytest

from tasks.verification.metrics import (
    AMPLIFIER_METRICS,
    DETECTOR_METRICS,
    PRODUCT_DETECTOR_METRICS,
    PRODUCT_METRICS,
    metric_rows,
)
from tasks.verification.model import DetectorStatistics, ExposureStatistics


def record(calibration: str, **values: float) -> DetectorStatistics:
    exposure = ExposureStatistics(
        exposure=2024032600012,
        group="verification",
        day_obs=20240326,
        observed_mjd=60395.75,
        exposure_time=60.0,
        dark_time=60.5,
        amplifiers={"C10": values},
        detector={"MEAN": 20000.0, "SCATTER": 200.0},
    )
    return DetectorStatistics(calibration=calibration, detector=94, exposures=(exposure,))


def rows(calibration: str, key: str = "", **values: float):
    return list(
        metric_rows(
            [record(calibration, **values)], campaign="LATISS/T/t/20240326a", calibration=key or calibration
        )
    )


def test_row_says_what_where_when_and_in_which_unit() -> None:
    (row,) = rows("bias", MEAN=0.25)
    assert (row.metric, row.value, row.unit) == ("bias.mean", 0.25, "electron")
    assert (row.exposure, row.detector, row.amplifier) == (2024032600012, 94, "C10")
    assert (row.campaign, row.calibration, row.group) == ("LATISS/T/t/20240326a", "bias", "verification")
    assert row.observed == "2024-03-26T18:00:00.000"


@pytest.mark.parametrize(
    ("calibration", "statistic", "metric", "unit"),
    [
        ("bias", "NOISE", "bias.noise", "electron"),
        ("bias", "CR_NOISE", "bias.cr_noise", "electron"),
        ("bias", "AMP_CORNER", "bias.corner_mean", "electron"),
        ("bias", "READ_NOISE_ADU", "bias.read_noise", "adu"),
        ("dark", "DARK_CURRENT", "dark.current", "electron/s"),
        ("flat", "MEAN", "flat.mean", "electron"),
    ],
)
def test_metrics_have_their_own_units(calibration, statistic, metric, unit) -> None:
    # analysis_tools labels all of these adu.
    found = {row.metric: row.unit for row in rows(calibration, **{statistic: 1.0}) if row.amplifier}
    assert found == {metric: unit}


def test_flat_has_noise_ratio_and_detector_rows_under_its_filters_key() -> None:
    found = {row.metric: row for row in rows("flat", "flat-r", NOISE=140.0, EXPECTED_NOISE=100.0)}
    assert found["flat.noise_ratio"].value == 1.4
    assert found["flat.noise_ratio"].calibration == "flat-r"
    assert found["flat.detector_scatter"].value == 0.01
    assert found["flat.detector_scatter"].amplifier is None


def test_what_could_not_be_measured_has_no_row() -> None:
    assert rows("bias", MEAN=math.nan, NOISE=math.inf, EXPECTED_NOISE=0.0) == []


def product(calibration: str, amplifier: dict[str, float], detector: dict[str, float] | None = None, **more):
    return DetectorStatistics(
        calibration=calibration,
        detector=94,
        product_amplifiers={"C10": amplifier},
        product_detector=detector or {},
        **more,
    )


@pytest.mark.parametrize(
    ("calibration", "statistic", "metric", "unit"),
    [
        ("ptc", "GAIN", "ptc.gain", "electron/adu"),
        ("ptc", "READ_NOISE", "ptc.read_noise", "electron"),
        ("ptc", "A00", "ptc.a00", "1/electron"),
        ("ptc", "TURNOFF", "ptc.turnoff", "electron"),
        ("linearizer", "MAX_RESIDUAL", "linearity.max_residual", ""),
        ("crosstalk", "MAX_COEFFICIENT", "crosstalk.coefficient", ""),
        ("defects", "FRACTION", "defects.fraction", ""),
    ],
)
def test_metrics_of_a_table_have_their_names_and_units(calibration, statistic, metric, unit) -> None:
    (row,) = metric_rows([product(calibration, {statistic: 0.5})], campaign="c", calibration=calibration)
    assert (row.metric, row.value, row.unit) == (metric, 0.5, unit)
    assert (row.exposure, row.group, row.observed) == (None, None, None)
    assert (row.detector, row.amplifier, row.calibration) == (94, "C10", calibration)


def test_table_has_rows_of_its_detector_and_the_time_it_was_made_of() -> None:
    record = product("defects", {}, {"FRACTION": 0.01, "OTHER": 1.0}, product_observed_mjd=60395.75)
    (row,) = metric_rows([record], campaign="c", calibration="defects")
    assert (row.metric, row.amplifier) == ("defects.detector_fraction", None)
    assert row.observed == "2024-03-26T18:00:00.000"


def test_every_metric_of_a_calibration_has_one_name_and_one_unit() -> None:
    catalogues = (AMPLIFIER_METRICS, DETECTOR_METRICS, PRODUCT_METRICS, PRODUCT_DETECTOR_METRICS)
    for kind in {name for catalogue in catalogues for name in catalogue}:
        quantities = [one for catalogue in catalogues for one in catalogue.get(kind, ())]
        assert len({one.name for one in quantities}) == len(quantities), kind
