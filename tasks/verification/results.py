"""From what a rule says to a result with its place, severity and waiver; and failures that are allowed."""

from collections.abc import Iterator, Sequence

from infra.settings.policy import Policy, PolicyTest
from tasks.verification.model import (
    DetectorStatistics,
    ExposureStatistics,
    Outcome,
    Severity,
    TestResult,
)
from tasks.verification.rules import RuleResult

__all__ = ["allowance_rule", "softened_by_allowance", "test_result"]


def test_result(
    calibration: str,
    policy: Policy,
    test: PolicyTest,
    rule: RuleResult,
    exposure: ExposureStatistics | None,
    record: DetectorStatistics | None,
    amplifier: str | None,
    day_obs: int,
) -> TestResult:
    """Return what a rule says as a result of a test, with the waiver that covers it.

    Parameters
    ----------
    calibration
        Calibration key.
    policy
        Where waivers stand.
    test
        The test.
    rule
        What its rule says.
    exposure, record, amplifier
        What was tested; None for all of a kind.
    day_obs
        Observing day that decides on waivers.
    """
    waived = None
    if rule.outcome in (Outcome.FAIL, Outcome.COULD_NOT_RUN):
        waived = next(
            (
                waiver.reason
                for waiver in policy.waivers
                if waiver.covers(
                    test.calibration,
                    test.test,
                    detector=record.detector if record else None,
                    detector_name=record.detector_name if record else "",
                    amplifier=amplifier,
                    day_obs=day_obs,
                )
            ),
            None,
        )
    return TestResult(
        calibration=calibration,
        subject=test.subject,
        group=exposure.group if exposure else None,
        exposure=exposure.exposure if exposure else None,
        detector=record.detector if record else None,
        amplifier=amplifier,
        test=test.test,
        statistic=test.statistic,
        outcome=rule.outcome,
        value=rule.value,
        lower_limit=rule.lower_limit,
        upper_limit=rule.upper_limit,
        unit=rule.unit,
        severity=Severity(test.severity),
        reason=rule.reason,
        waived=waived,
    )


def _share_of_failures(results: Sequence[TestResult]) -> tuple[int, int]:
    """Return how many amplifiers fail a test or could not be tested, waivers apart, and how many count."""
    counted = [result for result in results if result.outcome is not Outcome.NOT_APPLICABLE]
    bad = [result for result in counted if result.outcome is not Outcome.PASS and result.waived is None]
    return len(bad), len(counted)


def softened_by_allowance(results: Sequence[TestResult], allowed: float) -> Iterator[TestResult]:
    """Yield one detector's results of a test, failures as warnings when no more fail than are allowed.

    What could not run stays as it is: nothing is known of it, and a known dead amplifier has its waiver.
    """
    n_bad, n_counted = _share_of_failures(results)
    for result in results:
        if n_bad <= allowed * n_counted and result.outcome is Outcome.FAIL and result.waived is None:
            reason = f"{result.reason}; {n_bad} of {n_counted} amplifiers fail, {allowed:.0%} may"
            yield result.model_copy(update={"severity": Severity.WARNING, "reason": reason})
        else:
            yield result


def allowance_rule(results: Sequence[TestResult], allowed: float) -> RuleResult | None:
    """Return whether no more amplifiers fail than are allowed; None when none was tested."""
    n_bad, n_counted = _share_of_failures(results)
    if not n_counted:
        return None
    share = n_bad / n_counted
    if share <= allowed:
        return RuleResult(Outcome.PASS, share, None, allowed)
    reason = f"{n_bad} of {n_counted} amplifiers fail or could not be tested, {allowed:.0%} may"
    return RuleResult(Outcome.FAIL, share, None, allowed, "", reason)
