"""The state of a calibration follows from the record alone, and only along legal ways."""

import tempfile

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from infra.errors import GateError, LedgerError
from infra.ledger import FINISHED, LEGAL, CalibrationState, Campaign, Ledger, Step
from infra.ledger.states import _CLAIMS, claimed_state, statuses
from tests.ledger.conftest import TO_GATE, walk

RELEASE = ("approve done approved", "certify done", "chain done", "export done")


def sync(ledger: Ledger, campaign: Campaign, site: str) -> None:
    ledger.record(
        Step(
            step="sync",
            status="done",
            who="ann",
            campaign=campaign.name,
            calibration="bias",
            parameters={"site": site},
        )
    )


def test_a_calibration_walks_from_plan_to_two_sites(ledger: Ledger, campaign: Campaign) -> None:
    seen = []
    for words in (*TO_GATE, *RELEASE):
        walk(ledger, campaign, "bias", words)
        seen.append(str(ledger.states(campaign.name)["bias"]))
    assert seen == [
        "planned",
        "generating",
        "candidate",
        "verified",
        "awaiting-approval",
        "approved",
        "certified",
        "chained",
        "exported",
    ]
    sync(ledger, campaign, "summit")
    sync(ledger, campaign, "usdf")
    sync(ledger, campaign, "usdf")
    status = ledger.statuses(campaign.name)["bias"]
    assert str(status) == "deployed(summit, usdf)"
    assert status.sequence == 11
    assert ledger.is_finished(campaign.name)


def test_nothing_unapproved_is_certified_or_chained(ledger: Ledger, campaign: Campaign) -> None:
    walk(ledger, campaign, "bias", *TO_GATE)
    before = ledger.entries()
    for step in ("certify", "chain", "export", "sync"):
        with pytest.raises((GateError, LedgerError), match="bias is awaiting-approval and cannot become"):
            walk(ledger, campaign, "bias", f"{step} done")
    with pytest.raises(GateError, match="bias is awaiting-approval and cannot become certified"):
        walk(ledger, campaign, "bias", "certify done")
    assert ledger.entries() == before


def test_a_rejected_calibration_is_never_released(ledger: Ledger, campaign: Campaign) -> None:
    walk(ledger, campaign, "bias", *TO_GATE, "approve done rejected")
    assert ledger.is_finished(campaign.name)
    with pytest.raises(
        GateError, match="bias is rejected and cannot become certified — from here it can become: nothing"
    ):
        walk(ledger, campaign, "bias", "certify done")


def test_a_failed_verification_still_reaches_the_gate(ledger: Ledger, campaign: Campaign) -> None:
    walk(ledger, campaign, "bias", *TO_GATE[:3], "verify done failed-verification", "approve started")
    assert ledger.states(campaign.name) == {"bias": CalibrationState.AWAITING_APPROVAL}


def test_a_verification_that_could_not_run_is_not_verified(ledger: Ledger, campaign: Campaign) -> None:
    walk(ledger, campaign, "bias", *TO_GATE[:3], "verify done could-not-run")
    assert ledger.states(campaign.name) == {"bias": CalibrationState.FAILED_VERIFICATION}


def test_a_verification_must_say_how_it_ended(ledger: Ledger, campaign: Campaign) -> None:
    walk(ledger, campaign, "bias", *TO_GATE[:3])
    with pytest.raises(LedgerError, match="step 'verify' ended with 'fine', which leads to no state"):
        walk(ledger, campaign, "bias", "verify done fine")


def test_a_killed_run_starts_again(ledger: Ledger, campaign: Campaign) -> None:
    walk(ledger, campaign, "bias", *TO_GATE[:2], "select done", "generate started", "generate failed")
    assert ledger.states(campaign.name) == {"bias": CalibrationState.PLANNED}
    walk(ledger, campaign, "bias", "generate started", "generate done")
    assert ledger.states(campaign.name) == {"bias": CalibrationState.CANDIDATE}


def test_a_release_that_is_resumed_repeats_its_steps_without_going_back(
    ledger: Ledger, campaign: Campaign
) -> None:
    walk(ledger, campaign, "bias", *TO_GATE, *RELEASE)
    sync(ledger, campaign, "summit")
    walk(ledger, campaign, "bias", "select done", *RELEASE[1:])
    assert str(ledger.statuses(campaign.name)["bias"]) == "deployed(summit)"


