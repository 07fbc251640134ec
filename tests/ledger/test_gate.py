"""The gate opens for enough of the right people, about what they saw, and for nobody else."""

from concurrent.futures import ThreadPoolExecutor

import hypothesis.strategies as st
import pytest
from hypothesis import given

from infra.errors import GateError, LedgerError
from infra.ledger import CalibrationState, Campaign, Ledger, evaluate_gate
from infra.settings import GateSettings
from tests.ledger.conftest import TO_GATE, walk
from tests.ledger.gates import ANYONE, BOARD, DIGEST, NOON, approval, rejection, state


@pytest.fixture
def waiting(ledger: Ledger, campaign: Campaign) -> Ledger:
    walk(ledger, campaign, "bias", *TO_GATE)
    return ledger


def test_one_reviewer_opens_a_gate_that_asks_for_one(waiting: Ledger) -> None:
    (verdict,) = waiting.decide(approval("bob", end_day_obs=20240401), ANYONE)
    assert (verdict.outcome, verdict.approvals) == ("approved", ("bob",))
    assert (verdict.begin_day_obs, verdict.end_day_obs) == (20240326, 20240401)
    assert state(waiting) is CalibrationState.APPROVED
    entry = waiting.entries(step="approve")[-1]
    assert entry.outcome == "approved"
    assert entry.digest == DIGEST
    assert entry.parameters["end_day_obs"] == 20240401


def test_a_quorum_of_two_waits_for_the_second(waiting: Ledger) -> None:
    (first,) = waiting.decide(approval("bob"), BOARD)
    assert (first.outcome, first.reason) == ("pending", "1 of 2 approvals")
    assert state(waiting) is CalibrationState.AWAITING_APPROVAL
    (second,) = waiting.decide(approval("cid"), BOARD)
    assert second.outcome == "approved"
    assert [d.reviewer for d in waiting.decisions("LATISS/DM-43525/lowerSetTemp/20240326a")] == ["bob", "cid"]


def test_one_reviewer_does_not_count_twice(waiting: Ledger) -> None:
    waiting.decide(approval("bob"), BOARD)
    (again,) = waiting.decide(approval("bob", reason="still"), BOARD)
    assert again.outcome == "pending"


def test_the_same_answer_given_twice_is_recorded_once(waiting: Ledger) -> None:
    for _ in range(2):
        (verdict,) = waiting.decide(approval("bob"), ANYONE)
        assert verdict.outcome == "approved"
    assert len(waiting.entries(step="decide")) == 1
    assert len([e for e in waiting.entries(step="approve") if e.status == "done"]) == 1


def test_two_answers_at_once_open_the_gate_once(waiting: Ledger) -> None:
    with ThreadPoolExecutor(2) as pool:
        verdicts = list(pool.map(lambda name: waiting.decide(approval(name), BOARD), ("bob", "cid")))
    assert sorted(verdict.outcome for (verdict,) in verdicts) == ["approved", "pending"]
    assert len([e for e in waiting.entries(step="approve") if e.status == "done"]) == 1


def test_the_producer_is_never_alone(waiting: Ledger) -> None:
    gate = GateSettings(reviewers=("ann", "bob"), quorum=1, producer_may_approve=False)
    (verdict,) = waiting.decide(approval("ann"), gate)  # ann opened the campaign
    assert verdict.outcome == "pending"
    assert "ann made it and may not approve it alone" in verdict.reason
    (verdict,) = waiting.decide(approval("bob"), gate)
    assert (verdict.outcome, verdict.approvals) == ("approved", ("ann", "bob"))


def test_who_is_no_reviewer_is_told_who_is(waiting: Ledger) -> None:
    with pytest.raises(
        GateError, match="eve is not a reviewer of LATISS — those who may decide are bob, cid, dee"
    ):
        waiting.decide(approval("eve"), BOARD)
    assert waiting.entries(step="decide") == ()


