"""The test rules a policy may name: each compares one statistic with its limits and says both.

A rule is a pure function of what was measured and of the policy's numbers. It never turns a missing or NaN
statistic into a pass or a failure: that is could-not-run, with the reason.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from tasks.verification.model import Outcome, StatisticValues

__all__ = ["RULES", "RuleResult", "Subject", "apply_rule"]


@dataclass(frozen=True, slots=True)
class Subject:
    """What a rule looks at: one amplifier, one detector or one exposure."""

    values: StatisticValues
    """Statistics by name."""
    statistic: str
    """The statistic the policy's test names."""
    unit: str = ""
    """Unit of that statistic."""
    reference_scatter: float = 0.0
    """Robust scatter of the statistic over the generation exposures; 0 when there are too few."""
    reference: str | None = None
    """The statistic the tested one is compared with, where the policy's test names one."""
    problem: str | None = None
    """Why processing gave up; None when it did not."""
    n_detectors: int | None = None
    """Of an exposure: over how many detectors its statistics run; None for anything else."""

    @property
    def value(self) -> float:
        """The tested statistic; NaN when it was not measured."""
        return self.values.get(self.statistic, math.nan)


@dataclass(frozen=True, slots=True)
class RuleResult:
    """What a rule says."""

    outcome: Outcome
    value: float | None = None
    """What was compared."""
    lower_limit: float | None = None
    """Smallest value that passes."""
    upper_limit: float | None = None
    """Largest value that passes."""
    unit: str = ""
    """Unit of value and limits."""
    reason: str = ""
    """The result in words, unless it is a plain pass."""


type RuleFunction = Callable[[Subject, Mapping[str, float]], RuleResult]
"""A rule: what was measured and the policy's parameters in, the result out."""


def apply_rule(rule: str, subject: Subject, parameters: Mapping[str, float]) -> RuleResult:
    """Apply a rule by name.

    Raises
    ------
    KeyError
        If there is no such rule; a policy that was read from a file never names one.
    """
    return RULES[rule](subject, parameters)


def mean_near_zero(subject: Subject, parameters: Mapping[str, float]) -> RuleResult:
    """Test ``|x| <= max(floor, scatter_factor * scatter)``, the scatter that of the generation exposures.

    Parameters ``floor`` (electron), ``scatter_factor`` (default 0) and ``ceiling`` (electron, default none),
    which bounds what an unstable amplifier's own scatter can allow it.
    """
    if missing := _missing(subject, subject.statistic):
        return missing
    limit = max(parameters["floor"], parameters.get("scatter_factor", 0.0) * subject.reference_scatter)
    limit = min(limit, parameters.get("ceiling", math.inf))
    return _within(subject, subject.value, -limit, limit, subject.unit)


def sampling_allowance(n_pixels: float | None) -> float:
    """Return four standard errors of a standard deviation measured on ``n_pixels``, relative to it.

    0.3 % for the 10^6 pixels of an amplifier of a Rubin CCD, several per cent for a small frame; 0 when the
    number is not known.
    """
    return 4.0 / math.sqrt(2.0 * n_pixels) if n_pixels and n_pixels > 0 else 0.0


def noise_within(subject: Subject, parameters: Mapping[str, float]) -> RuleResult:
    """Test ``|x / expected - 1| <= tolerance + e``, the expected noise that of the calibration's noise model.

    Two-sided, so that a dead amplifier, which has no noise, fails. The read noise stands in for the expected
    noise where no model was applied. The allowance e is `sampling_allowance` of the amplifier's pixels.
    """
    expected = "EXPECTED_NOISE" if "EXPECTED_NOISE" in subject.values else "READ_NOISE"
    if missing := _missing(subject, subject.statistic, expected):
        return missing
    noise = subject.values[expected]
    tolerance = parameters["tolerance"] + sampling_allowance(subject.values.get("N_PIXELS"))
    lower, upper = (1.0 - tolerance) * noise, (1.0 + tolerance) * noise
    return _within(subject, subject.value, lower, upper, subject.unit, f"expected {noise:.4g}")


