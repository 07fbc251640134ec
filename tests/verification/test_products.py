"""Tests of the calibration itself: what is in the table, not what it does to an exposure."""

import math
from collections import Counter
from dataclasses import dataclass, field

import pytest

from infra.errors import CalprodError
from infra.settings.policy import LimitVersion, PolicyTest, Waiver
from tasks.verification.evaluate import all_results, evaluate
from tasks.verification.model import (
    DetectorStatistics,
    ExposureGroup,
    PlannedFrame,
    Verdict,
    VerdictOutcome,
)
from tests.verification.simulated import OTHER_UUID, UUID, policy, policy_test

AMPLIFIERS = ("C10", "C11", "C12", "C13")


def product_test(test: str, rule: str, statistic: str = "", **more: object) -> PolicyTest:
    return policy_test(test, rule, statistic, calibration="ptc", subject="product", **more)


GAIN = product_test(
    "PTC_GAIN", "fraction_within", "GAIN", reference="NOMINAL_GAIN", parameters={"tolerance": 0.05}
)
TURNOFF = product_test("PTC_TURNOFF", "at_least", "TURNOFF", parameters={"minimum": 90000.0})
BAD_AMPLIFIERS = product_test(
    "BAD_AMPLIFIERS", "count_at_most", "N_BAD", level="detector", parameters={"maximum": 0}, unit=""
)
PROCESSING = product_test("PROCESSING", "no_processing_failure", unit="")
EVERYTHING = policy(GAIN, TURNOFF, BAD_AMPLIFIERS, PROCESSING)


@dataclass
class Curves:
    """Statistics of photon transfer curves, all of which pass until a test spoils one."""

    detectors: tuple[int, ...] = (0,)
    values: dict[tuple[int, str], dict[str, float]] = field(default_factory=dict)
    detector_values: dict[int, dict[str, float]] = field(default_factory=dict)
    problems: dict[int, dict[str, str]] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    vendor: str = "ITL"
    read: str = UUID

    def records(self) -> list[DetectorStatistics]:
        return [
            DetectorStatistics(
                calibration="ptc",
                detector=detector,
                detector_name=f"R22_S{detector:02d}",
                vendor=self.vendor,
                calibration_uuids={"ptc": self.read},
                candidate_uuid=UUID,
                product_amplifiers={
                    name: {"GAIN": 1.5, "NOMINAL_GAIN": 1.5, "TURNOFF": 100000.0}
                    | self.values.get((detector, name), {})
                    for name in AMPLIFIERS
                },
                product_detector={"N_BAD": 0.0} | self.detector_values.get(detector, {}),
                product_problems=self.problems.get(detector, {}),
                product_metadata=self.metadata,
            )
            for detector in self.detectors
        ]

    def verdict(self, trial=EVERYTHING, **more) -> Verdict:
        return evaluate(self.records(), trial, calibration="ptc", **more)


def listed(verdict: Verdict) -> list[tuple[int | None, str | None, str]]:
    lists = (verdict.failures, verdict.warnings, verdict.waived, verdict.could_not_run)
    assert all(result.exposure is None and result.group is None for one in lists for result in one)
    return [(result.detector, result.amplifier, result.test) for one in lists for result in one]


def test_each_test_is_asked_once_per_detector_and_amplifier() -> None:
    found = Curves(detectors=(0, 1)).verdict(candidates={0: UUID, 1: UUID})
    assert found.outcome is VerdictOutcome.VERIFIED
    assert {(one.test, one.level, one.subject): one.passed for one in found.tallies} == {
        ("PTC_GAIN", "amplifier", "product"): 8,
        ("PTC_TURNOFF", "amplifier", "product"): 8,
        ("BAD_AMPLIFIERS", "detector", "product"): 2,
        ("PROCESSING", "amplifier", "product"): 8,
        ("PRESENCE", "run", "exposure"): 2,
        ("PROVENANCE", "run", "exposure"): 2,
    }


def test_planted_failures_appear_once_each_with_value_and_limits() -> None:
    curves = Curves(
        detectors=(0, 1),
        values={(0, "C11"): {"GAIN": 1.2}, (1, "C12"): {"TURNOFF": 80000.0}},
        detector_values={1: {"N_BAD": 1.0}},
    )
    found = curves.verdict()
    assert Counter(listed(found)) == Counter(
        [(0, "C11", "PTC_GAIN"), (1, "C12", "PTC_TURNOFF"), (1, None, "BAD_AMPLIFIERS")]
    )
    gain = found.failures[0]
    assert (gain.subject, gain.level, gain.value) == ("product", "amplifier", 1.2)
    assert (gain.lower_limit, gain.upper_limit) == pytest.approx((1.425, 1.575))
    assert gain.reason == "GAIN 1.2 electron is below 1.425 (NOMINAL_GAIN is 1.5, -20 %)"
    assert sum(cause.count for cause in found.causes) == 3
    assert all(found.group_outcome(group) is VerdictOutcome.FAILED for group in ExposureGroup)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_has_no_value_could_not_run(value: float) -> None:
    found = Curves(values={(0, "C13"): {"GAIN": value}}).verdict()
    assert found.outcome is VerdictOutcome.COULD_NOT_RUN
    assert listed(found) == [(0, "C13", "PTC_GAIN")]


