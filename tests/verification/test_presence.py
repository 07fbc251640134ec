"""What was measured is what was planned, under the calibration that is to be judged."""

import math

import pytest

from infra.errors import CalprodError
from infra.settings.policy import Waiver
from tasks.verification.evaluate import all_results, evaluate
from tasks.verification.model import (
    DetectorStatistics,
    ExposureGroup,
    Outcome,
    Severity,
    VerdictOutcome,
)
from tests.verification.simulated import (
    MEAN_TEST,
    NOISE_TEST,
    OTHER_UUID,
    UUID,
    Camera,
    plan,
    policy,
    verdict,
)


def test_another_calibration_fails_and_both_are_named() -> None:
    camera = Camera(detectors=(0, 1), read_uuids={1: OTHER_UUID})
    found = verdict(camera, candidates={0: UUID, 1: UUID})
    (failure,) = found.failures
    assert (failure.test, failure.detector, failure.severity) == ("PROVENANCE", 1, Severity.ERROR)
    assert UUID in failure.reason
    assert OTHER_UUID in failure.reason
    assert all(found.group_outcome(group) is VerdictOutcome.FAILED for group in ExposureGroup)


def test_candidate_of_the_campaign_counts_over_what_the_record_was_told() -> None:
    assert verdict(Camera(), candidates={0: OTHER_UUID}).outcome is VerdictOutcome.FAILED
    assert verdict(Camera()).outcome is VerdictOutcome.VERIFIED


def test_record_that_does_not_say_what_it_read_is_could_not_run() -> None:
    (record,) = Camera().records()
    silent = record.model_copy(update={"calibration_uuids": {"dark": UUID}})
    found = evaluate([silent], policy(NOISE_TEST), calibration="bias", candidates={0: UUID})
    assert [(result.test, result.detector) for result in found.could_not_run] == [("PROVENANCE", 0)]


def test_unknown_candidate_is_could_not_run() -> None:
    found = verdict(Camera(detectors=(0, 1)), candidates={0: UUID})
    assert [(result.test, result.detector) for result in found.could_not_run] == [("PROVENANCE", 1)]


def test_provenance_cannot_be_waived() -> None:
    waiver = Waiver(calibration="bias", test="NOISE", reason="known to be noisy")
    found = verdict(Camera(read_uuids={0: OTHER_UUID}), policy(NOISE_TEST, waivers=(waiver,)))
    assert [failure.test for failure in found.failures] == ["PROVENANCE"]


def test_missing_frames_are_could_not_run_one_by_one() -> None:
    camera = Camera(detectors=(0, 1))
    missing = [frame for frame in plan(Camera(detectors=(0, 1, 2))) if frame.detector == 2]
    found = verdict(camera, expected=[*plan(camera), *missing])
    assert found.outcome is VerdictOutcome.COULD_NOT_RUN
    assert [(r.test, r.exposure, r.detector, r.group) for r in found.could_not_run] == [
        ("PRESENCE", frame.exposure, 2, frame.group) for frame in missing
    ]


def test_detector_with_a_candidate_but_no_statistics_is_could_not_run() -> None:
    found = verdict(Camera(), candidates={0: UUID, 5: UUID})
    assert [(result.test, result.detector) for result in found.could_not_run] == [("PRESENCE", 5)]


def test_exposure_in_another_role_than_planned_fails() -> None:
    camera = Camera()
    frames = plan(camera)
    frames[0] = frames[0].model_copy(update={"group": ExposureGroup.VERIFICATION})
    (failure,) = verdict(camera, expected=frames).failures
    assert (failure.test, failure.exposure) == ("PRESENCE", frames[0].exposure)
    assert failure.reason == "planned for verification, but measured as generation"


def test_frame_without_a_plan_is_a_warning() -> None:
    camera = Camera()
    found = verdict(camera, expected=plan(camera)[1:])
    assert [(warning.test, warning.exposure) for warning in found.warnings] == [
        ("PRESENCE", camera.exposures[0])
    ]
    assert found.outcome is VerdictOutcome.VERIFIED


def test_failure_of_a_first_exposure_is_a_warning_that_says_so() -> None:
    camera = Camera()
    first, other = camera.exposures[4:]
    for exposure in (first, other):
        camera.spoil(exposure, 0, "C10", NOISE=12.0)
    camera.spoil(first, 0, "C11", NOISE=math.nan)
    frames = [
        frame.model_copy(
            update={"artefact": "first exposure of its set" if frame.exposure == first else None}
        )
        for frame in plan(camera)
    ]
    found = verdict(camera, expected=frames)
    assert [(failure.exposure, failure.amplifier) for failure in found.failures] == [(other, "C10")]
    assert [(warning.exposure, warning.amplifier) for warning in found.warnings] == [(first, "C10")]
    assert found.warnings[0].reason.endswith("; first exposure of its set")
    # What could not be measured is no artefact.
    assert [(result.exposure, result.amplifier) for result in found.could_not_run] == [(first, "C11")]


def test_nothing_measured_is_never_verified() -> None:
    found = evaluate([], policy(NOISE_TEST), calibration="bias")
    assert found.outcome is VerdictOutcome.COULD_NOT_RUN
    assert [result.reason for result in found.could_not_run] == ["nothing was measured"]


def test_exposure_measured_twice_is_refused() -> None:
    records = Camera().records()
    with pytest.raises(CalprodError, match="measured twice"):
        evaluate([*records, *records], policy(NOISE_TEST), calibration="bias")


def test_record_of_another_calibration_is_refused() -> None:
    with pytest.raises(CalprodError, match="cannot verify dark"):
        evaluate(Camera().records(), policy(NOISE_TEST), calibration="dark")


def test_several_records_of_a_detector_count_as_one() -> None:
    camera = Camera(n_exposures=6)
    for n, exposure in enumerate(camera.exposures[:6]):
        camera.spoil(exposure, 0, "C10", MEAN=0.3 * (-1) ** n)
    (record,) = camera.records()
    halves = [
        record.model_copy(update={"exposures": record.exposures[:3]}),
        record.model_copy(update={"exposures": record.exposures[3:]}),
    ]
    whole = list(all_results([record], policy(MEAN_TEST), calibration="bias"))
    parts = list(all_results(halves, policy(MEAN_TEST), calibration="bias"))
    assert parts == whole


def test_empty_record_is_could_not_run() -> None:
    empty = DetectorStatistics(calibration="bias", detector=0, calibration_uuids={"bias": UUID})
    found = evaluate([empty], policy(NOISE_TEST), calibration="bias", candidates={0: UUID})
    assert found.outcome is VerdictOutcome.COULD_NOT_RUN
    assert {result.outcome for result in found.could_not_run} == {Outcome.COULD_NOT_RUN}