def test_a_decision_about_something_else_is_void(waiting: Ledger) -> None:
    with pytest.raises(
        GateError, match="no longer what bob looked at: digest dddddddddddd, not eeeeeeeeeeee"
    ):
        waiting.decide(approval("bob", digest="e" * 64), ANYONE)
    assert state(waiting) is CalibrationState.AWAITING_APPROVAL


def test_when_the_contents_change_earlier_decisions_no_longer_count(
    waiting: Ledger, campaign: Campaign
) -> None:
    waiting.decide(approval("bob"), BOARD)
    walk(waiting, campaign, "bias", "reopen done", *TO_GATE[1:], digest="f" * 64)
    (verdict,) = waiting.decide(approval("cid", digest="f" * 64), BOARD)
    assert (verdict.outcome, verdict.approvals) == ("pending", ("cid",))


def test_a_failed_verification_is_accepted_in_words_or_not_at_all(ledger: Ledger, campaign: Campaign) -> None:
    walk(ledger, campaign, "bias", *TO_GATE[:3], "verify done failed-verification", "approve started")
    with pytest.raises(
        GateError, match=r"bias of LATISS.* failed verification — approve it with --accept-failures"
    ):
        ledger.decide(approval("bob"), ANYONE)
    (verdict,) = ledger.decide(approval("bob", accepted_failures="C06 is known to be noisy"), ANYONE)
    assert verdict.outcome == "approved"
    assert ledger.entries(step="approve")[-1].parameters["accepted_failures"] == "C06 is known to be noisy"


def test_several_decisions_are_all_taken_or_none(ledger: Ledger, campaign: Campaign) -> None:
    # The second of two calibrations failed verification: an approval without words must not open the first.
    walk(ledger, campaign, "bias", *TO_GATE)
    walk(ledger, campaign, "dark", *TO_GATE[:3], "verify done failed-verification", "approve started")
    both = [approval("bob"), approval("bob", calibrations=("dark",))]
    with pytest.raises(GateError, match=r"dark of LATISS.* failed verification"):
        ledger.decide_all(both, ANYONE)
    assert ledger.entries(step="decide") == ()
    assert state(ledger, "bias") is CalibrationState.AWAITING_APPROVAL


def test_what_failed_can_be_rejected_without_more_words(ledger: Ledger, campaign: Campaign) -> None:
    walk(ledger, campaign, "bias", *TO_GATE[:3], "verify done failed-verification", "approve started")
    (verdict,) = ledger.decide(rejection("bob"), ANYONE)
    assert verdict.outcome == "rejected"
    assert state(ledger) is CalibrationState.REJECTED


def test_dissent_is_on_record_when_the_others_carry_it(waiting: Ledger) -> None:
    waiting.decide(rejection("dee"), BOARD)
    waiting.decide(approval("bob"), BOARD)
    (verdict,) = waiting.decide(approval("cid"), BOARD)
    assert (verdict.outcome, verdict.dissents) == ("approved", ("dee",))
    assert waiting.entries(step="approve")[-1].parameters["dissents"] == ["dee"]


def test_as_many_rejections_as_the_quorum_reject(waiting: Ledger) -> None:
    (first,) = waiting.decide(rejection("dee"), BOARD)
    assert first.outcome == "pending"
    (second,) = waiting.decide(rejection("bob"), BOARD)
    assert second.outcome == "rejected"


def test_one_rejection_rejects_when_all_must_agree(waiting: Ledger) -> None:
    (verdict,) = waiting.decide(rejection("bob"), GateSettings(reviewers=("bob", "cid"), quorum=2))
    assert verdict.outcome == "rejected"


def test_one_dissent_rejected_at_once_where_anyone_may_decide(waiting: Ledger) -> None:
    gate = GateSettings(quorum=2)
    assert waiting.decide(rejection("bob"), gate)[0].outcome == "pending"
    assert waiting.decide(approval("cid"), gate)[0].outcome == "pending"
    (verdict,) = waiting.decide(approval("dee"), gate)
    assert (verdict.outcome, verdict.approvals, verdict.dissents) == ("approved", ("cid", "dee"), ("bob",))


