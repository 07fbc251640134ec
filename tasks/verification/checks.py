"""Checks that no policy sets and no waiver covers: was everything measured, with the right calibration.

``POLICY``
    The policy has tests for this calibration; otherwise nothing was asked, and nothing is known.
``PRESENCE``
    Every exposure and detector of the plan was measured, in the role planned.
``PROVENANCE``
    The calibration each record really read is the candidate, by UUID. A wrong order of collections silently
    verifies another calibration (Rubin cp_verify user guide).
``CONFIGURATION``
    The limits are known to be right for the state of the camera; a warning.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from infra.settings.policy import Policy, PolicyTest
from tasks.verification.model import (
    DetectorStatistics,
    ExposureStatistics,
    Outcome,
    PlannedFrame,
    Severity,
    TestResult,
    calibration_type,
)

__all__ = ["camera_state", "check_configuration", "check_policy", "check_presence", "check_provenance"]


def camera_state(record: DetectorStatistics, exposure: ExposureStatistics | None) -> dict[str, object]:
    """Return what decides which limits apply: the exposure's cards or the calibration's, and ``vendor``."""
    cards: dict[str, object] = dict(exposure.metadata if exposure else record.product_metadata)
    return cards | ({"vendor": record.vendor} if record.vendor else {})


def check_policy(calibration: str, policy: Policy, tests: Sequence[PolicyTest]) -> Iterator[TestResult]:
    """Yield a result when the policy asks nothing of this calibration."""
    if not tests:
        yield TestResult(
            calibration=calibration,
            test="POLICY",
            outcome=Outcome.COULD_NOT_RUN,
            reason=f"policy {policy.name} {policy.version} has no test for {calibration_type(calibration)}",
        )


def check_presence(
    calibration: str,
    statistics: Sequence[DetectorStatistics],
    expected: Sequence[PlannedFrame],
    candidates: Mapping[int, str] | None,
    detectors: Iterable[int] = (),
    subjects: Collection[str] = ("exposure",),
) -> Iterator[TestResult]:
    """Yield a result for every frame planned, for those measured without a plan, and for missing detectors.

    Where only the calibration itself is tested, its ``subjects`` being ``product`` alone, frames are not
    asked for unless some were measured; each detector of the plan is.
    """
    if "exposure" not in subjects and not any(record.exposures for record in statistics):
        yield from _product_presence(
            calibration,
            {record.detector for record in statistics if record.amplifiers or record.product_detector},
            {frame.detector for frame in expected} | {*(candidates or ())} | {*detectors},
        )
        return
    measured = {
        (exposure.exposure, record.detector): exposure
        for record in statistics
        for exposure in record.exposures
    }
    planned = {(frame.exposure, frame.detector): frame for frame in expected}
    for (exposure, detector), frame in planned.items():
        found = measured.get((exposure, detector))
        outcome, reason = Outcome.PASS, ""
        if found is None:
            outcome, reason = Outcome.COULD_NOT_RUN, "planned, but there are no statistics of it"
        elif found.group is not frame.group:
            outcome, reason = Outcome.FAIL, f"planned for {frame.group}, but measured as {found.group}"
        yield _presence(calibration, exposure, detector, outcome, reason, frame)
    if planned:
        for (exposure, detector), found in measured.items():
            if (exposure, detector) not in planned:
                yield _presence(
                    calibration, exposure, detector, Outcome.FAIL, "measured, but not in the plan", found
                ).model_copy(update={"severity": Severity.WARNING})
    elif not measured:
        yield _presence(calibration, None, None, Outcome.COULD_NOT_RUN, "nothing was measured", None)
    known = {record.detector for record in statistics} | {detector for _, detector in planned}
    for detector in sorted(
        ({*(candidates or ())} - {record.detector for record in statistics}) | ({*detectors} - known)
    ):
        yield _presence(
            calibration, None, detector, Outcome.COULD_NOT_RUN, "the candidate was never measured with", None
        )


def _product_presence(calibration: str, measured: set[int], wanted: set[int]) -> Iterator[TestResult]:
    """Yield a result for every detector whose calibration must have been measured."""
    for detector in sorted(wanted):
        missing = detector not in measured
        outcome = Outcome.COULD_NOT_RUN if missing else Outcome.PASS
        reason = "there are no statistics of this detector's calibration" if missing else ""
        yield _presence(calibration, None, detector, outcome, reason, None)
    if not measured and not wanted:
        yield _presence(calibration, None, None, Outcome.COULD_NOT_RUN, "nothing was measured", None)


def check_provenance(
    calibration: str, statistics: Sequence[DetectorStatistics], candidates: Mapping[int, str] | None
) -> Iterator[TestResult]:
    """Yield one result per detector: did every record of it read the candidate."""
    name = calibration_type(calibration)
    by_detector: dict[int, list[DetectorStatistics]] = {}
    for record in statistics:
        by_detector.setdefault(record.detector, []).append(record)
    for detector, records in by_detector.items():
        verdicts = [_provenance(name, record, candidates) for record in records]
        worst = min(verdicts, key=lambda verdict: _GRAVITY.index(verdict[0]))
        yield TestResult(
            calibration=calibration,
            detector=detector,
            test="PROVENANCE",
            outcome=worst[0],
            reason=worst[1],
        )


def check_configuration(
    calibration: str, statistics: Sequence[DetectorStatistics], policy: Policy
) -> Iterator[TestResult]:
    """Yield one warning when the camera was in a state the policy's limits were not made for."""
    if not policy.camera_configurations:
        return
    exposures = [(record, exposure) for record in statistics for exposure in record.exposures]
    unknown = sorted({e.exposure for r, e in exposures if not policy.knows_configuration(camera_state(r, e))})
    products = sorted(
        record.detector
        for record in statistics
        if record.product_metadata and not policy.knows_configuration(camera_state(record, None))
    )
    places = [f"{len(unknown)} exposures, first {unknown[0]}"] if unknown else []
    places += [f"the calibration of {len(products)} detectors, first {products[0]}"] if products else []
    reason = ""
    if places:
        keys = sorted({key for configuration in policy.camera_configurations for key in configuration})
        reason = (
            f"the limits of policy {policy.name} {policy.version} are not known to be right for the camera's "
            f"{', '.join(keys)} in {' and '.join(places)}"
        )
    yield TestResult(
        calibration=calibration,
        test="CONFIGURATION",
        outcome=Outcome.FAIL if places else Outcome.PASS,
        severity=Severity.WARNING,
        reason=reason,
    )


_GRAVITY = (Outcome.FAIL, Outcome.COULD_NOT_RUN, Outcome.PASS)


def _provenance(
    name: str, record: DetectorStatistics, candidates: Mapping[int, str] | None
) -> tuple[Outcome, str]:
    told = record.candidate_uuid if candidates is None else candidates.get(record.detector)
    read = record.calibration_uuids.get(name)
    if told is None:
        return Outcome.COULD_NOT_RUN, f"no {name} to verify is known for this detector; {read} was read"
    if read is None:
        return Outcome.COULD_NOT_RUN, f"the statistics do not say which {name} they read; it should be {told}"
    if read != told:
        return Outcome.FAIL, f"the statistics read {name} {read}, the calibration to verify is {told}"
    return Outcome.PASS, ""


def _presence(
    calibration: str,
    exposure: int | None,
    detector: int | None,
    outcome: Outcome,
    reason: str,
    frame: PlannedFrame | ExposureStatistics | None,
) -> TestResult:
    return TestResult(
        calibration=calibration,
        group=frame.group if frame else None,
        exposure=exposure,
        detector=detector,
        test="PRESENCE",
        outcome=outcome,
        reason=reason,
    )