def cr_noise_within(subject: Subject, parameters: Mapping[str, float]) -> RuleResult:
    """Test ``|NOISE / x - 1| <= tolerance``, x being the noise without cosmic rays; the value is NOISE."""
    if missing := _missing(subject, subject.statistic, "NOISE"):
        return missing
    clean, tolerance = subject.value, parameters["tolerance"]
    lower, upper = (1.0 - tolerance) * clean, (1.0 + tolerance) * clean
    words = f"clipped noise against {clean:.4g} without cosmic rays"
    return _within(subject, subject.values["NOISE"], lower, upper, subject.unit, words)


def no_processing_failure(subject: Subject, parameters: Mapping[str, float]) -> RuleResult:
    """Test that nothing gave up while the exposure was processed."""
    if subject.problem is None:
        return RuleResult(Outcome.PASS)
    return RuleResult(Outcome.FAIL, reason=subject.problem)


def read_noise_consistent(subject: Subject, parameters: Mapping[str, float]) -> RuleResult:
    """Test ``|GAIN * READ_NOISE_ADU / READ_NOISE - 1| <= tolerance + e``; the value is in electron.

    The scatter of the exposure's own overscan is compared with the read noise all other limits rest on. A
    failure says that the latter may be wrong, not that the exposure is. The allowance e is
    `sampling_allowance` of the overscan's pixels.
    """
    if missing := _missing(subject, "READ_NOISE_ADU", "GAIN", "READ_NOISE"):
        return missing
    noise = subject.values["READ_NOISE"]
    tolerance = parameters["tolerance"] + sampling_allowance(subject.values.get("N_OVERSCAN_PIXELS"))
    lower, upper = (1.0 - tolerance) * noise, (1.0 + tolerance) * noise
    measured = subject.values["GAIN"] * subject.values["READ_NOISE_ADU"]
    return _within(subject, measured, lower, upper, "electron", f"of the overscan, expected {noise:.4g}")


def poisson_noise(subject: Subject, parameters: Mapping[str, float]) -> RuleResult:
    """Test ``x^2 <= (1 + tolerance) (expected^2 + (fraction * MEAN)^2)``, in electron.

    The expected noise is that of the flat's noise model, or without one ``sqrt(MEAN + READ_NOISE^2)``.
    With the optional parameter ``lower_tolerance``, ``x^2 >= (1 - lower_tolerance) expected^2`` is asked too,
    so that an amplifier that stands still fails.
    """
    names = ("EXPECTED_NOISE",) if "EXPECTED_NOISE" in subject.values else ("READ_NOISE",)
    if missing := _missing(subject, subject.statistic, "MEAN", *names):
        return missing
    mean = subject.values["MEAN"]
    if names == ("EXPECTED_NOISE",):
        variance = subject.values["EXPECTED_NOISE"] ** 2
    else:
        variance = max(mean, 0.0) + subject.values["READ_NOISE"] ** 2
    allowed = (1.0 + parameters["tolerance"]) * (variance + (parameters.get("fraction", 0.0) * mean) ** 2)
    lower = None
    if "lower_tolerance" in parameters:
        lower = math.sqrt(max(1.0 - parameters["lower_tolerance"], 0.0) * variance)
    words = f"expected {math.sqrt(variance):.4g} at a mean of {mean:.6g}"
    return _within(subject, subject.value, lower, math.sqrt(allowed), subject.unit, words)


def scatter_within(subject: Subject, parameters: Mapping[str, float]) -> RuleResult:
    """Test ``0 <= x / MEAN <= maximum``; has no meaning for an exposure of a single detector.

    The lower side makes a frame without light fail, whose ratio is negative or infinite.
    """
    if subject.n_detectors is not None and subject.n_detectors < 2:
        return RuleResult(Outcome.NOT_APPLICABLE, reason="one detector has no scatter over detectors")
    if missing := _missing(subject, subject.statistic, "MEAN"):
        return missing
    mean = subject.values["MEAN"]
    ratio = subject.value / mean if mean != 0.0 else math.inf
    words = f"scatter {subject.value:.4g} at a mean of {mean:.6g}"
    return _within(subject, ratio, 0.0, parameters["maximum"], "", words)


def value_within(subject: Subject, parameters: Mapping[str, float]) -> RuleResult:
    """Test ``minimum <= x <= maximum``; either side may be left out."""
    if missing := _missing(subject, subject.statistic):
        return missing
    lower, upper = parameters.get("minimum"), parameters.get("maximum")
    return _within(subject, subject.value, lower, upper, subject.unit)


