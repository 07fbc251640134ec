"""Campaigns and decisions on the command line: what is refused leaves no trace."""

import json

import pytest

from tests.flows.walk import CAMPAIGN, DAY, KEYS, REVIEWERS, Place, calprod, complaint


@pytest.mark.parametrize(
    "command",
    [
        ("show",),
        ("report",),
        ("record",),
        ("release",),
        ("approve", "--reviewer", "vera", "--begin", DAY),
        ("reject", "--reviewer", "vera", "--reason", "x"),
    ],
    ids=lambda command: command[0],
)
def test_a_campaign_that_is_none(produced_template: Place, command) -> None:
    verb, *more = command
    status, line = complaint(verb, "20240322a", "-b", produced_template.repository, *more)
    assert status == 2
    assert "there is no campaign '20240322a'" in line
    assert f"LATISS/calprod/nightly/{CAMPAIGN}" in line  # what there is


def test_a_repository_without_campaigns(ingested_template: Place) -> None:
    status, line = complaint("show", "-b", ingested_template.repository)
    assert status == 2
    assert "calprod run" in line


def test_bad_answers_at_the_gate_are_refused_and_leave_no_trace(produced: Place) -> None:
    at = ("approve", CAMPAIGN, "-b", produced.repository)
    good = ("--reviewer", "vera", "--begin", DAY, "--accept-failures", "few pixels")
    for status, words, arguments in (
        (1, "eve is not a reviewer of LATISS", (*good, "--reviewer", "eve")),
        (1, "failed verification", good[:4]),
        (2, "the validity range would be empty", (*good, "--end", 20240320)),
        (2, "is not an observing day", (*good, "--end", "soon")),
        (2, "has no calibration 'flat-g'", (*good, "--only", "bias,flat-g")),
        (1, "a decision needs a reviewer", (*good, "--reviewer", " ")),
    ):
        found, line = complaint(*at, *arguments)
        assert (found, words in line) == (status, True), line
    assert produced.entries("decide") == []
    assert {
        one["state"] for one in json.loads(calprod("status", "-b", produced.repository, "--json").out)
    } == {"awaiting-approval"}


def test_an_answer_given_twice_is_taken_once(produced: Place) -> None:
    answer = ("approve", CAMPAIGN, "-b", produced.repository, "--reviewer", "vera", "--begin", DAY)
    for _ in range(2):
        done = calprod(*answer, "--accept-failures", "few pixels").must()
        assert done.out.count("approved (approved by vera)") == len(KEYS)
    assert len(produced.entries("decide")) == len(KEYS)
    # Another answer after that is no repetition.
    status, line = complaint(*answer, "--accept-failures", "another reason")
    assert status == 1
    assert "bias of LATISS/calprod/nightly/20240321a is approved, not awaiting approval" in line


def test_a_quorum_of_two_needs_two(produced: Place) -> None:
    produced.settings(lambda profile: profile["gate"].update(quorum=2))
    answer = (
        "approve",
        CAMPAIGN,
        "-b",
        produced.repository,
        "--begin",
        DAY,
        "--accept-failures",
        "few pixels",
    )
    first = calprod(*answer, "--reviewer", REVIEWERS[0]).must()
    assert "pending (1 of 2 approvals)" in first.out
    assert "still waiting for a decision: bias, dark, flat-r" in first.out
    status, line = complaint("release", CAMPAIGN, "-b", produced.repository)
    assert status == 1
    assert "bias is awaiting-approval" in line
    second = calprod(*answer, "--reviewer", REVIEWERS[1]).must()
    assert second.out.count("approved (approved by vera, edwin)") == len(KEYS)


def test_a_site_that_the_profile_does_not_know(produced_template: Place) -> None:
    for command in (("sync", "moon"), ("compare", "moon")):
        status, line = complaint(*command, "-b", produced_template.repository)
        assert status == 2
        assert "the profile knows no site 'moon'" in line
        assert "summit" in line
