"""What is measured survives YAML and JSON, and no numpy scalar gets out."""

import json
import math

import numpy as np
import pytest
import yaml
from pydantic import ValidationError

from tasks.verification.model import (
    DetectorStatistics,
    ExposureStatistics,
    Outcome,
    TestResult,
    calibration_type,
)


def statistics() -> DetectorStatistics:
    exposure = ExposureStatistics(
        exposure=np.int64(2024032600012),
        group="generation",
        day_obs=20240326,
        observed_mjd=np.float64(60396.25),
        exposure_time=np.float32(0.0),
        dark_time=1,
        amplifiers={"C10": {"MEAN": np.float64(math.nan), "NOISE": np.float32(8.0), "N_PIXELS": 3}},
        metadata={"SEQNAME": "FP_ITL_2s.seq", "ODP": None},
    )
    return DetectorStatistics(calibration="bias", detector=0, exposures=(exposure,))


def test_statistics_survive_the_butlers_yaml_with_nan() -> None:
    again = DetectorStatistics.model_validate(yaml.safe_load(yaml.safe_dump(statistics().plain())))
    values = again.exposures[0].amplifiers["C10"]
    assert math.isnan(values.pop("MEAN"))
    assert values == {"NOISE": 8.0, "N_PIXELS": 3.0}
    assert again.exposures[0].metadata == {"SEQNAME": "FP_ITL_2s.seq", "ODP": None}


def test_statistics_survive_json_with_nan() -> None:
    again = DetectorStatistics.model_validate(json.loads(json.dumps(statistics().plain())))
    assert math.isnan(again.exposures[0].amplifiers["C10"]["MEAN"])


def test_numpy_scalars_become_python_numbers() -> None:
    exposure = statistics().plain()["exposures"][0]
    values = [exposure["observed_mjd"], exposure["exposure"], *exposure["amplifiers"]["C10"].values()]
    assert {type(value) for value in values} <= {int, float}


def test_statistics_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        statistics().detector = 3


@pytest.mark.parametrize(
    ("value", "lower", "upper", "limit"),
    [
        (1.0, 7.6, 8.4, 7.6),
        (9.0, 7.6, 8.4, 8.4),
        (7.9, 7.6, 8.4, 7.6),
        (8.1, 7.6, 8.4, 8.4),
        (3.0, None, 2.0, 2.0),
        (3.0, 4.0, None, 4.0),
        (None, None, None, None),
        (None, 7.6, 8.4, 8.4),
    ],
)
def test_limit_is_the_one_broken_or_the_nearer_one(value, lower, upper, limit) -> None:
    result = TestResult(
        calibration="bias",
        test="NOISE",
        outcome=Outcome.FAIL,
        value=value,
        lower_limit=lower,
        upper_limit=upper,
    )
    assert result.limit == limit
    assert result.plain()["limit"] == limit


def test_result_is_read_back_from_its_dump() -> None:
    result = TestResult(calibration="bias", test="NOISE", outcome=Outcome.FAIL, value=3.0, upper_limit=2.0)
    assert TestResult.model_validate(result.plain()) == result


@pytest.mark.parametrize(
    ("place", "level"),
    [
        ({"exposure": 1, "detector": 0, "amplifier": "C10"}, "amplifier"),
        ({"exposure": 1, "detector": 0}, "detector"),
        ({"exposure": 1}, "exposure"),
        ({"detector": 0, "amplifier": "C10"}, "run"),
        ({}, "run"),
    ],
)
def test_level_follows_from_what_a_result_names(place, level) -> None:
    assert TestResult(calibration="bias", test="T", outcome=Outcome.PASS, **place).level == level


def test_calibration_type_drops_the_filter() -> None:
    assert [calibration_type(key) for key in ("bias", "flat-r", "flat-SDSSr_65mm-x")] == [
        "bias",
        "flat",
        "flat",
    ]
