"""The policy's tests applied to amplifiers, detectors, runs and exposures."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from infra.settings.policy import Policy, PolicyTest
from tasks.verification.checks import camera_state
from tasks.verification.model import (
    FAILED_AMPLIFIERS,
    DetectorStatistics,
    ExposureGroup,
    ExposureStatistics,
    Outcome,
    StatisticValues,
    TestResult,
    calibration_type,
)
from tasks.verification.results import allowance_rule, softened_by_allowance, test_result
from tasks.verification.rules import RuleResult, Subject, apply_rule

__all__ = ["MINIMUM_REFERENCE", "RANGE_SUFFIX", "RecordTests", "exposure_results"]

MINIMUM_REFERENCE = 3
"""Fewest exposures whose scatter says anything."""

PROCESSING = PolicyTest(
    calibration="any",
    test="PROCESSING",
    rule="no_processing_failure",
    level="amplifier",
    subject="product",
    statistic="PROCESSING",
    unit="",
    source="a calibration that could not be made is no calibration",
)
"""The test every calibration has of each of its amplifiers, asked for by the policy or not."""

RANGE_SUFFIX = "_RANGE"
"""At run level ``MEAN_RANGE`` is the 5 to 95 percentile range of ``MEAN`` over the exposures, and so on."""


@dataclass(frozen=True)
class RecordTests:
    """The tests of one detector's statistics: of amplifiers, of the detector, and over the run."""

    calibration: str
    """Calibration key."""
    policy: Policy
    """Tests and waivers."""
    record: DetectorStatistics
    """What was measured."""
    day_obs: int
    """Observing day that decides on waivers of results over the run."""

    @cached_property
    def amplifiers(self) -> tuple[str, ...]:
        """Every amplifier seen anywhere, so that one missing in some exposures is noticed there."""
        return self.record.amplifiers

    @cached_property
    def scatters(self) -> dict[tuple[str, str], float]:
        """Scatter over the generation exposures of every statistic compared with it, by amplifier."""
        statistics = {
            test.statistic
            for test in self.policy.tests_of(calibration_type(self.calibration))
            if test.level == "amplifier" and test.rule == "mean_near_zero" and test.subject == "exposure"
        }
        return {
            (statistic, name): self._reference_scatter(statistic, name)
            for statistic in statistics
            for name in self.amplifiers
        }

    def results(self, tests: Sequence[PolicyTest]) -> Iterator[TestResult]:
        """Yield the results at amplifier, detector and run level."""
        for exposure in self.record.exposures:
            state = camera_state(self.record, exposure)
            for test in tests:
                if exposure.group.value in test.applies_to and test.subject == "exposure":
                    parameters = test.parameters_for(state)
                    found = [
                        self._result(test, apply_rule(test.rule, subject, parameters), exposure, amplifier)
                        for amplifier, subject in self._subjects(test, exposure)
                    ]
                    yield from self._allowed(test, found, exposure)
        for test in tests:
            if test.level == "run":
                yield from self._allowed(test, list(self._run_results(test)), None)
        yield from self._product_results([test for test in tests if test.subject == "product"])

    def _allowed(
        self, test: PolicyTest, found: list[TestResult], exposure: ExposureStatistics | None
    ) -> Iterator[TestResult]:
        """Yield one detector's results of a test, and whether no more fail than the test allows."""
        if test.allowed_failures is None:
            yield from found
            return
        yield from softened_by_allowance(found, test.allowed_failures)
        rule = allowance_rule(found, test.allowed_failures)
        if rule is not None:
            yield self._result(test.model_copy(update={"statistic": FAILED_AMPLIFIERS}), rule, exposure)

    def _product_results(self, tests: Sequence[PolicyTest]) -> Iterator[TestResult]:
        """Yield the results of tests of the calibration itself, each once for an amplifier or detector."""
        record = self.record
        state = camera_state(record, None)
        for test in tests:
            parameters = test.parameters_for(state)
            found = [
                self._result(test, apply_rule(test.rule, subject, parameters), None, amplifier)
                for amplifier, subject in self._product_subjects(test)
            ]
            yield from self._allowed(test, found, None)
        if not any(test.rule == "no_processing_failure" for test in tests):
            # No policy can forget what was never made.
            test = PROCESSING.model_copy(update={"calibration": calibration_type(self.calibration)})
            for name, reason in record.product_problems.items():
                yield self._result(test, RuleResult(Outcome.FAIL, reason=reason), None, name)

    def _product_subjects(self, test: PolicyTest) -> Iterator[tuple[str | None, Subject]]:
        """Yield what a test looks at in the calibration itself, and the amplifier if it is one."""
        record = self.record
        if test.level == "amplifier" and self.amplifiers:
            for name in self.amplifiers:
                values = record.product_amplifiers.get(name, {})
                yield name, _subject(test, values, record.product_problems.get(name))
        else:
            yield None, _subject(test, record.product_detector, _problem(record.product_problems))

    def _subjects(
        self, test: PolicyTest, exposure: ExposureStatistics
    ) -> Iterator[tuple[str | None, Subject]]:
        """Yield what a test looks at in one exposure of this detector, and the amplifier if it is one."""
        if test.level == "amplifier":
            for name in self.amplifiers:
                values, problem = exposure.amplifiers.get(name, {}), exposure.problems.get(name)
                scatter = self.scatters.get((test.statistic, name), 0.0)
                yield name, replace(_subject(test, values, problem), reference_scatter=scatter)
        elif test.level == "detector":
            yield None, _subject(test, exposure.detector, _problem(exposure.problems))

    def _run_results(self, test: PolicyTest) -> Iterator[TestResult]:
        """Yield the results of a test over all exposures, per amplifier."""
        state = camera_state(self.record, self.record.exposures[0] if self.record.exposures else None)
        base = test.statistic.removesuffix(RANGE_SUFFIX)
        for name in self.amplifiers:
            values = self._finite(base, name, test.applies_to)
            measured: StatisticValues = {}
            if base != test.statistic and len(values) >= MINIMUM_REFERENCE:
                low, high = np.percentile(values, [5, 95])
                measured[test.statistic] = float(high - low)
            subject = _subject(test, measured)
            yield self._result(test, apply_rule(test.rule, subject, test.parameters_for(state)), None, name)

    def _finite(self, statistic: str, amplifier: str, groups: Sequence[str]) -> list[float]:
        values = (
            exposure.amplifiers.get(amplifier, {}).get(statistic, math.nan)
            for exposure in self.record.exposures
            if exposure.group.value in groups
        )
        return [value for value in values if math.isfinite(value)]

    def _reference_scatter(self, statistic: str, amplifier: str) -> float:
        """Return the scatter of a statistic over the generation exposures.

        It is no smaller than that of the detector's middling amplifier: a score of exposures can by chance
        lie close together, and among many amplifiers one always does.
        """
        return max(self._own_scatter(statistic, amplifier), self._typical_scatter[statistic])

    @cached_property
    def _typical_scatter(self) -> dict[str, float]:
        names = {name for exposure in self.record.exposures for name in exposure.amplifiers}
        return {
            statistic: float(
                np.median([self._own_scatter(statistic, name) for name in sorted(names)] or [0.0])
            )
            for statistic in {test.statistic for test in self.policy.tests}
        }

    def _own_scatter(self, statistic: str, amplifier: str) -> float:
        """Return an amplifier's own scatter, blind to a few odd exposures."""
        values = self._finite(statistic, amplifier, (ExposureGroup.GENERATION.value,))
        if len(values) < MINIMUM_REFERENCE:
            return 0.0
        first, third = np.percentile(values, [25, 75])
        return float(0.741301109 * (third - first))  # a Gaussian's sigma per interquartile range

    def _result(
        self,
        test: PolicyTest,
        rule: RuleResult,
        exposure: ExposureStatistics | None,
        amplifier: str | None = None,
    ) -> TestResult:
        day_obs = self.day_obs if exposure is None else exposure.day_obs
        return test_result(
            self.calibration, self.policy, test, rule, exposure, self.record, amplifier, day_obs
        )


