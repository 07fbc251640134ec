"""The policy applied to what was measured: groups, waivers, versions, levels."""

import math

import pytest

from infra.settings import builtin_policy
from infra.settings.policy import LimitVersion, Waiver
from tasks.verification.evaluate import all_results, evaluate
from tasks.verification.model import (
    ExposureGroup,
    VerdictOutcome,
)
from tests.verification.simulated import (
    MEAN_TEST,
    NOISE_TEST,
    READ_NOISE,
    UUID,
    Camera,
    plan,
    policy,
    policy_test,
    verdict,
)


def test_good_camera_is_verified_and_every_test_is_counted() -> None:
    camera = Camera(n_exposures=3, n_verification=2, detectors=(0, 1))
    found = verdict(camera, expected=plan(camera), candidates={0: UUID, 1: UUID})
    assert found.outcome is VerdictOutcome.VERIFIED
    passed = {(tally.test, tally.level, tally.group): tally.passed for tally in found.tallies}
    assert passed == {
        ("NOISE", "amplifier", ExposureGroup.GENERATION): 3 * 2 * 4,
        ("NOISE", "amplifier", ExposureGroup.VERIFICATION): 2 * 2 * 4,
        ("PRESENCE", "detector", ExposureGroup.GENERATION): 3 * 2,
        ("PRESENCE", "detector", ExposureGroup.VERIFICATION): 2 * 2,
        ("PROVENANCE", "run", None): 2,
    }
    assert found.policy == "trial 1"


def test_failure_carries_everything_a_reader_needs() -> None:
    camera = Camera()
    camera.spoil(camera.exposures[1], 0, "C12", NOISE=9.0)
    (failure,) = verdict(camera).failures
    assert failure.plain() == {
        "calibration": "bias",
        "subject": "exposure",
        "group": "generation",
        "exposure": camera.exposures[1],
        "detector": 0,
        "amplifier": "C12",
        "test": "NOISE",
        "statistic": "NOISE",
        "outcome": "fail",
        "value": 9.0,
        "lower_limit": 0.95 * READ_NOISE,
        "upper_limit": 1.05 * READ_NOISE,
        "unit": "electron",
        "severity": "error",
        "reason": "NOISE 9 electron is above 8.4 (expected 8)",
        "waived": None,
        "limit": 1.05 * READ_NOISE,
    }


def test_generation_and_verification_are_judged_apart() -> None:
    camera = Camera()
    camera.spoil(camera.exposures[-1], 0, "C10", NOISE=9.0)
    found = verdict(camera)
    assert found.group_outcome(ExposureGroup.GENERATION) is VerdictOutcome.VERIFIED
    assert found.group_outcome(ExposureGroup.VERIFICATION) is VerdictOutcome.FAILED


def test_test_for_one_group_leaves_the_other_alone() -> None:
    camera = Camera()
    for exposure in camera.exposures:
        camera.spoil(exposure, 0, "C10", NOISE=9.0)
    external = NOISE_TEST.model_copy(update={"applies_to": ("verification",)})
    assert {f.group for f in verdict(camera, policy(external)).failures} == {ExposureGroup.VERIFICATION}


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_statistic_without_value_is_could_not_run_and_not_verified(value: float) -> None:
    camera = Camera()
    camera.spoil(camera.exposures[0], 0, "C10", NOISE=value)
    found = verdict(camera)
    assert found.outcome is VerdictOutcome.COULD_NOT_RUN
    assert [result.amplifier for result in found.could_not_run] == ["C10"]


def test_amplifier_missing_from_one_exposure_is_noticed_there() -> None:
    (record,) = Camera().records()
    first, *others = record.exposures
    without = {name: values for name, values in first.amplifiers.items() if name != "C11"}
    record = record.model_copy(
        update={"exposures": (first.model_copy(update={"amplifiers": without}), *others)}
    )
    (missing,) = evaluate([record], policy(NOISE_TEST), calibration="bias").could_not_run
    assert (missing.exposure, missing.amplifier, missing.reason) == (
        first.exposure,
        "C11",
        "NOISE was not measured",
    )


def test_policy_without_tests_of_the_calibration_is_never_verified() -> None:
    camera = Camera(calibration="dark")
    found = verdict(camera)
    assert found.outcome is VerdictOutcome.COULD_NOT_RUN
    assert [result.reason for result in found.could_not_run] == ["policy trial 1 has no test for dark"]


# ---- what the policy decides


def test_reference_scatter_is_that_of_the_amplifiers_own_generation_exposures() -> None:
    camera = Camera(n_exposures=8, n_verification=2)
    for n, exposure in enumerate(camera.exposures[:8]):
        camera.spoil(exposure, 0, "C10", MEAN=0.4 * (-1) ** n)
    for exposure in camera.exposures[8:]:
        for name in camera.amplifiers:
            camera.spoil(exposure, 0, name, MEAN=2.0)
    found = verdict(camera, policy(MEAN_TEST))
    # C10 scatters by ±0.4, so that 5 × 0.7413 × 0.8 = 2.97 electron are allowed; the others have the floor.
    assert {failure.amplifier for failure in found.failures} == {"C11", "C12", "C13"}
    limits = {
        r.amplifier: r.upper_limit
        for r in all_results(camera.records(), policy(MEAN_TEST), calibration="bias")
        if r.test == "MEAN"
    }
    assert limits["C10"] == pytest.approx(5 * 0.741301109 * 0.8)
    assert limits["C11"] == 0.5


