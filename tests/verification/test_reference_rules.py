"""Rules that compare with another statistic, with a smallest value, or count."""

import math

import pytest

from tasks.verification.model import Outcome
from tasks.verification.rules import RuleResult, Subject, apply_rule


def apply(rule: str, parameters: dict[str, float], **values: float) -> RuleResult:
    reference = "NOMINAL" if "reference" in rule or rule == "fraction_within" else None
    return apply_rule(rule, Subject(values, "VALUE", "electron", reference=reference), parameters)


@pytest.mark.parametrize(
    ("value", "nominal", "outcome"),
    [
        (1.049, 1.0, "pass"),
        (1.051, 1.0, "fail"),
        (0.951, 1.0, "pass"),
        (0.949, 1.0, "fail"),
        (-3.1e-6, -3.0e-6, "pass"),  # a negative reference turns the limits round
        (-3.2e-6, -3.0e-6, "fail"),
        (3.0e-6, -3.0e-6, "fail"),
        (1.0, 0.0, "could-not-run"),
        (1.0, math.nan, "could-not-run"),
        (math.nan, 1.0, "could-not-run"),
    ],
)
def test_fraction_of_the_reference(value: float, nominal: float, outcome: str) -> None:
    result = apply("fraction_within", {"tolerance": 0.05}, VALUE=value, NOMINAL=nominal)
    assert result.outcome == outcome
    if result.lower_limit is not None and result.upper_limit is not None:
        assert result.lower_limit < result.upper_limit


def test_reference_that_was_not_measured_is_named() -> None:
    result = apply("fraction_within", {"tolerance": 0.05}, VALUE=1.0)
    assert (result.outcome, result.reason) == (Outcome.COULD_NOT_RUN, "NOMINAL was not measured")


@pytest.mark.parametrize(
    ("rule", "value", "outcome"),
    [
        ("at_most_reference", 10.0, "pass"),
        ("at_most_reference", 10.5, "pass"),
        ("at_most_reference", 10.6, "fail"),
        ("at_least_reference", 9.5, "pass"),
        ("at_least_reference", 9.4, "fail"),
        ("at_least_reference", math.inf, "could-not-run"),
    ],
)
def test_one_side_of_the_reference_with_a_tolerance(rule: str, value: float, outcome: str) -> None:
    assert apply(rule, {"tolerance": 0.5}, VALUE=value, NOMINAL=10.0).outcome == outcome
    assert apply(rule, {}, VALUE=10.0, NOMINAL=10.0).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("value", "outcome"), [(90000.0, "pass"), (89999.0, "fail"), (math.nan, "could-not-run")]
)
def test_at_least(value: float, outcome: str) -> None:
    result = apply("at_least", {"minimum": 90000.0}, VALUE=value)
    assert result.outcome == outcome
    assert (result.lower_limit, result.upper_limit) in ((90000.0, None), (None, None))


@pytest.mark.parametrize(
    ("value", "outcome"),
    [(0, "pass"), (2, "pass"), (3, "fail"), (-1, "could-not-run"), (1.5, "could-not-run")],
)
def test_count(value: float, outcome: str) -> None:
    assert apply("count_at_most", {"maximum": 2}, VALUE=value).outcome == outcome