def _subject(test: PolicyTest, values: StatisticValues, problem: str | None = None) -> Subject:
    return Subject(values, test.statistic, test.unit, reference=test.reference, problem=problem)


def _problem(problems: Mapping[str, str]) -> str | None:
    """Return what went wrong with a detector's amplifiers in one line."""
    return "; ".join(f"{name}: {why}" for name, why in problems.items()) or None


def exposure_results(
    calibration: str,
    policy: Policy,
    statistics: Sequence[DetectorStatistics],
    tests: Sequence[PolicyTest],
) -> Iterator[TestResult]:
    """Yield the results of the tests of whole exposures, over all detectors."""
    wanted = [test for test in tests if test.level == "exposure"]
    members: dict[int, list[tuple[DetectorStatistics, ExposureStatistics]]] = {}
    for record in statistics if wanted else ():
        for exposure in record.exposures:
            members.setdefault(exposure.exposure, []).append((record, exposure))
    for frames in members.values():
        first_record, first = frames[0]
        means = [exposure.detector.get("MEAN", math.nan) for _, exposure in frames]
        finite = [mean for mean in means if math.isfinite(mean)]
        values: StatisticValues = {
            "MEAN": float(np.mean(finite)) if finite else math.nan,
            "SCATTER": float(np.std(finite)) if finite else math.nan,
        }
        state = camera_state(first_record, first)
        for test in wanted:
            if first.group.value in test.applies_to:
                subject = replace(_subject(test, values), n_detectors=len(frames))
                rule = apply_rule(test.rule, subject, test.parameters_for(state))
                yield test_result(calibration, policy, test, rule, first, None, None, first.day_obs)