def test_as_many_rejections_as_the_quorum_reject_where_anyone_may_decide(waiting: Ledger) -> None:
    gate = GateSettings(quorum=2)
    waiting.decide(rejection("bob"), gate)
    assert waiting.decide(rejection("cid"), gate)[0].outcome == "rejected"


def test_a_reviewer_may_change_their_mind(waiting: Ledger) -> None:
    waiting.decide(rejection("bob"), BOARD)
    waiting.decide(approval("bob"), BOARD)
    (verdict,) = waiting.decide(approval("cid"), BOARD)
    assert (verdict.outcome, verdict.dissents) == ("approved", ())


def test_reviewers_must_agree_on_the_validity(waiting: Ledger) -> None:
    waiting.decide(approval("bob"), BOARD)
    (verdict,) = waiting.decide(approval("cid", begin_day_obs=20240401), BOARD)
    assert verdict.outcome == "pending"
    assert "must agree on the days" in verdict.reason
    (verdict,) = waiting.decide(approval("dee", begin_day_obs=20240401), BOARD)
    assert (verdict.outcome, verdict.begin_day_obs, verdict.approvals) == (
        "approved",
        20240401,
        ("cid", "dee"),
    )


def test_only_some_calibrations_can_be_approved(waiting: Ledger, campaign: Campaign) -> None:
    walk(waiting, campaign, "dark", *TO_GATE)
    waiting.decide(approval("bob", calibrations=("dark",)), ANYONE)
    assert state(waiting, "dark") is CalibrationState.APPROVED
    assert state(waiting, "bias") is CalibrationState.AWAITING_APPROVAL


def test_one_wrong_calibration_spoils_the_whole_answer(waiting: Ledger) -> None:
    with pytest.raises(
        GateError, match=r"dark of LATISS.* is unknown, not awaiting approval — waiting are: bias"
    ):
        waiting.decide(approval("bob", calibrations=("bias", "dark")), ANYONE)
    assert state(waiting) is CalibrationState.AWAITING_APPROVAL


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: approval(" "), "needs a reviewer"),
        (lambda: approval("bob", calibrations=()), "name at least one"),
        (lambda: approval("bob", begin_day_obs=None), "first day of validity"),
        (lambda: approval("bob", end_day_obs=20240101), "ends on 20240101, before it begins on 20240326"),
        (lambda: rejection("bob", reason=" "), "a rejection needs a reason"),
    ],
)
def test_an_incomplete_decision_is_refused_with_words(make: object, said: str) -> None:
    with pytest.raises(LedgerError, match=said):
        make()  # type: ignore[operator]


@given(
    st.lists(
        st.tuples(st.sampled_from(["ann", "bob", "cid", "dee", "eve"]), st.booleans(), st.booleans()),
        max_size=8,
    ),
    st.integers(1, 4),
    st.booleans(),
)
def test_the_gate_counts_people_not_answers(
    answers: list[tuple[str, bool, bool]], quorum: int, alone: bool
) -> None:
    """Against a plain count: of each reviewer the last answer about this content."""
    reviewers = ("ann", "bob", "cid", "dee")
    gate = GateSettings(reviewers=reviewers, quorum=quorum, producer_may_approve=alone)
    decisions = [
        (approval if yes else rejection)(name, digest=DIGEST if same else "0" * 64)
        for name, yes, same in answers
    ]
    last = {name: yes for name, yes, same in answers if same and name in reviewers}
    yes = {name for name, vote in last.items() if vote}
    no = len(last) - len(yes)
    verdict = evaluate_gate("bias", decisions, gate, producer="ann", digest=DIGEST, at=NOON)
    if len(yes) >= quorum and (alone or yes != {"ann"}):
        assert verdict.outcome == "approved"
    elif no and (no >= quorum or (quorum > 1 and len(reviewers) - no < quorum)):
        assert verdict.outcome == "rejected"
    else:
        assert verdict.outcome == "pending"
    assert set(verdict.approvals) == yes
