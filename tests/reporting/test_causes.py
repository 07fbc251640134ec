"""Results under their causes, and the worst of each amplifier: nothing lost, nothing twice."""

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.reporting.amplifiers import severity_margin, summarise_amplifiers, summarise_verdict
from tasks.reporting.causes import explain_causes
from tasks.verification.model import ExposureGroup, Outcome, Severity, TestResult
from tasks.verification.rollup import roll_up

NAMES = [f"C{row}{column}" for row in (1, 0) for column in range(8)]


def result(
    exposure: int | None = 1, detector: int | None = 0, amplifier: str | None = "C00", **more
) -> TestResult:
    settings = {"calibration": "bias", "test": "NOISE", "outcome": Outcome.PASS} | more
    group = (
        None
        if exposure is None
        else ExposureGroup.GENERATION
        if exposure < 20
        else ExposureGroup.VERIFICATION
    )
    return TestResult(exposure=exposure, detector=detector, amplifier=amplifier, group=group, **settings)


@st.composite
def planted(draw) -> list[TestResult]:
    """Draw results of a small camera, most of them passes, each place once."""
    places = st.tuples(
        st.sampled_from(["NOISE", "MEAN"]),
        st.sampled_from([None, 1, 2, 25]),
        st.sampled_from([None, 0, 1]),
        st.sampled_from([None, *NAMES[:5]]),
    )
    found = []
    for test, exposure, detector, amplifier in draw(st.sets(places, max_size=60)):
        found.append(
            result(
                exposure,
                detector,
                amplifier,
                test=test,
                outcome=draw(st.sampled_from(list(Outcome))),
                severity=draw(st.sampled_from(list(Severity))),
                waived=draw(st.sampled_from([None, None, "known", "old"])),
                value=draw(st.sampled_from([None, 0.5, 3.0, math.nan])),
                upper_limit=1.0,
            )
        )
    return found


@given(planted())
def test_every_result_that_is_not_a_pass_belongs_to_one_cause(results: list[TestResult]) -> None:
    verdict = roll_up(results, "bias")
    explained = explain_causes(verdict, 10**6)
    bad = [one for one in results if one.outcome in (Outcome.FAIL, Outcome.COULD_NOT_RUN)]
    assert Counter(one.place for cause in explained for one in cause.members) == Counter(
        one.place for one in bad
    )
    assert [len(one.members) for one in explained] == [one.cause.count for one in explained]
    for one in explained:
        assert {(member.test, member.detector, member.waived) for member in one.members} == {
            (one.cause.test, one.cause.detector, one.cause.waived)
        }


@given(planted(), st.integers(1, 30))
def test_results_left_out_are_counted(results: list[TestResult], most: int) -> None:
    for one in explain_causes(roll_up(results, "bias"), most):
        assert len(one.members) + one.unlisted == one.cause.count


def test_a_result_over_the_run_joins_those_of_its_exposures() -> None:
    failing = {"outcome": Outcome.FAIL, "detector": None, "amplifier": None}
    (one,) = explain_causes(roll_up([result(None, **failing), result(1, **failing)], "bias"), 10)
    assert (one.cause.count, len(one.members), one.cause.exposures) == (2, 2, (1,))


def test_causes_with_many_results_give_way_first() -> None:
    results = [result(n, 0, "C00", outcome=Outcome.FAIL) for n in range(1, 19)]
    results += [result(n, 1, "C01", outcome=Outcome.FAIL) for n in range(1, 6)]
    lengths = [len(one.members) for one in explain_causes(roll_up(results, "bias"), 15)]
    assert lengths == [10, 5]


def test_a_result_that_no_cause_explains_makes_its_own() -> None:
    verdict = roll_up([result(outcome=Outcome.FAIL)], "bias").model_copy(update={"causes": ()})
    (one,) = explain_causes(verdict, 10)
    assert (one.cause.count, one.cause.generation, one.members) == (1, 1, verdict.failures)


def test_the_worst_is_found_among_results_that_are_not_listed() -> None:
    values = [1.1, 1.2, 1.3, 1.4, 9.0]
    results = [
        result(n, outcome=Outcome.FAIL, value=value, upper_limit=1.0) for n, value in enumerate(values, 1)
    ]
    (one,) = explain_causes(roll_up(results, "bias"), 1)
    assert len(one.members) == 3
    assert one.worst is not None
    assert one.worst.value == 9.0


@pytest.mark.parametrize(
    ("value", "lower", "upper", "margin"),
    [
        (0.0, -1.0, 1.0, 0.0),
        (1.0, -1.0, 1.0, 1.0),
        (-3.0, -1.0, 1.0, 3.0),
        (8.0, 7.0, 9.0, 0.0),
        (5.0, None, 10.0, 0.5),
        (20.0, None, 10.0, 2.0),
        (5.0, 10.0, None, 1.5),
        (2.0, None, 0.0, 3.0),
        (1.0, 1.0, 1.0, 1.0),
        (2.0, 1.0, 1.0, math.inf),
        (None, 0.0, 1.0, math.nan),
        (math.nan, 0.0, 1.0, math.nan),
        (1.0, None, None, math.nan),
    ],
)
def test_margin_is_one_on_a_limit_and_more_beyond(value, lower, upper, margin) -> None:
    assert severity_margin(result(value=value, lower_limit=lower, upper_limit=upper)) == pytest.approx(
        margin, nan_ok=True
    )


def test_the_worst_of_an_amplifier_is_a_failure_before_a_gap_before_a_pass() -> None:
    limits = {"lower_limit": -1.0, "upper_limit": 1.0}
    results = [
        result(1, value=0.2, **limits),
        result(2, value=-0.9, **limits),
        result(3, outcome=Outcome.COULD_NOT_RUN),
        result(4, outcome=Outcome.FAIL, value=1.5, **limits),
        result(25, outcome=Outcome.FAIL, value=-1.4, **limits),
        result(26, outcome=Outcome.FAIL, value=7.0, waived="known", **limits),
        result(27, outcome=Outcome.NOT_APPLICABLE),
        result(None, value=0.1, **limits),
    ]
    (one,) = summarise_amplifiers(iter(results))
    assert one.worst.exposure == 4
    assert (one.generation.tested, one.generation.failed, one.generation.could_not_run) == (4, 1, 1)
    assert (one.verification.tested, one.verification.failed) == (2, 2)
    assert (one.run.tested, one.failed, one.could_not_run, one.tested) == (1, 3, 1, 7)


def test_a_verdict_alone_gives_what_did_not_pass() -> None:
    verdict = roll_up([result(1), result(2, outcome=Outcome.FAIL)], "bias")
    (one,) = summarise_verdict(verdict)
    assert (one.complete, one.failed, one.worst.exposure) == (False, 1, 2)


def test_results_of_no_detector_are_left_to_the_verdict() -> None:
    assert summarise_amplifiers([result(1, None, None)]) == ()