def at_least(subject: Subject, parameters: Mapping[str, float]) -> RuleResult:
    """Test ``x >= minimum``."""
    if missing := _missing(subject, subject.statistic):
        return missing
    return _within(subject, subject.value, parameters["minimum"], None, subject.unit)


def count_at_most(subject: Subject, parameters: Mapping[str, float]) -> RuleResult:
    """Test ``x <= maximum`` for a number of things, which is neither negative nor broken."""
    if missing := _missing(subject, subject.statistic):
        return missing
    if subject.value < 0 or subject.value != round(subject.value):
        return RuleResult(Outcome.COULD_NOT_RUN, reason=f"{subject.statistic} {subject.value:g} is no count")
    return _within(subject, subject.value, None, parameters["maximum"], subject.unit)


def fraction_within(subject: Subject, parameters: Mapping[str, float]) -> RuleResult:
    """Test ``|x / reference - 1| <= tolerance``, the reference another statistic of the same thing."""
    if missing := _missing(subject, subject.statistic, str(subject.reference)):
        return missing
    reference, tolerance = subject.values[str(subject.reference)], parameters["tolerance"]
    if reference == 0.0:
        return RuleResult(Outcome.COULD_NOT_RUN, reason=f"{subject.reference} is zero")
    lower, upper = sorted(((1.0 - tolerance) * reference, (1.0 + tolerance) * reference))
    words = f"{subject.reference} is {reference:.4g}, {100 * (subject.value / reference - 1.0):+.2g} %"
    return _within(subject, subject.value, lower, upper, subject.unit, words)


def at_most_reference(subject: Subject, parameters: Mapping[str, float]) -> RuleResult:
    """Test ``x <= reference + tolerance``, the reference another statistic of the same thing."""
    if missing := _missing(subject, subject.statistic, str(subject.reference)):
        return missing
    upper = subject.values[str(subject.reference)] + parameters.get("tolerance", 0.0)
    return _within(subject, subject.value, None, upper, subject.unit, f"{subject.reference}")


def at_least_reference(subject: Subject, parameters: Mapping[str, float]) -> RuleResult:
    """Test ``x >= reference - tolerance``, the reference another statistic of the same thing."""
    if missing := _missing(subject, subject.statistic, str(subject.reference)):
        return missing
    lower = subject.values[str(subject.reference)] - parameters.get("tolerance", 0.0)
    return _within(subject, subject.value, lower, None, subject.unit, f"{subject.reference}")


RULES: Mapping[str, RuleFunction] = MappingProxyType(
    {
        function.__name__: function
        for function in (
            mean_near_zero,
            noise_within,
            cr_noise_within,
            no_processing_failure,
            read_noise_consistent,
            poisson_noise,
            scatter_within,
            value_within,
            at_least,
            count_at_most,
            fraction_within,
            at_most_reference,
            at_least_reference,
        )
    }
)
"""Rule by the name policies use."""


def _missing(subject: Subject, *statistics: str) -> RuleResult | None:
    """Return a could-not-run when one of the statistics was not measured or is not finite."""
    for name in statistics:
        if name not in subject.values:
            return RuleResult(Outcome.COULD_NOT_RUN, reason=f"{name} was not measured")
    for name in statistics:
        if not math.isfinite(subject.values[name]):
            why = subject.problem or (
                "no usable pixels" if subject.values.get("N_PIXELS") == 0.0 else "it has no value"
            )
            return RuleResult(Outcome.COULD_NOT_RUN, reason=f"{name} is not finite: {why}")
    return None


def _within(
    subject: Subject, value: float, lower: float | None, upper: float | None, unit: str, words: str = ""
) -> RuleResult:
    """Compare a value with its limits, and say in words what broke which."""
    too_low, too_high = lower is not None and value < lower, upper is not None and value > upper
    if not (too_low or too_high):
        return RuleResult(Outcome.PASS, value, lower, upper, unit)
    side, limit = ("below", lower) if too_low else ("above", upper)
    label = f"{value:.4g} {unit}".rstrip()
    reason = f"{subject.statistic} {label} is {side} {limit:.4g}" + (f" ({words})" if words else "")
    return RuleResult(Outcome.FAIL, value, lower, upper, unit, reason)
