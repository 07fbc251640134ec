"""No failure is lost, doubled or moved between what the tests say and the verdict."""

import math
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.errors import CalprodError
from tasks.verification.evaluate import evaluate
from tasks.verification.model import (
    ExposureGroup,
    Outcome,
    PlannedFrame,
    Severity,
    TestResult,
    Verdict,
    VerdictOutcome,
)
from tasks.verification.rollup import roll_up
from tests.verification.simulated import NOISE_TEST, OTHER_UUID, UUID, Camera, policy, policy_test

type Place = tuple[int | None, int | None, str | None, str]

EXPOSURES, DETECTORS, AMPLIFIERS = (1, 2, 3), (0, 7, 188), ("C00", "C17")

outcomes = st.sampled_from([*Outcome, Outcome.FAIL, Outcome.FAIL])


@st.composite
def any_results(draw: st.DrawFn) -> list[TestResult]:
    """Draw results of tests at every level, each place at most once."""
    places = draw(
        st.lists(
            st.tuples(
                st.sampled_from([None, "product", *EXPOSURES]),
                st.sampled_from([None, *DETECTORS]),
                st.sampled_from([None, *AMPLIFIERS]),
                st.sampled_from(["MEAN", "NOISE", "SCATTER"]),
            ),
            unique=True,
            max_size=60,
        )
    )
    return [
        TestResult(
            calibration="bias",
            subject="product" if exposure == "product" else "exposure",
            group=draw(st.sampled_from(ExposureGroup)) if isinstance(exposure, int) else None,
            exposure=exposure if isinstance(exposure, int) else None,
            detector=detector,
            amplifier=amplifier,
            test=test,
            outcome=draw(outcomes),
            severity=draw(st.sampled_from(Severity)),
            waived=draw(st.sampled_from([None, None, "known"])),
        )
        for exposure, detector, amplifier, test in places
    ]


def listed(verdict: Verdict) -> list[TestResult]:
    return [*verdict.failures, *verdict.warnings, *verdict.waived, *verdict.could_not_run]


@given(any_results())
def test_every_result_that_is_no_pass_stands_in_exactly_one_list(results: list[TestResult]) -> None:
    verdict = roll_up(iter(results), "bias")
    bad = [result for result in results if result.outcome in (Outcome.FAIL, Outcome.COULD_NOT_RUN)]
    assert Counter(map(repr, listed(verdict))) == Counter(map(repr, bad))
    assert all(result.severity is Severity.ERROR and not result.waived for result in verdict.failures)
    assert all(result.waived for result in verdict.waived)


@given(any_results())
def test_every_such_result_belongs_to_one_cause(results: list[TestResult]) -> None:
    verdict = roll_up(results, "bias")
    assert sum(cause.count for cause in verdict.causes) == len(listed(verdict))
    for cause in verdict.causes:
        assert cause.generation + cause.verification <= cause.count
        assert cause.description


@given(any_results())
def test_tallies_count_every_result_once(results: list[TestResult]) -> None:
    verdict = roll_up(results, "bias")
    counts = Counter()
    for tally in verdict.tallies:
        counts.update(tally.model_dump(exclude={"test", "level", "group", "subject"}))
    assert sum(counts.values()) == len(results)
    assert counts["failed"] == len(verdict.failures)
    assert counts["warned"] == len(verdict.warnings)
    assert counts["waived"] == len(verdict.waived)
    assert counts["could_not_run"] == len(verdict.could_not_run)


@given(any_results())
def test_outcome_is_verified_only_without_any_blocking_result(results: list[TestResult]) -> None:
    verdict = roll_up(results, "bias")
    blocking = [result for result in results if result.blocks]
    assert (verdict.outcome is VerdictOutcome.VERIFIED) == (bool(results) and not blocking)
    assert (verdict.outcome is VerdictOutcome.FAILED) == any(r.outcome is Outcome.FAIL for r in blocking)


@given(any_results())
def test_verdict_survives_its_dump(results: list[TestResult]) -> None:
    verdict = roll_up(results, "bias", "latiss 1")
    assert Verdict.model_validate(verdict.plain()) == verdict


# ---- planted in the statistics, found in the verdict

SCATTER = policy_test("SCATTER", "scatter_within", level="detector", parameters={"maximum": 0.05}, unit="")
SPREAD = policy_test(
    "SPREAD", "scatter_within", "SCATTER", level="exposure", parameters={"maximum": 0.05}, unit=""
)
STABILITY = policy_test("STABILITY", "value_within", "MEAN_RANGE", level="run", parameters={"maximum": 50.0})
PROCESSING = policy_test("PROCESSING", "no_processing_failure", unit="")
EVERYTHING = policy(NOISE_TEST, SCATTER, SPREAD, STABILITY, PROCESSING)