def test_amplifier_missing_from_the_table_could_not_run_test_by_test() -> None:
    (record,) = Curves().records()
    amplifiers = record.product_amplifiers | {"C12": {}}
    record = record.model_copy(update={"product_amplifiers": amplifiers})
    found = evaluate([record], policy(GAIN, TURNOFF), calibration="ptc")
    assert listed(found) == [(0, "C12", "PTC_GAIN"), (0, "C12", "PTC_TURNOFF")]
    assert found.could_not_run[0].reason == "GAIN was not measured"


@pytest.mark.parametrize("trial", [EVERYTHING, policy(GAIN)], ids=["asked", "not asked"])
def test_amplifier_that_could_not_be_made_fails_processing_with_its_reason(trial) -> None:
    found = Curves(problems={0: {"C10": "two fluxes only"}}).verdict(trial)
    (failure,) = found.failures
    assert (failure.amplifier, failure.test, failure.reason) == ("C10", "PROCESSING", "two fluxes only")


def test_waiver_covers_a_dead_amplifier_wholly_and_no_other() -> None:
    curves = Curves(
        detectors=(0, 1),
        problems={0: {"C10": "dead"}, 1: {"C10": "dead"}},
        values={(0, "C10"): {"GAIN": math.nan}, (1, "C10"): {"GAIN": math.nan}},
    )
    waiver = Waiver(detector="R22_S00", amplifier="C10", reason="dead since 2022", until=20240326)
    trial = EVERYTHING.model_copy(update={"waivers": (waiver,)})
    found = curves.verdict(trial, day_obs=20240326)
    assert [(one.detector, one.test) for one in found.waived] == [(0, "PTC_GAIN"), (0, "PROCESSING")]
    assert [(one.detector, one.test) for one in found.failures] == [(1, "PROCESSING")]
    assert [(one.detector, one.test) for one in found.could_not_run] == [(1, "PTC_GAIN")]
    assert curves.verdict(trial, day_obs=20240327).waived == ()


def test_most_amplifiers_of_a_detector_have_one_cause() -> None:
    values = {(0, name): {"GAIN": 1.2} for name in AMPLIFIERS[:3]}
    (cause,) = Curves(values=values).verdict().causes
    assert (cause.count, cause.subject, cause.exposures) == (3, "product", ())
    assert cause.description.startswith("PTC_GAIN fails for detector 0, 3 amplifiers (first: GAIN 1.2")


def test_detector_without_statistics_or_with_another_table_is_not_verified() -> None:
    missing = Curves().verdict(candidates={0: UUID, 5: UUID})
    assert listed(missing) == [(5, None, "PRESENCE")]
    assert listed(Curves().verdict(candidates={0: UUID}, detectors=(0, 7)))[0] == (7, None, "PRESENCE")
    other = Curves(read=OTHER_UUID).verdict(candidates={0: UUID})
    assert [failure.test for failure in other.failures] == ["PROVENANCE"]


def test_planned_exposures_are_not_asked_of_a_test_of_the_table_alone() -> None:
    frames = [
        PlannedFrame(exposure=exposure, detector=detector, group=ExposureGroup.GENERATION)
        for exposure in (1, 2)
        for detector in (0, 3)
    ]
    # Detector 3 is in the plan, but there is no calibration of it.
    assert listed(Curves().verdict(expected=frames)) == [(3, None, "PRESENCE")]


def test_limits_follow_vendor_and_the_camera_state_of_the_product() -> None:
    version = LimitVersion(when={"vendor": "E2V", "SEQNAME": "b"}, parameters={"minimum": 60000.0})
    trial = policy(TURNOFF.model_copy(update={"versions": (version,)}))
    values = {(0, "C10"): {"TURNOFF": 70000.0}}
    outcomes = [
        Curves(values=values, vendor=vendor, metadata={"SEQNAME": name}).verdict(trial).outcome
        for vendor, name in (("E2V", "b"), ("ITL", "b"), ("E2V", "a"))
    ]
    assert outcomes == [VerdictOutcome.VERIFIED, VerdictOutcome.FAILED, VerdictOutcome.FAILED]


def test_unknown_configuration_of_the_product_is_a_warning() -> None:
    trial = policy(GAIN, camera_configurations=({"SEQNAME": "a"},))
    (warning,) = Curves(metadata={"SEQNAME": "b"}).verdict(trial).warnings
    assert warning.test == "CONFIGURATION"
    assert "in the calibration of 1 detectors, first 0" in warning.reason


def test_product_measured_twice_is_refused() -> None:
    records = Curves().records()
    with pytest.raises(CalprodError, match="itself was measured twice"):
        list(all_results([*records, *records], EVERYTHING, calibration="ptc"))
