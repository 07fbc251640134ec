"""Every result of every test, folded while it streams by into the worst of each test of each amplifier."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from tasks.verification.model import ExposureGroup, Outcome, Severity, TestResult, Verdict

__all__ = ["AmplifierTest", "Count", "agree", "severity_margin", "summarise_amplifiers", "summarise_verdict"]

_GRAVITY = {Outcome.NOT_APPLICABLE: 0, Outcome.PASS: 1, Outcome.COULD_NOT_RUN: 2, Outcome.FAIL: 3}


@dataclass(frozen=True, slots=True)
class Count:
    """How many results of one test of one amplifier there are in one group of exposures, and how many bad."""

    tested: int = 0
    failed: int = 0
    could_not_run: int = 0

    def plus(self, outcome: Outcome) -> "Count":
        """Return the count with one more result."""
        return Count(
            self.tested + (outcome is not Outcome.NOT_APPLICABLE),
            self.failed + (outcome is Outcome.FAIL),
            self.could_not_run + (outcome is Outcome.COULD_NOT_RUN),
        )


@dataclass(frozen=True, slots=True)
class AmplifierTest:
    """One test of one amplifier over all exposures, or of a whole detector where it looks at detectors."""

    worst: TestResult
    """The worst result: a failure before what could not run before a pass; of those the farthest out."""
    generation: Count = Count()
    """Results in the inputs of the calibration."""
    verification: Count = Count()
    """Results in other exposures."""
    run: Count = Count()
    """Results over all exposures together, or of the calibration itself."""
    complete: bool = True
    """Whether passes were counted too; False when only a verdict is at hand, which lists no pass."""

    @property
    def failed(self) -> int:
        """Failures in all exposures."""
        return self.generation.failed + self.verification.failed + self.run.failed

    @property
    def could_not_run(self) -> int:
        """Tests that could not run, in all exposures."""
        return self.generation.could_not_run + self.verification.could_not_run + self.run.could_not_run

    @property
    def tested(self) -> int:
        """Results of any kind but not-applicable."""
        return self.generation.tested + self.verification.tested + self.run.tested


def summarise_amplifiers(results: Iterable[TestResult]) -> tuple[AmplifierTest, ...]:
    """Fold results into the worst per detector, amplifier and test, with counts per group of exposures.

    Parameters
    ----------
    results
        All results of one calibration, passes included, as `tasks.verification.evaluate.all_results` yields
        them; read once, so that a camera of 189 detectors needs little memory. Results that name no detector
        are left out: they stand in the verdict.

    Returns
    -------
    tuple of AmplifierTest
        In the order in which detector, amplifier and test first appear.
    """
    return _summarise(results, complete=True)


def summarise_verdict(verdict: Verdict) -> tuple[AmplifierTest, ...]:
    """Do the same from a verdict alone, which keeps every result but the passes."""
    results = (*verdict.failures, *verdict.could_not_run, *verdict.warnings, *verdict.waived)
    return _summarise(results, complete=False)


def _summarise(results: Iterable[TestResult], *, complete: bool) -> tuple[AmplifierTest, ...]:
    worst: dict[tuple[str, int, str | None, str], TestResult] = {}
    counts: dict[tuple[str, int, str | None, str], dict[ExposureGroup | None, Count]] = {}
    for result in results:
        if result.detector is None:
            continue
        place = (result.subject, result.detector, result.amplifier, result.test)
        if place not in worst or _badness(result) > _badness(worst[place]):
            worst[place] = result
        groups = counts.setdefault(place, {})
        groups[result.group] = groups.get(result.group, Count()).plus(result.outcome)
    return tuple(
        AmplifierTest(
            result,
            counts[place].get(ExposureGroup.GENERATION, Count()),
            counts[place].get(ExposureGroup.VERIFICATION, Count()),
            counts[place].get(None, Count()),
            complete,
        )
        for place, result in worst.items()
    )


def severity_margin(result: TestResult) -> float:
    """Return how near a value is to its limits: 1 on a limit, more beyond, in units of the width allowed.

    With two limits 0 is half way between them. NaN when there is no value or no limit.
    """
    value, lower, upper = result.value, result.lower_limit, result.upper_limit
    if value is None or not math.isfinite(value):
        return math.nan
    if lower is not None and upper is not None:
        width = (upper - lower) / 2
        offset = abs(value - (lower + upper) / 2)
    else:
        limit = upper if lower is None else lower
        if limit is None:
            return math.nan
        width = abs(limit) or 1.0
        offset = width + (value - limit if lower is None else limit - value)
    return offset / width if width > 0 else math.inf * offset if offset else 1.0


def _badness(result: TestResult) -> tuple[int, bool, bool, float]:
    margin = severity_margin(result)
    return (
        _GRAVITY[result.outcome],
        result.waived is None,
        result.severity is Severity.ERROR,
        -1.0 if math.isnan(margin) else margin,
    )


def agree(tests: Iterable[AmplifierTest], verdict: Verdict) -> bool:
    """Tell whether worst results were judged as the verdict was; a policy changed since makes them differ."""
    judged = {
        _place(test): (test.failed, test.could_not_run) for test in tests if test.failed or test.could_not_run
    }
    stated = {_place(test): (test.failed, test.could_not_run) for test in summarise_verdict(verdict)}
    return judged == stated


def _place(test: AmplifierTest) -> tuple[str, int | None, str | None, str, str]:
    return (
        test.worst.subject,
        test.worst.detector,
        test.worst.amplifier,
        test.worst.test,
        test.worst.severity,
    )