def plant(camera: Camera, fault: str, exposure: int, detector: int, amplifier: str) -> Place:
    """Spoil one thing; return the place where the verdict must list it."""
    if fault == "noisy":
        camera.spoil(exposure, detector, amplifier, NOISE=20.0)
        return (exposure, detector, amplifier, "NOISE")
    if fault == "dead":
        camera.spoil(exposure, detector, amplifier, NOISE=0.0)
        return (exposure, detector, amplifier, "NOISE")
    if fault == "unknown noise":
        camera.spoil(exposure, detector, amplifier, NOISE=math.nan)
        return (exposure, detector, amplifier, "NOISE")
    if fault == "processing":
        camera.problems[exposure, detector, amplifier] = "gave up"
        return (exposure, detector, amplifier, "PROCESSING")
    if fault == "scatter":
        camera.detector_values.setdefault((exposure, detector), {})["SCATTER"] = 1.0e6
        return (exposure, detector, None, "SCATTER")
    if fault == "unstable":
        for n, one in enumerate(camera.exposures):
            camera.spoil(one, detector, amplifier, MEAN=100.0 * n)
        return (None, detector, amplifier, "STABILITY")
    if fault == "wrong calibration":
        camera.read_uuids[detector] = OTHER_UUID
        return (None, detector, None, "PROVENANCE")
    # "spread": one detector of the exposure sees another level
    for one in camera.detectors:
        camera.detector_values.setdefault((exposure, one), {})["MEAN"] = 20000.0 * (
            1 + camera.detectors.index(one)
        )
    return (exposure, None, None, "SPREAD")


@pytest.mark.parametrize("detectors", [(0,), (0, 1), tuple(range(9))], ids=["LATISS", "two", "LSSTComCam"])
@given(data=st.data())
@settings(max_examples=40)
def test_planted_failures_appear_once_each_at_run_level(
    detectors: tuple[int, ...], data: st.DataObject
) -> None:
    camera = Camera(n_exposures=3, n_verification=2, detectors=detectors)
    kinds = ["noisy", "dead", "unknown noise", "processing", "scatter", "unstable", "wrong calibration"]
    if len(detectors) > 1:  # the level of a lone detector has nothing to be compared with
        kinds.append("spread")
    faults = data.draw(
        st.lists(
            st.tuples(
                st.sampled_from(kinds),
                st.sampled_from(camera.exposures),
                st.sampled_from(detectors),
                st.sampled_from(camera.amplifiers),
            ),
            max_size=25,
        )
    )
    missing = data.draw(st.sets(st.integers(90, 95), max_size=3))
    planted = {plant(camera, *fault) for fault in faults}
    planted |= {(camera.exposures[0], detector, None, "PRESENCE") for detector in missing}
    expected = [
        PlannedFrame(exposure=exposure, detector=detector, group=camera.group(exposure))
        for exposure in camera.exposures
        for detector in detectors
    ] + [
        PlannedFrame(exposure=camera.exposures[0], detector=detector, group=ExposureGroup.GENERATION)
        for detector in missing
    ]
    verdict = evaluate(
        camera.records(),
        EVERYTHING,
        calibration="bias",
        expected=expected,
        candidates=dict.fromkeys(detectors, UUID),
    )
    found = [(r.exposure, r.detector, r.amplifier, r.test) for r in listed(verdict)]
    assert sorted(found, key=repr) == sorted(planted, key=repr)
    assert (verdict.outcome is VerdictOutcome.VERIFIED) == (not planted)
    assert sum(cause.count for cause in verdict.causes) == len(planted)


def test_flat_failure_of_a_detector_reaches_the_run() -> None:
    # In cp_verify the flat's exposure record hides its detectors' failures: the run fails with an empty list.
    camera = Camera(calibration="flat-r", detectors=(0, 1))
    camera.spoil(camera.exposures[0], 1, "C13", NOISE=20.0)
    test = NOISE_TEST.model_copy(update={"calibration": "flat"})
    (failure,) = evaluate(camera.records(), policy(test), calibration="flat-r").failures
    assert (failure.exposure, failure.detector, failure.amplifier) == (camera.exposures[0], 1, "C13")


def test_two_results_of_one_test_are_refused() -> None:
    result = TestResult(calibration="bias", exposure=1, detector=0, test="NOISE", outcome=Outcome.FAIL)
    with pytest.raises(CalprodError, match="two results of test NOISE for exposure 1, detector 0"):
        roll_up([result, result], "bias")


def test_result_of_another_calibration_is_refused() -> None:
    result = TestResult(calibration="dark", test="NOISE", outcome=Outcome.PASS)
    with pytest.raises(CalprodError, match="cannot count for bias"):
        roll_up([result], "bias")


def test_no_results_are_not_verified() -> None:
    assert roll_up([], "bias").outcome is VerdictOutcome.COULD_NOT_RUN
