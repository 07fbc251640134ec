"""What each test says, and the verdict: frozen, and plain when dumped, like what is measured."""

from enum import StrEnum
from typing import Literal

from pydantic import computed_field

from tasks.verification.measured import (
    DetectorStatistics,
    ExposureGroup,
    ExposureStatistics,
    Number,
    Plain,
    PlannedFrame,
    StatisticValues,
)

__all__ = ["ExposureStatistics", "DetectorStatistics", "StatisticValues", "ExposureGroup", "PlannedFrame"]
__all__ += ["FAILED_AMPLIFIERS", "TestResult", "Outcome", "Severity", "Level", "TestedThing"]
__all__ += ["Verdict", "VerdictOutcome", "Cause", "Tally", "calibration_type"]

FAILED_AMPLIFIERS = "FAILED_AMPLIFIERS"
"""Statistic of the result that says whether no more amplifiers fail than a test allows: their fraction."""

type Level = Literal["amplifier", "detector", "exposure", "run"]
"""What one result of a test is about."""

type TestedThing = Literal["exposure", "product"]
"""Whether exposures under the calibration were tested, or the calibration itself."""


class Outcome(StrEnum):
    """What one test says."""

    PASS = "pass"
    FAIL = "fail"
    COULD_NOT_RUN = "could-not-run"
    """The statistic is missing or not finite, so nothing is known; never counted as a pass."""
    NOT_APPLICABLE = "not-applicable"
    """The test has no meaning here, such as the scatter over detectors of a camera with one."""


class Severity(StrEnum):
    """What a failure means for the calibration."""

    ERROR = "error"
    """The calibration fails verification, unless the failure is waived."""
    WARNING = "warning"
    """People are told; the verdict does not change."""


class VerdictOutcome(StrEnum):
    """What verification says of one calibration."""

    VERIFIED = "verified"
    FAILED = "failed-verification"
    COULD_NOT_RUN = "could-not-run"
    """Nothing failed, but a test that should have run could not: the calibration is not verified."""


class TestResult(Plain):
    """What one test says of one amplifier, detector, exposure or run."""

    __test__ = False  # not a test class, whatever pytest thinks of the name

    calibration: str
    """Calibration key, such as ``flat-r``."""
    subject: TestedThing = "exposure"
    """What was tested: exposures under the calibration, or the calibration itself."""
    group: ExposureGroup | None = None
    """Generation or verification; None for a test of the whole run or of the calibration itself."""
    exposure: int | None = None
    """Exposure ID; None for a test of the whole run or of the calibration itself."""
    detector: int | None = None
    """Detector number; None for a test of a whole exposure."""
    amplifier: str | None = None
    """Amplifier name; None for a test of a whole detector or more."""
    test: str
    """Name of the test, such as ``NOISE``."""
    statistic: str = ""
    """Statistic the test compares, such as ``CR_NOISE``; empty when it compares none."""
    outcome: Outcome
    """What the test says."""
    value: Number | None = None
    """What was compared, in ``unit``; None when there is none."""
    lower_limit: Number | None = None
    """Smallest value that passes; None when the test has no lower side."""
    upper_limit: Number | None = None
    """Largest value that passes; None when the test has no upper side."""
    unit: str = ""
    """Unit of value and limits."""
    severity: Severity = Severity.ERROR
    """What a failure means."""
    reason: str = ""
    """The result in words: why it failed, or could not run."""
    waived: str | None = None
    """Reason of the waiver that covers this failure; None when there is none."""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def limit(self) -> float | None:
        """The limit that was broken, or of a value within limits the nearer one, in ``unit``."""
        lower, upper, value = self.lower_limit, self.upper_limit, self.value
        if lower is None or upper is None:
            return upper if lower is None else lower
        if value is None or not value <= lower + (upper - lower) / 2:
            return upper
        return lower

    @property
    def place(self) -> tuple[str, str, int | None, int | None, str | None, str]:
        """What identifies a result: calibration, what was tested, exposure, detector, amplifier and test."""
        return (self.calibration, self.subject, self.exposure, self.detector, self.amplifier, self.test)

    @property
    def level(self) -> Level:
        """What was tested: an amplifier, a detector or a whole exposure; or the run, over all exposures."""
        if self.subject == "product":
            return "detector" if self.amplifier is None else "amplifier"
        if self.exposure is None:
            return "run"
        if self.amplifier is not None:
            return "amplifier"
        return "exposure" if self.detector is None else "detector"

    @property
    def blocks(self) -> bool:
        """Whether this result alone keeps the calibration from being verified."""
        bad = self.outcome in (Outcome.FAIL, Outcome.COULD_NOT_RUN)
        return bad and self.severity is Severity.ERROR and self.waived is None


