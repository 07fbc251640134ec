"""All tests of a policy on all that was measured of one calibration."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from infra.errors import CalprodError
from infra.settings.policy import Policy
from tasks.verification.apply_tests import RecordTests, exposure_results
from tasks.verification.checks import (
    check_configuration,
    check_policy,
    check_presence,
    check_provenance,
)
from tasks.verification.model import (
    DetectorStatistics,
    Outcome,
    PlannedFrame,
    Severity,
    TestResult,
    Verdict,
    calibration_type,
)
from tasks.verification.rollup import roll_up

__all__ = ["all_results", "evaluate"]


def evaluate(
    statistics: Sequence[DetectorStatistics],
    policy: Policy,
    *,
    calibration: str,
    expected: Iterable[PlannedFrame] = (),
    candidates: Mapping[int, str] | None = None,
    day_obs: int | None = None,
    detectors: Iterable[int] = (),
) -> Verdict:
    """Return the verdict on one calibration.

    Parameters
    ----------
    statistics
        What each verification quantum measured: one or more records per detector.
    policy
        Tests with limits, and waivers.
    calibration
        Calibration key, such as ``bias`` or ``flat-r``.
    expected
        Every exposure and detector that should have been measured; those missing are could-not-run. What
        fails in one with a known artefact is a warning, since the artefact is there with any calibration.
    candidates
        UUID of the calibration to be verified, by detector. Each record must have read that very one. Without
        this, the UUID the record itself was told counts.
    day_obs
        Observing day of the campaign, which decides on waivers where no exposure does; when None, the latest
        day measured.
    detectors
        Detectors that must have a calibration, whether any exposure of them is asked for or not.

    Returns
    -------
    Verdict
        Never verified because nothing was measured or nothing was asked.

    Raises
    ------
    CalprodError
        If a record belongs to another calibration, or an exposure of a detector comes twice.
    """
    results = all_results(
        statistics,
        policy,
        calibration=calibration,
        expected=expected,
        candidates=candidates,
        day_obs=day_obs,
        detectors=detectors,
    )
    return roll_up(results, calibration, f"{policy.name} {policy.version}")


def all_results(
    statistics: Sequence[DetectorStatistics],
    policy: Policy,
    *,
    calibration: str,
    expected: Iterable[PlannedFrame] = (),
    candidates: Mapping[int, str] | None = None,
    day_obs: int | None = None,
    detectors: Iterable[int] = (),
) -> Iterator[TestResult]:
    """Yield the result of every test, passes included; parameters as for `evaluate`."""
    _check_records(statistics, calibration)
    days = [exposure.day_obs for record in statistics for exposure in record.exposures]
    latest = day_obs if day_obs is not None else max(days, default=0)
    tests = policy.tests_of(calibration_type(calibration))
    frames = tuple(expected)
    yield from check_policy(calibration, policy, tests)
    subjects = {test.subject for test in tests} or {"exposure"}
    yield from check_presence(calibration, statistics, frames, candidates, detectors, subjects)
    yield from check_provenance(calibration, statistics, candidates)
    yield from check_configuration(calibration, statistics, policy)
    artefacts: dict[tuple[int | None, int | None], str] = {}
    for frame in frames:
        if frame.artefact:
            artefacts[frame.exposure, frame.detector] = artefacts[frame.exposure, None] = frame.artefact
    for record in _by_detector(statistics):
        for result in RecordTests(calibration, policy, record, latest).results(tests):
            yield _softened(result, artefacts)
    for result in exposure_results(calibration, policy, statistics, tests):
        yield _softened(result, artefacts)


def _softened(result: TestResult, artefacts: Mapping[tuple[int | None, int | None], str]) -> TestResult:
    """Turn the failure of an exposure with a known artefact into a warning that names it."""
    artefact = artefacts.get((result.exposure, result.detector))
    if artefact is None or result.outcome is not Outcome.FAIL or result.waived is not None:
        return result
    reason = f"{result.reason}; {artefact}"
    return result.model_copy(update={"severity": Severity.WARNING, "reason": reason})


def _by_detector(statistics: Sequence[DetectorStatistics]) -> Iterator[DetectorStatistics]:
    """Yield one record per detector with all its exposures, for tests that need them together."""
    records: dict[int, list[DetectorStatistics]] = {}
    for record in statistics:
        records.setdefault(record.detector, []).append(record)
    for parts in records.values():
        exposures = tuple(exposure for part in parts for exposure in part.exposures)
        # At most one part measured the calibration itself, see _check_records.
        whole = next((part for part in parts if _measured_product(part)), parts[0])
        yield whole.model_copy(update={"exposures": exposures})


def _measured_product(record: DetectorStatistics) -> bool:
    return bool(record.product_amplifiers or record.product_detector or record.product_problems)


def _check_records(statistics: Sequence[DetectorStatistics], calibration: str) -> None:
    """Refuse records of another calibration, and what was measured twice."""
    seen: set[tuple[int, int]] = set()
    products: set[int] = set()
    for record in statistics:
        if calibration_type(record.calibration) != calibration_type(calibration):
            raise CalprodError(
                f"statistics of {record.calibration} cannot verify {calibration}",
                "evaluate each calibration apart",
            )
        if _measured_product(record) and record.detector in products:
            raise CalprodError(
                f"the {calibration} of detector {record.detector} itself was measured twice",
                "give the statistics of one verification run",
            )
        if _measured_product(record):
            products.add(record.detector)
        for exposure in record.exposures:
            frame = (exposure.exposure, record.detector)
            if frame in seen:
                raise CalprodError(
                    f"exposure {exposure.exposure} of detector {record.detector} was measured twice",
                    "verify each exposure once, as generation or as verification",
                )
            seen.add(frame)