def test_more_work_asked_by_the_board_goes_back_to_the_plan(ledger: Ledger, campaign: Campaign) -> None:
    walk(ledger, campaign, "bias", *TO_GATE, "reopen done", "generate started")
    assert ledger.states(campaign.name) == {"bias": CalibrationState.GENERATING}


def test_what_is_made_for_others_is_finished_once_it_is_made(ledger: Ledger, campaign: Campaign) -> None:
    walk(ledger, campaign, "biasBootstrap", *TO_GATE[:2], "generate done intermediate")
    assert ledger.states(campaign.name) == {"biasBootstrap": CalibrationState.INTERMEDIATE}
    assert ledger.is_finished(campaign.name)
    with pytest.raises(GateError, match="biasBootstrap is intermediate and cannot become awaiting-approval"):
        walk(ledger, campaign, "biasBootstrap", "approve started")


def test_while_people_decide_nothing_is_made_anew(ledger: Ledger, campaign: Campaign) -> None:
    walk(ledger, campaign, "bias", *TO_GATE)
    with pytest.raises(LedgerError, match="bias is awaiting-approval and cannot become generating"):
        walk(ledger, campaign, "bias", "generate started")


def test_calibrations_walk_each_for_itself(ledger: Ledger, campaign: Campaign) -> None:
    walk(ledger, campaign, "bias", *TO_GATE)
    walk(ledger, campaign, "flat-r", *TO_GATE[:2])
    walk(ledger, campaign, "dark", "report done", "select done")
    assert {key: str(state) for key, state in ledger.states(campaign.name).items()} == {
        "bias": "awaiting-approval",
        "flat-r": "generating",
        "dark": "planned",
    }


def test_every_state_can_be_reached_and_only_ends_lead_nowhere() -> None:
    assert set(LEGAL) == {None, *CalibrationState}
    reached = {CalibrationState.PLANNED}
    while True:
        more = reached.union(*(LEGAL[state] for state in reached))
        if more == reached:
            break
        reached = more
    assert reached == set(CalibrationState)
    ends = {state for state in CalibrationState if not LEGAL[state]}
    assert ends == {CalibrationState.REJECTED, CalibrationState.WITHDRAWN}
    assert ends <= FINISHED


def test_only_approval_leads_into_the_release() -> None:
    released = {CalibrationState.CERTIFIED, CalibrationState.CHAINED, CalibrationState.EXPORTED}
    released |= {CalibrationState.DEPLOYED, CalibrationState.SUPERSEDED}
    ways_in = {state for state in LEGAL if state not in released and LEGAL[state] & released}
    assert ways_in == {CalibrationState.APPROVED}


_CLAIMING = [(step, status, outcome) for step, status, outcome in _CLAIMS]


@settings(max_examples=40)
@given(st.lists(st.tuples(st.sampled_from(_CLAIMING), st.sampled_from(["bias", "dark"])), max_size=25))
def test_any_order_of_steps_leaves_a_legal_history(
    steps: list[tuple[tuple[str, str, str | None], str]],
) -> None:
    """Whatever is tried: what is accepted moves along legal ways, what is refused leaves no trace."""
    with tempfile.TemporaryDirectory() as folder, Ledger.open(f"{folder}/ledger.sqlite3") as ledger:
        campaign = ledger.open_campaign("LATISS", "DM-1", "tag", 20240318, "ann")
        approved: set[str] = set()
        for (step, status, outcome), key in steps:
            before, head = ledger.states(campaign.name), ledger.head()
            try:
                ledger.record(
                    Step(
                        step=step,
                        status=status,
                        who="ann",
                        campaign=campaign.name,
                        calibration=key,
                        outcome=outcome,
                    )
                )
                said = ""
            except (GateError, LedgerError) as error:
                said = str(error)
            if said:
                assert f"cannot become {claimed_state(step, status, outcome)}" in said
                assert str(before.get(key) or "unknown") in said
                assert ledger.head() == head
            after = ledger.states(campaign.name)
            assert {k: s for k, s in after.items() if k != key} == {
                k: s for k, s in before.items() if k != key
            }
            if after.get(key) != before.get(key):
                assert after[key] in LEGAL[before.get(key)]
            if after.get(key) is CalibrationState.APPROVED:
                approved.add(key)
            if after.get(key) in (CalibrationState.CERTIFIED, CalibrationState.CHAINED):
                assert key in approved
        entries = ledger.entries(campaign.name)
        assert {k: s.state for k, s in statuses(entries).items()} == ledger.states(campaign.name)
        assert ledger.verify() == []