class Cause(Plain):
    """Failures that have one cause for people: the same test of the same amplifier in many exposures."""

    subject: TestedThing = "exposure"
    """Whether exposures were tested or the calibration itself."""
    outcome: Outcome
    """``fail`` or ``could-not-run``."""
    severity: Severity
    """Severity of the failures."""
    test: str
    """Name of the test."""
    detector: int | None = None
    """Detector number; None when the cause spans detectors."""
    amplifier: str | None = None
    """Amplifier name; None when the cause spans amplifiers."""
    exposures: tuple[int, ...] = ()
    """Exposures it appears in, in rising order."""
    count: int
    """How many failures it explains."""
    generation: int = 0
    """How many of them in generation exposures."""
    verification: int = 0
    """How many of them in verification exposures."""
    waived: str | None = None
    """Reason of the waiver that covers them; None when there is none."""
    description: str
    """One sentence for people."""


class Tally(Plain):
    """How the results of one test came out in one group of exposures."""

    test: str
    """Name of the test."""
    level: Level
    """What was tested; two levels may share the name of a test."""
    subject: TestedThing = "exposure"
    """Whether exposures were tested or the calibration itself."""
    group: ExposureGroup | None = None
    """Generation or verification; None for tests of the whole run and of the calibration itself."""
    passed: int = 0
    failed: int = 0
    """Failures of severity error that no waiver covers."""
    warned: int = 0
    """Failures of severity warning that no waiver covers."""
    waived: int = 0
    """Failures, and tests that could not run, that a waiver covers."""
    could_not_run: int = 0
    not_applicable: int = 0


class Verdict(Plain):
    """What verification says of one calibration, with every result that is not a pass exactly once."""

    calibration: str
    """Calibration key, such as ``flat-r``."""
    outcome: VerdictOutcome
    """Verified, failed, or not known."""
    failures: tuple[TestResult, ...] = ()
    """Failures of severity error that no waiver covers."""
    warnings: tuple[TestResult, ...] = ()
    """Results of severity warning that failed or could not run, and that no waiver covers."""
    waived: tuple[TestResult, ...] = ()
    """Failures and tests that could not run that a waiver covers, with its reason."""
    could_not_run: tuple[TestResult, ...] = ()
    """Tests of severity error that could not run and that no waiver covers."""
    tallies: tuple[Tally, ...] = ()
    """Counts per test and group."""
    causes: tuple[Cause, ...] = ()
    """The failures above grouped for people; each failure belongs to one cause."""
    policy: str = ""
    """Name and version of the policy that set the limits."""

    def group_outcome(self, group: ExposureGroup) -> VerdictOutcome:
        """Return the outcome of one group of exposures alone; tests of run and product count in both."""
        relevant = (group, None)
        if any(result.group in relevant for result in self.failures):
            return VerdictOutcome.FAILED
        if any(result.group in relevant for result in self.could_not_run):
            return VerdictOutcome.COULD_NOT_RUN
        return VerdictOutcome.VERIFIED


def calibration_type(key: str) -> str:
    """Return the dataset type of a calibration key: ``flat`` for ``flat-r``."""
    return key.partition("-")[0]