def test_waiver_moves_a_failure_to_its_own_list_with_the_reason() -> None:
    camera = Camera(detectors=(0, 1))
    for detector in camera.detectors:
        camera.spoil(camera.exposures[0], detector, "C10", NOISE=9.0)
    waiver = Waiver(
        calibration="bias", test="NOISE", detector="R22_S01", amplifier="C10", reason="noisy since 2023"
    )
    found = verdict(camera, policy(NOISE_TEST, waivers=(waiver,)))
    assert [failure.detector for failure in found.failures] == [0]
    assert [(result.detector, result.waived) for result in found.waived] == [(1, "noisy since 2023")]


def test_waiver_also_covers_what_could_not_run_and_ends_with_its_day() -> None:
    camera = Camera()
    camera.spoil(camera.exposures[0], 0, "C10", NOISE=math.nan)
    waiver = Waiver(calibration="bias", test="NOISE", amplifier="C10", reason="dead", until=20240326)
    assert verdict(camera, policy(NOISE_TEST, waivers=(waiver,))).outcome is VerdictOutcome.VERIFIED
    ended = waiver.model_copy(update={"until": 20240325})
    assert verdict(camera, policy(NOISE_TEST, waivers=(ended,))).outcome is VerdictOutcome.COULD_NOT_RUN


@pytest.mark.parametrize("value", [9.0, math.nan])
def test_warning_is_told_and_does_not_decide(value: float) -> None:
    camera = Camera()
    camera.spoil(camera.exposures[0], 0, "C10", NOISE=value)
    mild = NOISE_TEST.model_copy(update={"severity": "warning"})
    found = verdict(camera, policy(mild))
    assert found.outcome is VerdictOutcome.VERIFIED
    assert [warning.amplifier for warning in found.warnings] == ["C10"]


def test_same_statistics_under_two_policies_give_two_verdicts_both_explained() -> None:
    camera = Camera()
    camera.spoil(camera.exposures[0], 0, "C10", NOISE=8.6)
    strict, lenient = (
        policy(NOISE_TEST),
        policy(NOISE_TEST.model_copy(update={"parameters": {"tolerance": 0.1}})),
    )
    assert verdict(camera, strict).failures[0].upper_limit == pytest.approx(8.4)
    assert verdict(camera, lenient).outcome is VerdictOutcome.VERIFIED


@pytest.mark.parametrize(
    ("when", "vendor", "outcome"),
    [
        ({"vendor": "E2V"}, "E2V", VerdictOutcome.VERIFIED),
        ({"vendor": "E2V"}, "ITL", VerdictOutcome.FAILED),
        ({"SEQNAME": "a.seq"}, "ITL", VerdictOutcome.VERIFIED),
        ({"SEQNAME": "b.seq"}, "ITL", VerdictOutcome.FAILED),
    ],
)
def test_limits_follow_vendor_and_camera_configuration(when, vendor, outcome) -> None:
    camera = Camera(vendor=vendor, metadata={"SEQNAME": "a.seq"})
    camera.spoil(camera.exposures[0], 0, "C10", NOISE=9.0)
    wider = LimitVersion(when=when, parameters={"tolerance": 0.2})
    trial = policy(NOISE_TEST.model_copy(update={"versions": (wider,)}))
    assert verdict(camera, trial).outcome is outcome


def test_unknown_camera_configuration_is_one_warning() -> None:
    camera = Camera(metadata={"SEQNAME": "c.seq"})
    trial = policy(NOISE_TEST, camera_configurations=({"SEQNAME": "a.seq"},))
    (warning,) = verdict(camera, trial).warnings
    assert warning.test == "CONFIGURATION"
    assert "SEQNAME in 6 exposures" in warning.reason
    assert verdict(Camera(metadata={"SEQNAME": "a.seq"}), trial).warnings == ()


def test_range_over_the_run_finds_an_unstable_amplifier() -> None:
    camera = Camera(n_exposures=10)
    for n, exposure in enumerate(camera.exposures):
        camera.spoil(exposure, 0, "C13", MEAN=0.1 * n)
    stability = policy_test(
        "STABILITY", "value_within", "MEAN_RANGE", level="run", parameters={"maximum": 0.3}
    )
    (failure,) = verdict(camera, policy(stability)).failures
    assert (failure.exposure, failure.amplifier, failure.level) == (None, "C13", "run")
    # Linear from 0 to 1.1: the 5 and 95 percentiles stand 0.9 × 1.1 apart.
    assert failure.value == pytest.approx(0.99)


def test_scatter_over_detectors_does_not_apply_to_one_and_is_divided_by_the_mean() -> None:
    test = policy_test(
        "SCATTER", "scatter_within", level="exposure", calibration="flat", parameters={"maximum": 0.05}
    )
    one = verdict(Camera(calibration="flat-r"), policy(test))
    assert one.outcome is VerdictOutcome.VERIFIED
    assert sum(tally.not_applicable for tally in one.tallies) == 6
    two = Camera(calibration="flat-r", detectors=(0, 1))
    two.detector_values[two.exposures[0], 1] = {"MEAN": 24000.0}
    (failure,) = verdict(two, policy(test)).failures
    assert (failure.exposure, failure.detector, failure.level) == (two.exposures[0], None, "exposure")
    assert failure.value == pytest.approx(2000.0 / 22000.0)


def test_every_shipped_policy_verifies_a_good_bias_of_its_camera() -> None:
    for instrument in ("LATISS", "LSSTComCam", "LSSTCam"):
        assert verdict(Camera(), builtin_policy(instrument)).outcome is VerdictOutcome.VERIFIED


def test_failed_processing_is_listed_with_its_reason() -> None:
    camera = Camera()
    camera.problems[camera.exposures[0], 0, "C11"] = "the cosmic-ray finder gave up"
    (failure,) = verdict(camera, policy(policy_test("PROCESSING", "no_processing_failure", unit=""))).failures
    assert (failure.amplifier, failure.reason) == ("C11", "the cosmic-ray finder gave up")
