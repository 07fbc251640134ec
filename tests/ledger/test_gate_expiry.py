"""A gate that was open too long opens no more."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from infra.errors import GateError
from infra.ledger import CalibrationState, Campaign, Decision, Ledger, evaluate_gate, quorum_reached
from infra.ledger.clock import set_clock
from infra.settings import GateSettings
from tests.ledger.conftest import TO_GATE, walk
from tests.ledger.gates import BOARD, DIGEST, NOON, approval, rejection, state


def test_a_gate_that_was_open_too_long_closes(ledger: Ledger, campaign: Campaign) -> None:
    gate = GateSettings(expires_after_days=30)
    with set_clock(NOON):
        walk(ledger, campaign, "bias", *TO_GATE)
    with set_clock(NOON + timedelta(days=30)):
        assert ledger.expire_gates(campaign.name, gate, "calprod") == ()
    with set_clock(NOON + timedelta(days=30, seconds=1)):
        assert ledger.expire_gates("20240326a", gate, "calprod") == ("bias",)
        assert ledger.expire_gates("20240326a", gate, "calprod") == ()
    assert state(ledger) is CalibrationState.EXPIRED
    with pytest.raises(GateError, match=r"bias of LATISS.* is expired, not awaiting approval"):
        ledger.decide(approval("bob"), gate)
    walk(ledger, campaign, "bias", "approve started")
    assert ledger.decide(approval("bob"), gate)[0].outcome == "approved"


@pytest.mark.parametrize("say", [approval, rejection])
def test_a_late_answer_decided_a_gate_that_had_expired_but_was_not_closed(
    ledger: Ledger, campaign: Campaign, say: Callable[[str], Decision]
) -> None:
    # Nobody has called expire_gates; the second of two answers comes after the end.
    gate = BOARD.model_copy(update={"expires_after_days": 30})
    with set_clock(NOON):
        walk(ledger, campaign, "bias", *TO_GATE)
    with set_clock(NOON + timedelta(days=29)):
        assert ledger.decide(say("bob"), gate)[0].outcome == "pending"
    with set_clock(NOON + timedelta(days=30, seconds=1)):
        assert ledger.decide(say("cid"), gate)[0].outcome == "expired"
    assert state(ledger) is CalibrationState.EXPIRED


def test_answers_in_time_count_although_they_are_read_after_the_end() -> None:
    gate = GateSettings(quorum=2, expires_after_days=7)
    given = [approval(name, when_utc=(NOON + timedelta(days=6)).isoformat()) for name in ("bob", "cid")]
    words = {"producer": "ann", "digest": DIGEST, "at": NOON + timedelta(days=8), "opened": NOON}
    assert evaluate_gate("bias", given, gate, **words).outcome == "approved"


def test_the_same_answer_to_a_gate_opened_anew_is_a_new_answer(ledger: Ledger, campaign: Campaign) -> None:
    gate = BOARD.model_copy(update={"expires_after_days": 30})
    with set_clock(NOON):
        walk(ledger, campaign, "bias", *TO_GATE)
        ledger.decide(approval("bob"), gate)
    with set_clock(NOON + timedelta(days=31)):
        ledger.expire_gates(campaign.name, gate, "calprod")
        walk(ledger, campaign, "bias", "approve started")
        assert ledger.decide(approval("cid"), gate)[0].outcome == "pending"
        assert ledger.decide(approval("bob"), gate)[0].outcome == "approved"


def test_an_old_decision_no_longer_counts() -> None:
    gate = GateSettings(quorum=2, expires_after_days=7)
    old, new = (NOON - timedelta(days=8)).isoformat(), NOON.isoformat()
    words = {"calibration": "bias", "producer": "ann", "digest": DIGEST, "at": NOON}
    fresh = [approval("bob", when_utc=new), approval("cid", when_utc=new)]
    stale = [approval("bob", when_utc=old), approval("cid", when_utc=new)]
    assert quorum_reached(fresh, gate, **words)
    assert not quorum_reached(stale, gate, **words)
