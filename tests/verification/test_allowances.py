"""A policy may allow some amplifiers of a detector to fail: told, counted once, and no more than allowed."""

import math
from collections import Counter

import pytest

from infra.settings.policy import Waiver
from tasks.verification.model import FAILED_AMPLIFIERS, Severity, Verdict, VerdictOutcome
from tests.verification.simulated import NOISE_TEST, Camera, policy, policy_test, verdict
from tests.verification.test_products import GAIN, Curves

LENIENT = GAIN.model_copy(update={"allowed_failures": 0.25})  # one of four amplifiers


def places(verdict: Verdict) -> Counter[tuple[str, int | None, str | None]]:
    lists = (verdict.failures, verdict.warnings, verdict.waived, verdict.could_not_run)
    return Counter((one.test, one.exposure, one.amplifier) for results in lists for one in results)


def bad(*names: str, value: float = 1.2) -> Curves:
    return Curves(values={(0, name): {"GAIN": value} for name in names})


def test_as_many_as_allowed_are_warnings_that_say_so() -> None:
    found = bad("C11").verdict(policy(LENIENT))
    assert found.outcome is VerdictOutcome.VERIFIED
    (warning,) = found.warnings
    assert (warning.amplifier, warning.severity) == ("C11", Severity.WARNING)
    assert warning.reason.endswith("1 of 4 amplifiers fail, 25% may")
    assert places(found) == Counter([("PTC_GAIN", None, "C11")])


def test_more_than_allowed_all_fail_and_so_does_the_detector_once() -> None:
    found = bad("C11", "C12").verdict(policy(LENIENT))
    assert found.outcome is VerdictOutcome.FAILED
    assert places(found) == Counter(("PTC_GAIN", None, name) for name in ("C11", "C12", None))
    (whole,) = [one for one in found.failures if one.amplifier is None]
    assert (whole.level, whole.value, whole.upper_limit) == ("detector", 0.5, 0.25)
    assert whole.statistic == FAILED_AMPLIFIERS
    assert whole.reason == "2 of 4 amplifiers fail or could not be tested, 25% may"


def test_what_could_not_run_counts_and_is_never_softened() -> None:
    found = bad("C11", value=math.nan).verdict(policy(LENIENT))
    assert found.outcome is VerdictOutcome.COULD_NOT_RUN
    assert places(found) == Counter([("PTC_GAIN", None, "C11")])
    curves = bad("C11")
    curves.values[0, "C12"] = {"GAIN": math.nan}
    assert len(curves.verdict(policy(LENIENT)).failures) == 2  # C11 and the detector


def test_waived_amplifier_does_not_use_up_the_allowance() -> None:
    waiver = Waiver(calibration="ptc", test="PTC_GAIN", amplifier="C11", reason="dead since 2022")
    found = bad("C11", "C12").verdict(policy(LENIENT, waivers=(waiver,)))
    assert found.outcome is VerdictOutcome.VERIFIED
    assert [one.amplifier for one in found.waived] == ["C11"]
    assert [one.amplifier for one in found.warnings] == ["C12"]


@pytest.mark.parametrize(("detectors", "outcome"), [((0, 1), "verified"), ((0,), "verified")])
def test_allowance_is_of_each_detector(detectors: tuple[int, ...], outcome: str) -> None:
    curves = Curves(detectors=detectors, values={(one, "C11"): {"GAIN": 1.2} for one in detectors})
    found = curves.verdict(policy(LENIENT))
    assert found.outcome == outcome
    assert len(found.warnings) == len(detectors)


def test_allowance_in_exposures_is_of_each_exposure() -> None:
    test = NOISE_TEST.model_copy(update={"allowed_failures": 0.25})
    camera = Camera()
    for exposure in camera.exposures[:2]:
        camera.spoil(exposure, 0, "C10", NOISE=20.0)
    camera.spoil(camera.exposures[1], 0, "C11", NOISE=20.0)
    found = verdict(camera, policy(test))
    assert [one.exposure for one in found.warnings] == [camera.exposures[0]]
    assert places(found)["NOISE", camera.exposures[1], None] == 1
    assert len(found.failures) == 3


def test_allowance_over_the_run_is_of_the_detector() -> None:
    camera = Camera(n_exposures=10)
    for n, exposure in enumerate(camera.exposures):
        camera.spoil(exposure, 0, "C13", MEAN=0.1 * n)
    stability = policy_test(
        "STABILITY",
        "value_within",
        "MEAN_RANGE",
        level="run",
        parameters={"maximum": 0.3},
        allowed_failures=0.3,
    )
    found = verdict(camera, policy(stability))
    assert found.outcome is VerdictOutcome.VERIFIED
    assert [one.amplifier for one in found.warnings] == ["C13"]
